/**
 * An agent that keeps its document: what it acknowledged survives its end, however it ends, and
 * it goes on under the same writer id, unless that is in doubt.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { Agent, type Problem } from '../src/agent.ts'
import { Failure } from '../src/errors.ts'
import { readEntries, writeEntry } from '../src/maps.ts'
import { type Keep, keepIn } from '../src/store/keep.ts'
import { MailboxTransport } from '../src/transports/mailbox.ts'
import { seeded } from '../src/transports/network.ts'
import { temporaryFolder, until } from './helpers/cli.ts'
import { rejects, suite } from './helpers/suite.ts'

const test = suite('durable agent')

const WRITER = fileURLToPath(new URL('fixtures/agent/writer.ts', import.meta.url))

/** Times that the writing agent is killed. */
const KILLS = 12

/** Milliseconds that it may write before, at most. */
const LIFE = 150

const within = async (run: (dir: string) => Promise<void>): Promise<void> => {
  const { dir, remove } = temporaryFolder()
  try {
    await run(dir)
  } finally {
    remove()
  }
}

const agentIn = (dir: string, name: string, problems: Problem[] = [], keep?: Keep): Agent =>
  new Agent({
    swarm: 'kv',
    transport: new MailboxTransport({ dir: join(dir, 'mail'), address: name }),
    keep: keep ?? keepIn(join(dir, name)),
    config: { intervalMs: 300 },
    onProblem: (problem) => problems.push(problem),
  })

const agree = (...agents: Agent[]): Promise<unknown> =>
  until('one digest', () => new Set(agents.map((agent) => agent.status().digest)).size === 1)

test('has everything after a restart, under the same writer id', () =>
  within(async (dir) => {
    const before = agentIn(dir, 'a')
    await before.start()
    writeEntry(before.doc, 'state', 'k', { deep: [1] })
    await before.flushed()
    const writer = before.doc.clientID
    const { digest } = before.status()
    await before.stop()
    const after = agentIn(dir, 'a')
    await after.start()
    assert.is(after.doc.clientID, writer)
    assert.equal(readEntries(after.doc, 'state'), { k: { deep: [1] } })
    assert.is(after.status().digest, digest)
    await after.stop()
  }))

test('keeps what it received, too', () =>
  within(async (dir) => {
    const [a, b] = [agentIn(dir, 'a'), agentIn(dir, 'b')]
    await a.start()
    await b.start()
    writeEntry(a.doc, 'state', 'k', 1)
    await until('b has it', () => b.doc.getMap('state').get('k') === 1)
    await b.flushed()
    await a.stop()
    await b.stop()
    const again = agentIn(dir, 'b')
    await again.start()
    assert.equal(readEntries(again.doc, 'state'), { k: 1 })
    await again.stop()
  }))

test('lets no second agent work on its folder', () =>
  within(async (dir) => {
    const first = agentIn(dir, 'a')
    await first.start()
    const second = new Agent({
      swarm: 'kv',
      transport: new MailboxTransport({ dir: join(dir, 'mail'), address: 'other' }),
      keep: keepIn(join(dir, 'a')),
    })
    await rejects(() => second.start(), /already_exists/)
    await first.stop()
  }))

test('takes a new writer id when its folder turns out to be a copy, and loses nothing', () =>
  within(async (dir) => {
    const problems: Problem[] = []
    const before = agentIn(dir, 'a')
    await before.start()
    writeEntry(before.doc, 'state', 'old', 1)
    await before.stop()
    cpSync(join(dir, 'a'), join(dir, 'backup'), { recursive: true })
    // It goes on, and its peer learns of it.
    const peer = agentIn(dir, 'peer')
    await peer.start()
    const later = agentIn(dir, 'a')
    await later.start()
    writeEntry(later.doc, 'state', 'later', 2)
    await agree(later, peer)
    const writer = later.doc.clientID
    await later.stop()
    // Then the folder is put back as it was. (What it wrote before it heard of anybody would be
    // beyond help: nothing tells two writes of one clock apart.)
    const restored = agentIn(dir, 'a', problems, keepIn(join(dir, 'backup')))
    await restored.start()
    await until('a new writer id', () => restored.doc.clientID !== writer)
    writeEntry(restored.doc, 'state', 'new', 4)
    await until('the restored agent has what it forgot', () =>
      restored.doc.getMap('state').has('later'),
    )
    assert.ok(
      problems.some((problem) => problem.type === 'refused' && problem.reason === 'own_clock'),
    )
    await until('the peer has the new write', () => peer.doc.getMap('state').get('new') === 4)
    await restored.stop()
    await peer.stop()
  }))

test('tells a refusing disk, publishes nothing meanwhile, and writes on when it recovers', () =>
  within(async (dir) => {
    const keep = keepIn(join(dir, 'a'))
    let isFull = false
    const full = new Failure('permission_denied', 'the disk is full')
    const { store } = keep
    const append = store.append.bind(store)
    store.append = (update) => (isFull ? Promise.reject(full) : append(update))
    const [a, b] = [agentIn(dir, 'a', [], keep), agentIn(dir, 'b')]
    await a.start()
    await b.start()
    writeEntry(a.doc, 'state', 'k', 1)
    await agree(a, b)
    isFull = true
    writeEntry(a.doc, 'state', 'k', 2)
    await rejects(() => a.flushed(), /permission_denied the disk is full/)
    assert.is(a.doc.getMap('state').get('k'), 2)
    assert.is(b.doc.getMap('state').get('k'), 1)
    isFull = false
    writeEntry(a.doc, 'state', 'l', 3)
    await a.flushed()
    await agree(a, b)
    assert.equal(readEntries(b.doc, 'state'), { k: 2, l: 3 })
    await a.stop()
    await b.stop()
    const again = agentIn(dir, 'a')
    await again.start()
    assert.equal(readEntries(again.doc, 'state'), { k: 2, l: 3 })
    await again.stop()
  }))

/** Runs the writing agent and kills it; what it had printed by then. */
const writeAndKill = async (dir: string, first: number, life: number) => {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', 'tsx', WRITER, dir, String(first)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let writer = 0
  let last = first - 1
  let timer: NodeJS.Timeout | undefined
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line.startsWith('writer ')) {
      writer = Number(line.slice(7))
      timer = setTimeout(() => child.kill('SIGKILL'), life)
    } else last = Number(line)
  }
  await ended
  clearTimeout(timer)
  return { writer, last }
}

const seed = Number(process.env.SEED ?? 1)

test(
  `has every acknowledged write after SIGKILL, ${KILLS} times (SEED=${seed})`,
  () =>
    within(async (dir) => {
      const random = seeded(seed)
      const writers = new Set<number>()
      let next = 0
      for (let kill = 0; kill < KILLS; kill++) {
        const { writer, last } = await writeAndKill(dir, next, random() * LIFE)
        assert.ok(writer > 0, 'the agent did not start')
        writers.add(writer)
        next = last + 1
      }
      assert.ok(next > KILLS, `only ${next} writes were acknowledged`)
      const [a, peer] = [agentIn(dir, 'writer'), agentIn(dir, 'peer')]
      await a.start()
      await peer.start()
      await agree(a, peer)
      for (const { doc } of [a, peer]) {
        const map = doc.getMap('state')
        for (let write = 0; write < next; write++) assert.is(map.get(`key${write}`), write)
      }
      // One id, and perhaps others after a torn end, but never a fork: the peer refused nothing.
      assert.equal(peer.status().counters.rejected, {})
      assert.ok(writers.size <= KILLS)
      await a.stop()
      await peer.stop()
    }),
  { timeout: 180_000 },
)

test.run()
