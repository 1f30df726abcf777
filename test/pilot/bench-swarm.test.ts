/**
 * Short runs of the bench with real agents and daemons. Counts are asserted; times are not, because
 * they depend on the machine.
 */
import { readdirSync, readFileSync } from 'node:fs'
import * as assert from 'uvu/assert'
import { benchSwarm } from '../../bench/swarm/bench.ts'
import { main } from '../../bench/swarm/main.ts'
import type { SwarmBench, SwarmBenches } from '../../bench/swarm/result.ts'
import { type Settings, STANDARD } from '../../bench/swarm/settings.ts'
import { inFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'
import { available } from './programs.ts'

const test = suite('bench: real agents')

/** Milliseconds for one test: agents start from sources, perhaps on a busy machine. */
const LONG = { timeout: 300_000 }

/** One write at a time with hardly a round in between, so that each is counted separately. */
const CALM: Settings = {
  ...STANDARD,
  agents: 3,
  rate: 1,
  seconds: 6,
  interval: '15s',
  idleSeconds: 1,
}

/**
 * Messages for each write in a swarm of three. The writer pushes to two agents, each of them pushes
 * to the third, and each of the three sends its digest to both others; agents skip some of that.
 */
const MAX_MESSAGES_PER_WRITE = 8
/** Share of received updates. Without skipping, both receivers would get it from each other again. */
const MAX_REDUNDANT = 0.2

/** No write is refused or lost, and no message is left unread. */
const checkAnswer = ({ runs: [run] }: SwarmBench, writes: number): void => {
  const { issued, acknowledged, failed, lost, unseen } = run!.writes
  assert.equal(
    { issued, acknowledged, failed, lost, unseen },
    { issued: writes, acknowledged: writes, failed: 0, lost: 0, unseen: 0 },
  )
  assert.is(run!.equal.isEqual, true)
  assert.is(run!.backlog.last, 0)
  assert.equal(run!.traffic.counters.sendsFailed, 0)
}

/** Agents and daemons of this process that are running. */
const children = (): string[] =>
  readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      const [, name, parent] = /\((.*)\) \S (\d+)/.exec(stat) ?? []
      return Number(parent) === process.pid && /^(node|pilot)/.test(name!) ? [`${pid} ${name}`] : []
    } catch {
      return [] // it just ended
    }
  })

/** Exit code and output of the program in this process. It is interrupted when its progress shows `until`. */
const play = async (args: readonly string[], until = '', look = () => {}) => {
  const interrupt = new AbortController()
  const printed = { out: '', err: '' }
  const code = await main(
    args,
    {
      out: (text) => {
        printed.out += text
      },
      err: (text) => {
        printed.err += text
      },
      progress: (row) => {
        if (until === '' || !row.includes(until)) return
        look()
        interrupt.abort()
      },
    },
    interrupt.signal,
  )
  return { code, ...printed }
}

const overDaemons: [string, () => Promise<void>][] = [
  [
    'messages: a write costs a bounded number, none fails, and no write is lost',
    async () => {
      const bench = await benchSwarm(CALM)
      checkAnswer(bench, CALM.rate * CALM.seconds)
      const { perWrite, redundantShare, received } = bench.runs[0]!.traffic
      assert.ok(received > 0, 'no message was counted')
      assert.ok(perWrite <= MAX_MESSAGES_PER_WRITE, `${perWrite} messages a write`)
      assert.ok(
        redundantShare <= MAX_REDUNDANT,
        `${redundantShare} of the received updates were redundant`,
      )
      const { processorSeconds, lag } = bench.median
      assert.ok(processorSeconds!.agents > 0 && processorSeconds!.pilotctl > 0)
      assert.ok(processorSeconds!.daemons > 0)
      assert.is(lag.each.count, 2 * CALM.rate * CALM.seconds)
    },
  ],
  [
    'interrupt: all processes are stopped, and the folder is removed',
    () =>
      inFolder(async (dir) => {
        const { TMPDIR = '/tmp' } = process.env
        process.env.TMPDIR = dir
        try {
          let during = 0
          const { code, out } = await play(['--agents', '2'], 'get to know', () => {
            during = children().length
          })
          assert.equal({ code, out, during }, { code: 130, out: '', during: 4 })
          assert.equal({ children: children(), left: readdirSync(dir) }, { children: [], left: [] })
        } finally {
          process.env.TMPDIR = TMPDIR
        }
      }),
  ],
]

const reason = available(STANDARD.versions)
for (const [name, run] of overDaemons) {
  if (reason === undefined) test(name, run, LONG)
  else test.skip(name, reason)
}

test(
  'mailbox: the program prints the result and exits with 0',
  async () => {
    const words =
      '--agents 2 --transport mailbox --rate 10 --seconds 1 --idle 1 --runs 2 --hot --json'
    const { code, out, err } = await play(words.split(' '))
    assert.equal({ code, err }, { code: 0, err: '' })
    const { status, data } = JSON.parse(out) as { status: string; data: SwarmBench }
    assert.is(status, 'ok')
    assert.is(data.runs.length, 2)
    checkAnswer(data, 10)
    assert.is(data.median.writes.acknowledged, 10)
  },
  LONG,
)

const LOADS = '--loads 2@10,3@20:2 --transport mailbox --seconds 1 --idle 1 --json'.split(' ')

test(
  'loads: each is measured with its own agents, rate and time',
  async () => {
    const { code, out, err } = await play(LOADS)
    assert.equal({ code, err }, { code: 0, err: '' })
    const { loads } = (JSON.parse(out) as { data: SwarmBenches }).data
    const [first, second, ...more] = loads as [SwarmBench, SwarmBench]
    assert.equal(more, [])
    assert.equal([first.settings.agents, second.settings.agents], [2, 3])
    checkAnswer(first, 10)
    checkAnswer(second, 40)
    assert.is(second.median.lag.each.count, 2 * 40)
  },
  LONG,
)

test(
  'loads: after an interrupt the measured ones are printed',
  async () => {
    const { code, out } = await play(LOADS, '3 agents at 20/s: ')
    assert.is(code, 130)
    const { loads } = (JSON.parse(out) as { data: SwarmBenches }).data
    assert.equal(
      loads.map(({ settings }) => settings.agents),
      [2],
    )
  },
  LONG,
)

test(
  'import: all values arrive, and so do small writes meanwhile',
  async () => {
    const words = '--agents 2 --transport mailbox --scenario import --entries 40 --idle 1 --json'
    const { code, out, err } = await play(words.split(' '))
    assert.equal({ code, err }, { code: 0, err: '' })
    const { runs } = (JSON.parse(out) as { data: SwarmBench }).data
    const { entries, bytes, growth } = runs[0]!.import!
    assert.equal({ entries, peers: growth.length }, { entries: 40, peers: 1 })
    assert.ok(bytes > 40 * STANDARD.entryBytes)
    assert.is(growth[0]!.keys.at(-1)![1], 40)
    assert.ok(runs[0]!.writes.acknowledged > 0)
  },
  LONG,
)

test.run()
