/**
 * The parts of the bench of a swarm by themselves: how figures are made of what was seen, and that
 * a wrong answer is noticed. Whole runs are in pilot/bench-swarm.test.ts.
 */
import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { describeGrowth } from '../../bench/swarm/growth.ts'
import { Journal, type Write } from '../../bench/swarm/journal.ts'
import { acknowledgementsOf, lagsOf } from '../../bench/swarm/lags.ts'
import { runLoad } from '../../bench/swarm/load.ts'
import { medianRunOf } from '../../bench/swarm/medians.ts'
import { readUsage, usedSince } from '../../bench/swarm/processor.ts'
import { quantilesOf } from '../../bench/swarm/quantiles.ts'
import { showBench } from '../../bench/swarm/report.ts'
import type { Run } from '../../bench/swarm/result.ts'
import { randomText } from '../../bench/swarm/texts.ts'
import { trafficOf } from '../../bench/swarm/traffic.ts'
import { checkLoads, checkRuns } from '../../bench/swarm/verdict.ts'
import type { AgentStatus } from '../../src/agent/status.ts'
import { rejects, suite } from '../helpers/suite.ts'
import { benchOf, FINE } from './fine-run.ts'

const test = suite('bench of a swarm, its parts')

test('quantiles: each is one of the times, and of none all are 0', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at)
  assert.equal(quantilesOf(hundred), { count: 100, p50: 50, p99: 99, max: 100 })
  assert.equal(quantilesOf([7.04]), { count: 1, p50: 7, p99: 7, max: 7 })
  assert.equal(quantilesOf([]), { count: 0, p50: 0, p99: 0, max: 0 })
})

const journalOf = (isHot = false): Journal => new Journal({ agents: 3, valueBytes: 6, isHot })

const acknowledge = (write: Write, time: number): Write =>
  Object.assign(write, { acknowledged: time })

test('journal: a write is shown where it came, once, and not at its writer', () => {
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
  assert.is(journal.unseen, 0, 'nothing is acknowledged')
  acknowledge(first, 15)
  assert.is(journal.unseen, 1)
  assert.equal([...journal.expected()], [['w0:0', '0:xxxx']])
})

test('journal: of a hot key a later value shows the earlier ones, and the last is expected', () => {
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

test('lags: from due to shown, and a write that has not come is as late as now', () => {
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

test('load: each write is due by the rate alone, and the agents take turns', async () => {
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

test('verdict: what is lost, refused or not equal fails the run, and names it', async () => {
  checkRuns([FINE, FINE])
  const lost = { ...FINE, writes: { ...FINE.writes, lost: 3 } }
  await rejects(
    () => checkRuns([FINE, lost]),
    /^internal run 2: 3 of what was acknowledged is lost/,
  )
  const refused = { ...FINE, writes: { ...FINE.writes, failed: 1 } }
  await rejects(() => checkRuns([refused]), /1 writes were refused/)
  const differing = { ...FINE, equal: { isEqual: false, seconds: null } }
  await rejects(() => checkRuns([differing]), /not equal/)
})

test('verdict: of several loads the one that is wrong is named', async () => {
  const wrong = { ...FINE, writes: { ...FINE.writes, lost: 3 } }
  checkLoads([benchOf(), benchOf({ agents: 20, rate: 50 })])
  await rejects(
    () => checkLoads([benchOf(), benchOf({ agents: 20, rate: 50 }, [FINE, wrong])]),
    /^internal 20 agents at 50\/s, run 2: 3 of what was acknowledged is lost$/,
  )
})

test('medians: of each number by itself; never is later than late', () => {
  const never = { ...FINE, equal: { isEqual: false, seconds: null }, problems: { timeout: 6 } }
  const slow = { ...FINE, equal: { isEqual: true, seconds: 9 }, backlog: { max: 50, last: 7 } }
  const median = medianRunOf([never, FINE, slow])
  assert.equal(
    [median.equal, median.backlog, median.problems],
    [{ isEqual: false, seconds: 9 }, { max: 5, last: 0 }, { timeout: 0 }],
  )
  assert.is(medianRunOf([never, FINE, never]).equal.seconds, null)
})

test('medians: series of runs that took unequal times end with the shortest', () => {
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

test('growth: the longest time without a further key, that before the end too', () => {
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

test('traffic: the difference of all agents, by write, with counters that are new', () => {
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

test('texts: the same for the same seed, one byte a character, and they hardly repeat', async () => {
  const text = randomText(7, 50_000)
  assert.ok(text === randomText(7, 50_000) && text !== randomText(8, 50_000))
  assert.is(Buffer.byteLength(JSON.stringify(text)), 50_002)
  const { deflateRawSync } = await import('node:zlib')
  assert.ok(deflateRawSync(text).length > 40_000)
})

test('processor: children that have ended count as pilotctl, and nothing is counted twice', () => {
  if (process.platform !== 'linux') {
    assert.is(readUsage([process.pid], []), null)
    return
  }
  const before = readUsage([process.pid], [process.pid])
  // It uses a fifth of a second of processor, however long that takes.
  const program = 'while (process.cpuUsage().user < 200_000);'
  assert.is(spawnSync(process.execPath, ['-e', program]).status, 0)
  const used = usedSince(before, readUsage([process.pid], [process.pid]))
  assert.ok(used!.pilotctl >= 0.15, `${used!.pilotctl} s of children`)
  assert.ok(used!.daemons >= used!.pilotctl, 'a daemon counts with its children')
  assert.ok(usedSince(before, readUsage([], []))!.others >= 0.15, 'whose it is not is of others')
  assert.is(usedSince(before, null), null)
})

test('report: one column for each run and one for medians, with what a scenario adds', () => {
  const bench = benchOf({}, [FINE, FINE])
  const shown = showBench(bench)
  assert.match(
    shown,
    /^A, 2 cores, p, Node 20, yjs 13; load before 0.5\n5 agents .* Pilot 1\.18\.0/,
  )
  assert.match(shown, /run 1 +run 2 +median\n/)
  assert.match(
    shown,
    /lag to each replica, p50\/p99\/max ms +2 \/ 4 \/ 4 +2 \/ 4 \/ 4 +2 \/ 4 \/ 4\n/,
  )
  const swaps = [{ version: '1.10.0', arrived: [12, null] }]
  assert.match(showBench({ ...bench, runs: [{ ...FINE, swaps }] }), /1\.10\.0 +12 \/ never\n/)
})

test.run()
