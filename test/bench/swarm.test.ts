/**
 * The parts of the bench of real agents: figures from observations, and the check of the answer.
 * Whole runs are in pilot/bench-swarm.test.ts.
 */
import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { quantilesOf } from '../../bench/runner/stats.ts'
import { runLoad } from '../../bench/swarm/clock.ts'
import { describeGrowth, randomText } from '../../bench/swarm/import.ts'
import { acknowledgementsOf, Journal, lagsOf, type Write } from '../../bench/swarm/journal.ts'
import { checkLoads } from '../../bench/swarm/main.ts'
import { medianRunOf } from '../../bench/swarm/medians.ts'
import { readUsage, usedSince } from '../../bench/swarm/processor.ts'
import { showBench } from '../../bench/swarm/report.ts'
import type { Run } from '../../bench/swarm/result.ts'
import { trafficOf } from '../../bench/swarm/traffic.ts'
import type { AgentStatus } from '../../src/agent/status.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { benchOf, FINE } from './fine-run.ts'

const test = suite('bench: swarm')

test('quantiles: each is one of the times; all are 0 for an empty list', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at)
  assert.equal(quantilesOf(hundred), { count: 100, p50: 50, p99: 99, max: 100 })
  assert.equal(quantilesOf([7.04]), { count: 1, p50: 7, p99: 7, max: 7 })
  assert.equal(quantilesOf([]), { count: 0, p50: 0, p99: 0, max: 0 })
})

const journalOf = (isHot = false): Journal => new Journal({ agents: 3, valueBytes: 6, isHot })

const acknowledge = (write: Write, time: number): Write =>
  Object.assign(write, { acknowledged: time })

test('journal: each replica shows a write once, the writer does not', () => {
  const journal = journalOf()
  const [first, second] = [journal.issue(0, 10), journal.issue(0, 20)]
  assert.equal([first.key, first.value, second.key], ['w0:0', '0:xxxx', 'w0:1'])
  journal.see(0, 'w0:0', '0:xxxx', 11)
  journal.see(1, 'w0:0', '0:xxxx', 12)
  journal.see(1, 'w0:0', '0:xxxx', 99)
  journal.see(2, 'w0:1', '1:xxxx', 13)
  for (const key of ['other', 'w9:0', 'w0:7']) journal.see(1, key, '7:xxxx', 14)
  assert.equal(
    [first.seen, second.seen],
    [
      [undefined, 12, undefined],
      [undefined, undefined, 13],
    ],
  )
  assert.is(journal.unseen, 0, 'no write is acknowledged')
  acknowledge(first, 15)
  assert.is(journal.unseen, 1)
  assert.equal([...journal.expected()], [['w0:0', '0:xxxx']])
})

test('journal: a later value of a hot key shows the earlier ones; the last one is expected', () => {
  const journal = journalOf(true)
  const writes = [0, 1, 2].map((at) => acknowledge(journal.issue(1, at), at + 1))
  journal.see(0, 'w1', '0:xxxx', 5)
  journal.see(0, 'w1', '2:xxxx', 9)
  journal.see(0, 'w1', '1:xxxx', 11)
  assert.equal(
    writes.map(({ seen }) => seen[0]),
    [5, 9, 9],
  )
  assert.equal([...journal.expected()], [['w1', '2:xxxx']])
})

test('lags: count from due to shown; a write that has not arrived counts as shown now', () => {
  const journal = journalOf()
  const write = acknowledge(journal.issue(0, 100), 103)
  journal.issue(1, 100)
  journal.see(1, write.key, write.value, 140)
  const { each, all } = lagsOf(journal.writes, 1_100)
  assert.equal(
    [each, all],
    [
      { count: 2, p50: 40, p99: 1_000, max: 1_000 },
      { count: 1, p50: 1_000, p99: 1_000, max: 1_000 },
    ],
  )
  assert.is(lagsOf(journal.writes, 1_100, (replica) => replica !== 2).all.max, 40)
  assert.equal(acknowledgementsOf(journal.writes), { count: 1, p50: 3, p99: 3, max: 3 })
})

test('load: the rate alone decides when a write is due, and agents take turns', async () => {
  const writes: [agent: number, due: number][] = []
  await runLoad({
    rate: 200,
    isOver: (at) => at >= 50,
    writers: [2, 5],
    write: (agent, due) => writes.push([agent, due]),
    signal: new AbortController().signal,
  })
  const [[, start]] = writes as [[number, number]]
  assert.equal(
    writes.map(([agent, due]) => [agent, Math.round((due - start) * 10) / 10]),
    Array.from({ length: 10 }, (_, at) => [at % 2 === 0 ? 2 : 5, at * 5]),
  )
})

test('answer: a run that lost a write, was refused one, or has unequal replicas fails', async () => {
  const lost = { ...FINE, writes: { ...FINE.writes, lost: 3 } }
  const refused = { ...FINE, writes: { ...FINE.writes, failed: 1 } }
  const differing = { ...FINE, equal: { isEqual: false, seconds: null } }
  checkLoads([benchOf({}, [FINE, FINE]), benchOf({ agents: 20, rate: 50 })])
  const wrong: [run: Run, message: RegExp][] = [
    [lost, /^internal 20 agents at 50\/s, run 2: 3 acknowledged writes are lost$/],
    [refused, /run 2: 1 writes were refused/],
    [differing, /run 2: the replicas are not equal/],
  ]
  for (const [run, message] of wrong) {
    const loads = [benchOf(), benchOf({ agents: 20, rate: 50 }, [FINE, run])]
    await rejects(() => checkLoads(loads), message)
  }
})

test('medians: each number has its own; never is later than any time', () => {
  const never = { ...FINE, equal: { isEqual: false, seconds: null }, problems: { timeout: 6 } }
  const slow = { ...FINE, equal: { isEqual: true, seconds: 9 }, backlog: { max: 50, last: 7 } }
  const median = medianRunOf([never, FINE, slow])
  assert.equal(
    [median.equal, median.backlog, median.problems],
    [{ isEqual: false, seconds: 9 }, { max: 5, last: 0 }, { timeout: 0 }],
  )
  assert.is(medianRunOf([never, FINE, never]).equal.seconds, null)
})

test('medians: series of unequal length end with the shortest', () => {
  const grownTo = (seconds: number): Run => {
    const keys = Array.from({ length: seconds + 1 }, (_, at) => [at, 10 * at] as const)
    const growth = [{ name: 'n', firstSeconds: 1, wholeSeconds: seconds, pauseSeconds: 1, keys }]
    const imported = { entries: 10, bytes: 10, seconds, growth }
    return { ...FINE, import: { ...imported, sentPerPeer: 1, sentByAllPerPeer: 1 } }
  }
  const [of] = medianRunOf([grownTo(4), grownTo(2), grownTo(3)]).import?.growth ?? []
  assert.equal(
    [of?.wholeSeconds, of?.keys],
    [
      3,
      [
        [0, 0],
        [1, 10],
        [2, 20],
      ],
    ],
  )
})

test('growth: has the longest pause between keys, including the one before the end', () => {
  const keys = [
    [0, 0],
    [1, 10],
    [2, 10],
    [4.5, 10],
    [5, 20],
    [6, 30],
  ] as const
  const whole = describeGrowth('n2', keys, 30)
  assert.equal(
    { ...whole, keys: [] },
    {
      name: 'n2',
      firstSeconds: 1,
      wholeSeconds: 6,
      pauseSeconds: 4,
      keys: [],
    },
  )
  const stuck = describeGrowth('n2', [...keys, [60, 30] as const], 31)
  assert.equal([stuck.wholeSeconds, stuck.pauseSeconds], [null, 54])
  assert.is(describeGrowth('n2', [[9, 0]], 31).firstSeconds, null)
})

test('traffic: has the difference of all counters, new ones included, divided by the writes', () => {
  const statusOf = (counters: object) => ({ counters }) as unknown as AgentStatus
  const before = [
    statusOf({ pushesSent: 5, rejected: {} }),
    statusOf({ pushesSent: 1, rejected: {} }),
  ]
  const after = [
    statusOf({ pushesSent: 25, pushesReceived: 30, redundant: 6, bytesSent: 500, rejected: {} }),
    statusOf({ pushesSent: 21, sendsFailed: 4, published: 3, rejected: { damaged: 2 } }),
  ]
  const traffic = trafficOf(before, after, 10)
  const { sent, perWrite, bytesPerWrite, redundantShare, failedShare } = traffic
  assert.equal([sent, perWrite, bytesPerWrite, redundantShare, failedShare], [40, 4, 50, 0.2, 0.1])
  assert.equal([traffic.counters.published, traffic.counters['rejected.damaged']], [3, 2])
})

test('random text: depends on the seed alone, has one byte a character, does not compress', async () => {
  const text = randomText(7, 50_000)
  assert.ok(text === randomText(7, 50_000) && text !== randomText(8, 50_000))
  assert.is(Buffer.byteLength(JSON.stringify(text)), 50_002)
  const { deflateRawSync } = await import('node:zlib')
  assert.ok(deflateRawSync(text).length > 40_000)
})

test('processor: ended children count as pilotctl, and no time counts twice', () => {
  if (process.platform !== 'linux') {
    assert.is(readUsage([process.pid], []), null)
    return
  }
  const before = readUsage([process.pid], [process.pid])
  // Uses a fifth of a second of processor time, however long that takes.
  const program = 'while (process.cpuUsage().user < 200_000);'
  assert.is(spawnSync(process.execPath, ['-e', program]).status, 0)
  const used = usedSince(before, readUsage([process.pid], [process.pid]))
  assert.ok(used!.pilotctl >= 0.15, `${used!.pilotctl} s of children`)
  assert.ok(used!.daemons >= used!.pilotctl, 'a daemon counts with its children')
  assert.ok(
    usedSince(before, readUsage([], []))!.others >= 0.15,
    'time of no known process counts as others',
  )
  assert.is(usedSince(before, null), null)
})

test('report: has a column for each run and one for medians, then the rows of the scenario', () => {
  const bench = benchOf({}, [FINE, FINE])
  const shown = showBench(bench)
  assert.match(shown, /^A, 2 cores, p; node 20, .* before\n5 agents .* Pilot 1\.18\.0/)
  assert.match(shown, /run 1 +run 2 +median\n/)
  assert.match(shown, /\nlag\.each\.p99 +4 +4 +4\n/)
  const swaps = [{ version: '1.10.0', arrived: [12, null] }]
  assert.match(showBench(benchOf({}, [{ ...FINE, swaps }])), /1\.10\.0 +12 \/ never\n/)
})

test.run()
