/**
 * What peers name and write, on a terminal: nothing of it reaches the terminal as a control character,
 * whatever the command. With `--json`, and in a pipe, a program gets every character.
 */
import * as assert from 'uvu/assert'
import type { REQUESTS } from '../../src/cli/requests.ts'
import { writeEntry } from '../../src/maps/index.ts'
import { Recorder } from '../../src/testing/index.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'
import { dataOf, inProcess } from '../helpers/cli.ts'
import { closeAll, serve } from '../helpers/control.ts'
import { inFolder } from '../helpers/folder.ts'
import { pushText } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'
import { until } from '../helpers/until.ts'

const test = suite('terminal')

/** Clears the screen, sets the title, begins a control sequence in one character, and turns the writing. */
const EVIL = 'k\x1b[2J\x1b]0;owned\x07\u009b31m\u202e\u061c\rx'

/** What must not be there. A text of several lines has line breaks, and a table no tabs. */
const CONTROL = /(?![\n\t])\p{Cc}|[\p{Bidi_Control}\u2028\u2029]/u

type Requested = keyof typeof REQUESTS

/** Every command that asks an agent, with what a peer has named. */
const COMMANDS = {
  status: ['status'],
  points: ['points', '--take'],
  peers: ['peers'],
  get: ['get', EVIL],
  set: ['set', EVIL, EVIL],
  claim: ['claim', EVIL, '--as', EVIL, '--settle', '1ms'],
  renew: ['renew', EVIL, '--as', EVIL],
  release: ['release', EVIL, '--as', EVIL],
  expire: ['expire', EVIL, '1h'],
  persist: ['persist', EVIL],
  has: ['has', EVIL],
  history: ['history', EVIL],
  append: ['append', 'list', EVIL],
  increment: ['increment', `${EVIL}count`],
  delete: ['delete', `${EVIL}gone`],
  restore: ['restore', '--at', '0s', '--dry-run'],
} as const satisfies Record<Requested, readonly string[]>

const OTHERS = [
  ['list'],
  ['keys'],
  ['list', '--map', `${EVIL}none`],
  ['wait', EVIL, '--timeout', '5s'],
  ['wait', `${EVIL}never`, EVIL, '--timeout', '10ms'],
  ['get', `${EVIL}missing`],
  ['get', EVIL, '--map', EVIL],
  ['export', '-'],
  ['doctor'],
  [EVIL],
  ['get', `--${EVIL}`],
] as const

const play = (run: (kit: { dir: string; close: () => Promise<void> }) => Promise<void>) => () =>
  inFolder(async (root) => {
    try {
      const hub = new MemoryHub()
      const { dir, agent, close } = await serve(root, { name: 'a', hub })
      const evil = new MemoryTransport(hub, EVIL)
      await evil.open(new Recorder())
      await evil.send('a', pushText({ kv: { digest: 'd'.repeat(22) } }, { swarm: 'kv' }))
      await evil.send('a', EVIL)
      for (const key of [EVIL, `${EVIL}gone`]) writeEntry(agent.doc, 'state', key, EVIL)
      writeEntry(agent.doc, EVIL, EVIL, { [EVIL]: [EVIL] })
      writeEntry(agent.doc, 'state', `${EVIL}count`, 0)
      writeEntry(agent.doc, 'state', 'list', [EVIL])
      await until('the peer', () => agent.status().peers.length > 0)
      await run({ dir, close })
      await evil.close()
    } finally {
      await closeAll()
    }
  })

test(
  'no command lets through what controls a terminal',
  play(async ({ dir }) => {
    for (const args of [...Object.values(COMMANDS), ...OTHERS]) {
      const { stdout, stderr } = await inProcess([...args, '--data', dir], { isTerminal: true })
      const what = JSON.stringify(args)
      assert.ok(stdout !== '' || stderr !== '', `${what} printed nothing`)
      for (const text of [stdout, stderr])
        assert.not.match(text, CONTROL, `${what}: ${JSON.stringify(text)}`)
    }
  }),
)

test(
  'watch shows changes without what controls a terminal',
  play(async ({ dir, close }) => {
    const watching = inProcess(['watch', '--data', dir], { isTerminal: true })
    for (let i = 0; i < 20; i++) await inProcess(['set', EVIL, `${EVIL}${i}`, '--data', dir])
    await close()
    const { stdout, stderr } = await watching
    for (const text of [stdout, stderr]) assert.not.match(text, CONTROL)
  }),
)

test(
  'a program gets every character',
  play(async ({ dir }) => {
    assert.is(dataOf(await inProcess(['get', EVIL, '--json', '--data', dir])).value, EVIL)
    assert.is((await inProcess(['get', EVIL, '--data', dir])).stdout, `${EVIL}\n`)
    const { peers } = dataOf(await inProcess(['peers', '--json', '--data', dir]))
    assert.is((peers as { address: string }[])[0]?.address, EVIL)
    const { entries } = dataOf(await inProcess(['list', '--json', '--data', dir]))
    assert.is((entries as Record<string, unknown>)[EVIL], EVIL)
  }),
)

test.run()
