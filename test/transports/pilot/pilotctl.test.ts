import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as commands from '../../../src/transports/pilot/commands.ts'
import { Pilotctl } from '../../../src/transports/pilot/pilotctl.ts'
import { fakeSwarm } from '../../fixtures/pilot/fake.ts'
import { rejects, suite } from '../../helpers/suite.ts'
import { until } from '../../helpers/until.ts'

const test = suite('pilotctl')

/** Milliseconds: long enough to start Node on a busy machine. */
const PATIENT = { timeoutMs: 20_000 }
/** Milliseconds, for calls that never end by themselves. */
const SHORT = { timeoutMs: 300 }

const send = (nodeId: number) =>
  commands.sendMessage({ to: `0:0000.0000.000${nodeId}`, timeoutMs: 1000 })

/** Runs `play` with a fake program, configured by `env`. */
const withFake =
  (play: (pilotctl: Pilotctl, fake: ReturnType<typeof fakeSwarm>) => Promise<void>, env = {}) =>
  async () => {
    const fake = fakeSwarm()
    const node = fake.node(1)
    const pilotctl = new Pilotctl({ program: node.options.pilotctl, env: { ...node.env, ...env } })
    try {
      await play(pilotctl, fake)
    } finally {
      await pilotctl.close()
      fake.close()
    }
  }

/** A program of a few lines of shell. */
const withScript =
  (script: string, play: (pilotctl: Pilotctl, path: string) => Promise<void>, mode = 0o755) =>
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pilotctl-'))
    const path = join(folder, 'pilotctl')
    writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode })
    const pilotctl = new Pilotctl({ program: path })
    try {
      await play(pilotctl, path)
    } finally {
      await pilotctl.close()
      rmSync(folder, { recursive: true, force: true })
    }
  }

test(
  'returns the answer, in the given environment',
  withFake(async (pilotctl) => {
    const data = await pilotctl.ask(commands.info(), PATIENT)
    assert.is(data.node_id, 1)
    assert.is((await pilotctl.run(commands.version(), PATIENT)).stdout.trim(), '1.18.0')
  }),
)

test(
  'passes on the failure that pilotctl reports',
  withFake(async (pilotctl, fake) => {
    fake.set('down-1', true)
    const error = await rejects(() => pilotctl.ask(commands.info(), PATIENT), /not_running/)
    assert.match((error as { hint?: string }).hint ?? '', 'daemon start')
  }),
)

test('reports where it looked for a missing program', async () => {
  const pilotctl = new Pilotctl({ program: '/nowhere/pilotctl' })
  await rejects(
    () => pilotctl.ask(commands.info(), PATIENT),
    /not_found pilotctl was not found at "\/nowhere\/pilotctl"/,
  )
})

test(
  'reports a program that may not be executed',
  withScript(
    'exit 0',
    async (pilotctl) => {
      await rejects(
        () => pilotctl.ask(commands.info(), PATIENT),
        /permission_denied .*cannot be executed/,
      )
    },
    0o644,
  ),
)

test(
  'reports an argument that is too long, without repeating it',
  withScript('echo \'{"status":"ok","data":{}}\'', async (pilotctl) => {
    const ask = (length: number) =>
      pilotctl.ask(
        commands.sendMessage({
          to: '0:0000.0000.0002',
          timeoutMs: 1,
          payload: 'secret'.padEnd(length, 'x'),
        }),
        PATIENT,
      )
    assert.equal(await ask(120_000), {})
    const error = await rejects(() => ask(200_000), /too_large/)
    assert.ok(error.message.length < 200)
    assert.not.match(`${error.stack} ${String(error.cause)}`, 'secret')
  }),
)

for (const [what, say] of [
  ['nothing', 'true'],
  ['text', 'echo hello'],
  ['half an answer', 'printf \'{"status":"ok","da\''],
  ['text on stderr', 'echo broken >&2; exit 3'],
] as const)
  test(
    `rejects an answer of ${what} with its reason`,
    withScript(say, async (pilotctl) => {
      await rejects(() => pilotctl.ask(commands.info(), PATIENT), /internal pilotctl answered/)
    }),
  )

test(
  'kills a program that prints without end',
  withScript('exec yes nonsense', async (pilotctl) => {
    await rejects(() => pilotctl.ask(commands.info(), PATIENT), /internal .*more than 8388608/)
  }),
)

test(
  'reports a program that another process killed',
  withScript('kill -9 $$', async (pilotctl) => {
    await rejects(() => pilotctl.ask(commands.info(), PATIENT), /internal .*SIGKILL/)
  }),
)

test(
  'kills a program that takes too long, even if it ignores signals',
  withScript('trap "" TERM INT HUP; while :; do sleep 1; done', async (pilotctl) => {
    await rejects(() => pilotctl.ask(commands.info(), SHORT), /timeout .*within 300 ms/)
    const fraction = { timeoutMs: 300.3395080566406 } // that of a message of any length
    await rejects(() => pilotctl.ask(commands.info(), fraction), /timeout .*within 301 ms/)
  }),
)

test(
  'gives up a wrapper whose child holds its streams open',
  withScript('sleep 20', async (pilotctl) => {
    await rejects(() => pilotctl.ask(commands.info(), SHORT), /timeout/)
  }),
  { timeout: 10_000 },
)

test(
  'accepts a program that leaves its input unread',
  withScript('echo \'{"status":"ok","data":{"a":1}}\'', async (pilotctl) => {
    const input = 'x'.repeat(4_000_000)
    assert.equal(await pilotctl.ask(commands.info(), { ...PATIENT, input }), { a: 1 })
  }),
)

test(
  'passes its whole input on',
  withScript('echo "{\\"status\\":\\"ok\\",\\"data\\":{\\"n\\":$(wc -c)}}"', async (pilotctl) => {
    const input = `${'\u20ac'.repeat(1_000_000)}\n`
    assert.equal(await pilotctl.ask(commands.info(), { ...PATIENT, input }), { n: 3_000_001 })
    assert.equal(await pilotctl.ask(commands.info(), PATIENT), { n: 0 })
  }),
)

test(
  'lets other calls pass while some hang',
  withFake(async (pilotctl, fake) => {
    fake.node(2)
    fake.set('hang-3', true)
    const hanging = [1, 2, 3].map(() => rejects(() => pilotctl.ask(send(3), PATIENT), /closed/))
    const data = await pilotctl.ask(send(2), { ...PATIENT, input: 'x' })
    assert.match(String(data.ack), 'ACK')
    await pilotctl.close()
    await Promise.all(hanging)
  }),
)

test(
  'runs 16 calls at once, and then all the others',
  withScript(
    'echo start >>"$0.log"; sleep 0.05; echo end >>"$0.log"; echo \'{"status":"ok"}\'',
    async (_, program) => {
      const pilotctl = new Pilotctl({ program, queueMs: PATIENT.timeoutMs })
      await Promise.all(Array.from({ length: 40 }, () => pilotctl.ask(commands.info(), PATIENT)))
      const events = readFileSync(`${program}.log`, 'utf8').trim().split('\n')
      let running = 0
      let most = 0
      for (const event of events) {
        running += event === 'start' ? 1 : -1
        most = Math.max(most, running)
      }
      assert.is(events.length, 80)
      assert.ok(most <= 16 && most > 1, `${most} at once`)
    },
  ),
)

test(
  'rejects queued calls when it is closed, and all later ones',
  withScript('echo start >>"$0.log"; exec sleep 60', async (_, program) => {
    const pilotctl = new Pilotctl({ program, queueMs: PATIENT.timeoutMs })
    const log = `${program}.log`
    const started = (): number =>
      existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0
    const calls = Array.from({ length: 20 }, () =>
      rejects(() => pilotctl.ask(commands.info(), { timeoutMs: 60_000 }), /closed/),
    )
    await until('all places to be taken', () => started() === 16)
    await pilotctl.close()
    await Promise.all(calls)
    await rejects(() => pilotctl.ask(commands.info(), PATIENT), /closed/)
    assert.is(started(), 16)
    await pilotctl.close()
  }),
)

test(
  'rejects a call that gets no slot in time',
  withScript('exec sleep 60', async (_, program) => {
    const pilotctl = new Pilotctl({ program, queueMs: 100 })
    const hanging = Array.from({ length: 16 }, () =>
      rejects(() => pilotctl.ask(commands.info(), { timeoutMs: 60_000 }), /closed/),
    )
    const waiting = () => pilotctl.ask(commands.info(), PATIENT)
    await rejects(waiting, /connection_failed 16 calls of pilotctl ran for 100 ms/)
    await pilotctl.close()
    await Promise.all(hanging)
  }),
)

test.run()
