/**
 * The parts of the bench of a swarm by themselves: what its options may be, how figures are made
 * of what was seen, and that a wrong answer is noticed. Whole runs are in pilot/bench-swarm.test.ts.
 */
import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { findLost } from '../bench/swarm/check.ts'
import { describeGrowth } from '../bench/swarm/growth.ts'
import { Journal, type Write } from '../bench/swarm/journal.ts'
import { acknowledgementsOf, lagsOf } from '../bench/swarm/lags.ts'
import { runLoad } from '../bench/swarm/load.ts'
import { main } from '../bench/swarm/main.ts'
import { medianRunOf } from '../bench/swarm/medians.ts'
import { parseOptions } from '../bench/swarm/options.ts'
import { readUsage, usedSince } from '../bench/swarm/processor.ts'
import { quantilesOf } from '../bench/swarm/quantiles.ts'
import { showBench } from '../bench/swarm/report.ts'
import type { Run } from '../bench/swarm/result.ts'
import { STANDARD } from '../bench/swarm/settings.ts'
import { randomText } from '../bench/swarm/texts.ts'
import { trafficOf } from '../bench/swarm/traffic.ts'
import { checkRuns } from '../bench/swarm/verdict.ts'
import { Writer } from '../bench/swarm/writer.ts'
import { type Handle, Rows } from '../src/control/answers.ts'
import { ControlClient } from '../src/control/client.ts'
import { ControlServer } from '../src/control/server.ts'
import { Failure } from '../src/errors.ts'
import type { AgentStatus } from '../src/status.ts'
import { inFolder } from './helpers/folder.ts'
import { rejects, suite } from './helpers/suite.ts'
import { until } from './helpers/until.ts'

const test = suite('bench of a swarm, its parts')

/** Exit code and output of the program for options that end it at once. */
const play = async (...args: string[]) => {
  const told = { out: '', err: '' }
  const streams = {
    out: (text: string) => {
      told.out += text
    },
    err: (text: string) => {
      told.err += text
    },
  }
  return { code: await main(args, streams, new AbortController().signal), ...told }
}

const times = { count: 4, p50: 2, p99: 4, max: 4 }

/** A run in which all is well. */
const FINE: Run = {
  writes: { issued: 4, acknowledged: 4, failed: 0, lost: 0, unseen: 0, lateness: times },
  lag: { each: times, all: times },
  acknowledgement: times,
  traffic: trafficOf([], [], 4),
  idle: { messagesPerSecond: 1, bytesPerSecond: 200 },
  processorSeconds: { agents: 1, pilotctl: 2, daemons: 3, bench: 4 },
  memory: { start: 1e6, middle: 2e6, end: 3e6 },
  backlog: { max: 5, last: 0 },
  equal: { isEqual: true, seconds: 1.5 },
  problems: {},
  samples: [],
}

test('options: those of the issue, and defaults that a scenario changes', () => {
  const { settings, isJson } = parseOptions(
    '--agents 7 --rate 0.5 --seconds 9 --versions 1.7.2,1.18.0 --hot --json'.split(' '),
  )
  assert.equal(
    { settings, isJson },
    {
      settings: {
        ...STANDARD,
        agents: 7,
        rate: 0.5,
        seconds: 9,
        versions: ['1.7.2', '1.18.0'],
        isHot: true,
      },
      isJson: true,
    },
  )
  assert.is(parseOptions(['--scenario', 'outage']).settings.rate, 1)
  assert.is(parseOptions(['--scenario', 'outage', '--rate', '3']).settings.rate, 3)
})

const unusable: [words: string, quoted: string][] = [
  ['--agents 1', '--agents "1"'],
  ['--agents five', '--agents "five"'],
  ['--rate 0', '--rate "0"'],
  ['--rate -1', 'ambiguous'],
  ['--rate 1e9', '--rate "1e9"'],
  ['--rate 1001', '--rate "1001"'],
  ['--seconds 0.5', '--seconds "0.5"'],
  ['--value 0', '--value "0"'],
  ['--versions 1.18.0,newest', '--versions "1.18.0,newest"'],
  ['--versions ../..', '--versions "../.."'],
  ['--transport carrier', '--transport "carrier"'],
  ['--transport pilot,mailbox', '--transport "pilot,mailbox"'],
  ['--scenario nap', '--scenario "nap"'],
  ['--scenario swap --transport mailbox', '--scenario "swap"'],
  ['--scenario outage --transport mailbox', '--scenario "outage"'],
  ['--scenario outage --agents 2', '--agents "2"'],
  ['--scenario import --hot', '--scenario "import"'],
  ['--interval soon', '--interval "soon"'],
  ['--fanout 0', '--fanout "0"'],
  ['--runs 99', '--runs "99"'],
  ['--swift', '--swift'],
  ['swift', 'swift'],
]

for (const [words, quoted] of unusable) {
  test(`options: ${words} ends with 2, says why, and what to do`, async () => {
    const { code, out, err } = await play(...words.split(' '))
    assert.equal({ code, out }, { code: 2, out: '' })
    assert.ok(err.startsWith('bench:swarm: ') && err.includes(quoted), err)
    assert.match(err, /\nhint: /)
    const json = await play(...words.split(' '), '--json')
    assert.is(JSON.parse(json.err).code, 'invalid_argument')
  })
}

test('options: help names each of them', async () => {
  const { code, out } = await play('--help')
  assert.is(code, 0)
  for (const {
    groups,
  } of 'agents rate seconds value hot transport versions settle idle runs interval fanout built scenario outage swaps entries entry-bytes json help'.matchAll(
    /(?<name>\S+)/g,
  )) {
    assert.ok(out.includes(`--${groups!.name}`), groups!.name)
  }
})

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

/** A control socket that answers with `handle`, and a client of it. */
const within = (handle: Handle, run: (client: ControlClient) => Promise<void>): Promise<void> =>
  inFolder(async (dir) => {
    const server = new ControlServer({ dir, handle })
    await server.open()
    try {
      await run(new ControlClient(dir))
    } finally {
      await server.close()
    }
  })

test('writer: a write is issued while the answer to an earlier one is awaited', async () => {
  const asked: string[] = []
  let release: (() => void) | undefined
  const handle: Handle = async (request) => {
    if (request.command === 'set') asked.push(request.key)
    if (asked.length === 1) await new Promise<void>((resolve) => (release = resolve))
    return {}
  }
  await within(handle, async (client) => {
    const writer = new Writer(client, { isHot: false })
    const journal = journalOf()
    const [first, second] = [journal.issue(0, 0), journal.issue(0, 0)]
    writer.write(first)
    await until('the first to be asked', () => asked.length === 1)
    writer.write(second)
    await until('the second to be answered', () => second.acknowledged !== undefined)
    assert.equal([first.acknowledged, writer.open], [undefined, 1])
    release!()
    await until('all to be answered', () => writer.open === 0)
    assert.ok(first.acknowledged !== undefined)
    writer.close()
  })
})

test('writer: writes of one key keep their order', async () => {
  const asked: unknown[] = []
  const handle: Handle = async (request) => {
    if (request.command === 'set') asked.push(request.value)
    await new Promise((resolve) => setTimeout(resolve, 1))
    return {}
  }
  await within(handle, async (client) => {
    const writer = new Writer(client, { isHot: true })
    const journal = journalOf(true)
    const writes = Array.from({ length: 20 }, () => journal.issue(0, 0))
    for (const write of writes) writer.write(write)
    await until('all to be answered', () => writer.open === 0)
    assert.equal(
      asked,
      writes.map(({ value }) => value),
    )
    writer.close()
  })
})

test('writer: a refused write is noted with its code, and the next goes on', async () => {
  const handle: Handle = (request) => {
    if (request.command === 'set' && request.key === 'w0:0') throw new Failure('disk_full', 'full')
    return {}
  }
  await within(handle, async (client) => {
    const writer = new Writer(client, { isHot: false })
    const journal = journalOf()
    const [first, second] = [journal.issue(0, 0), journal.issue(0, 0)]
    writer.write(first)
    await until('the first to be answered', () => writer.open === 0)
    writer.write(second)
    await until('the second to be answered', () => writer.open === 0)
    assert.equal(
      [first.failed, first.acknowledged, second.failed],
      ['disk_full', undefined, undefined],
    )
    assert.ok(second.acknowledged !== undefined)
    writer.close()
  })
})

test('check: a key that is missing or has another value is found at its agent', async () => {
  const handle: Handle = () =>
    new Rows(['["a","1"]', '["b","old"]', '["more",1]'], { map: 'bench' })
  await within(handle, async (client) => {
    const agents = [{ client, place: { name: 'n1' } }]
    const expected = new Map([
      ['a', '1'],
      ['b', 'new'],
      ['c', '3'],
    ])
    assert.equal(await findLost(agents, expected), ['n1 b', 'n1 c'])
    assert.equal(await findLost(agents, new Map([['a', '1']])), [])
  })
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
  assert.is(usedSince(before, null), null)
})

test('report: one column for each run and one for medians, with what a scenario adds', () => {
  const machine = { cpu: 'A', cores: 2, platform: 'p', node: '20', yjs: '13', lib0: '0', load: 0.5 }
  const settings = { ...STANDARD, runs: 2 }
  const bench = { machine, settings, runs: [FINE, FINE], median: medianRunOf([FINE, FINE]) }
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
