/**
 * The simulation as a program: the same options give the same figures, a short run keeps its limits
 * and fails with a worse core, and the counts are those of what was sent.
 */
import * as assert from 'uvu/assert'
import { main, parse } from '../../bench/simulate/main.ts'
import type { Result } from '../../bench/simulate/simulate.ts'
import { Spread } from '../../bench/simulate/spread.ts'
import { Swarm } from '../../bench/simulate/swarm.ts'
import {
  allReached,
  fetchedCopies,
  leftOutShare,
  pushPullRounds,
  pushRounds,
} from '../../bench/simulate/theory.ts'
import { Traffic } from '../../bench/simulate/traffic.ts'
import { notMeasuredBy } from '../../bench/simulate/verdicts.ts'
import { viewsOf } from '../../bench/simulate/views.ts'
import { measureWrite } from '../../bench/simulate/write.ts'
import { Simulation } from '../../src/simulation/index.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('simulate')

/** Exit code and output of the program, in this process. */
const play = (line: string, progress?: (row: string) => void) => {
  const printed = { out: '', err: '' }
  const code = main(line === '' ? [] : line.split(' '), {
    out: (text) => {
      printed.out += text
    },
    err: (text) => {
      printed.err += text
    },
    ...(progress && { progress }),
  })
  return { code, ...printed }
}

const resultOf = (line: string): Result => {
  const { code, out, err } = play(`${line} --json`)
  assert.is(code, 0, err)
  return JSON.parse(out).data
}

/** Ten seconds of work, on a machine that may be busy. */
const SLOW = { timeout: 300_000 }

const SMALL = '--nodes 40 --seeds 1 --writes 1 --loss 0.1 --bytes 20'

test('seed: the same options give the same figures, another seed gives others', () => {
  const line = `${SMALL} --only write,traffic,partition,churn --json`
  const first = play(`${line} --seed 7`)
  assert.is(first.code, 0, first.err)
  assert.is(play(`${line} --seed 7`).out, first.out)
  const [a, b] = [first.out, play(`${line} --seed 8`).out].map((out) => JSON.parse(out).data)
  assert.not.equal(a.writes, b.writes)
})

const limits = (line: string) => play(`--quick --only write ${line}`)

test(
  'limits: 200 nodes over three seeds keep them, without loss and with 10 % lost',
  () => {
    const { code, out, err } = limits('--seeds 3 --writes 1')
    assert.is(code, 0, err)
    assert.match(out, /^200 nodes in virtual time/)
  },
  SLOW,
)

test(
  'limits: 100 nodes keep them after a partition and restarts, with 30 % lost',
  () => {
    const line =
      '--quick --only write,partition,churn --nodes 100 --loss 0.3 --bytes 20 --churn 0.3'
    const { code, err } = play(`${line} --seeds 2 --writes 1`)
    assert.is(code, 0, err)
  },
  SLOW,
)

for (const [line, beyond] of [
  [
    '--fanout 1 --digest-fanout 0 --bytes 20 --loss 0.3',
    /left out by pushes and digests \(loss 30 %, 20 characters\): /,
  ],
  ['--fanout 9 --bytes 20 --loss 0', /messages a node .*; bytes a node /],
  ['--view 2 --bytes 20 --loss 0', /hops, mean/],
  ['--digest-fanout 9 --bytes 6000 --loss 0', /messages a node/],
] as const) {
  test(`limits: a short run fails with ${line}`, () => {
    const { code, out, err } = limits(`${line} --nodes 100 --seeds 2 --writes 1`)
    assert.is(code, 1)
    assert.match(err, /^simulate: beyond limits: /)
    assert.match(err, beyond)
    assert.match(err, /\nhint: replay it with the same options and --seed/)
    assert.match(out, /\nOUTSIDE /)
  })
}

test('limits: without --quick a missed target is not a failure', () => {
  const { code, out } = play(`${SMALL} --only write --fanout 1 --digest-fanout 0 --loss 0.3`)
  assert.is(code, 0)
  assert.match(out, /OUTSIDE {2}left out by pushes and digests/)
  assert.match(out, /simulated in [\d.]+ s of processor time/)
})

test('answers: a write that does not arrive and states that differ are failures', () => {
  const { settings } = parse(['--nodes', '10'])
  const deaf = (): Swarm => {
    const swarm = new Swarm({ ...settings, loss: 0, hasRounds: false })
    swarm.simulation.network.loss = 1
    return swarm
  }
  assert.throws(() => measureWrite(deaf(), 20), /9 nodes lack a write after 20 rounds/)
  const swarm = deaf()
  swarm.write(20)
  assert.throws(() => swarm.settle([], 'a test'), /states differ after a test/)
  assert.is(swarm.settle([swarm.write(20)], 'a test'), Number.POSITIVE_INFINITY)
})

test('figures: copies, bytes, reach and hops agree with each other', () => {
  const { writes, rates, settings } = resultOf(`${SMALL} --only write,traffic --bytes 20,6000`)
  assert.is(settings.view, 39)
  assert.equal(
    writes.map(({ size }) => size),
    [20, 6000],
  )
  for (const row of writes) {
    assert.ok(row.update > row.size)
    assert.ok(row.copies <= row.messages)
    assert.ok(row.payload > 0 && row.payload < row.bytes)
    // Each message has at most one update.
    assert.ok(Math.abs(row.copies - row.times) < 0.2, `${row.copies} copies, ${row.times} times`)
    assert.is(row.curve.length, 100)
    const shares = [row.curve[49]!, row.curve[89]!, row.curve[98]!]
    assert.equal(shares, row.ms.slice(0, 3))
    assert.equal(
      [...row.hops].sort((a, b) => a - b),
      row.hops,
    )
  }
  const [rate] = rates
  assert.ok(rate!.loadBytes > rate!.idleBytes && rate!.idleBytes > 0)
})

test('long write: without loss each node fetches it once', () => {
  const swarm = new Swarm({
    ...parse(['--nodes', '60']).settings,
    loss: 0,
    hasRounds: false,
  })
  const { times, copies, leftOut, ms } = measureWrite(swarm, 6_000)
  assert.ok(copies <= 59 / 60 + 1e-9, `${copies} copies`)
  assert.ok(times <= 59 / 60 + 1e-9, `${times} times`)
  assert.ok(leftOut <= 1)
  assert.ok(ms[0]! > 90, 'three delays of at least 10 ms, and a batch of 20 ms')
})

test('targets: the report names those that were not measured', () => {
  const names = (line: string): string[] =>
    notMeasuredBy(parse(line.split(' ')).settings).map(({ needs }) => needs)
  assert.equal(names('--seed 1'), [])
  assert.equal(names('--nodes 200'), ['--nodes 1000 --latency 10-50ms'])
  assert.equal(names('--loss 0.3 --bytes 20'), ['--loss 0', '--loss 0.1', '--bytes 6000'])
  assert.ok(names('--only traffic').includes('--only churn'))
})

test('options: an invalid one is quoted, with what is valid', () => {
  for (const [line, message] of [
    [
      '--nodes 1',
      /--nodes "1" is not a whole number .*\nhint: give a whole number from 2 to 20000/,
    ],
    ['--nodes 10 --fanout 10', /--fanout "10".*\nhint: .*from 1 to 9/],
    ['--loss 1', /--loss "1".*\nhint: give a share from 0 to 0.9, like 0.1/],
    ['--loss 0,,1', /--loss "" is/],
    ['--latency 50-10ms', /--latency "50-10ms"/],
    ['--latency 10', /--latency "10".*\nhint: .* like 10-50ms/],
    ['--partition 3', /--partition "3".*\nhint: give two shares, like 3\+2/],
    ['--partition 0+2', /--partition "0\+2"/],
    ['--churn 2', /--churn "2"/],
    ['--bytes x', /--bytes "x"/],
    ['--view 1000', /--view "1000".*\n.*from 1 to 999/],
    ['--only all', /--only "all".*\nhint: give one of write,traffic,/],
    ['--seed -1', /--seed/],
    ['--what', /--what/],
    ['10', /10.*\nhint: see: npm run simulate -- --help/],
  ] as const) {
    const { code, out, err } = play(line)
    assert.is(code, 2, line)
    assert.is(out, '')
    assert.match(err, /^simulate: /)
    assert.match(err, message)
  }
  const { err } = play('--nodes x --json')
  assert.equal(Object.keys(JSON.parse(err)), ['status', 'code', 'message', 'hint'])
})

test('options become settings', () => {
  const line =
    '--nodes 1000 --fanout 3 --loss 0.3 --partition 3+2 --churn 0.1 --latency 10-50ms --seed 7'
  const { settings } = parse(line.split(' '))
  assert.equal(settings.losses, [0.3])
  assert.equal(settings.partition, [3, 2])
  assert.is(settings.churn, 0.1)
  assert.equal(settings.latency, [10, 50])
  assert.is(settings.seed, 7)
  assert.is(settings.view, 100)
  assert.match(play('--help').out, /--view N/)
})

test('progress names what is simulated', () => {
  const rows: string[] = []
  play(`${SMALL} --only write,churn`, (row) => rows.push(row))
  assert.equal(rows, [
    'write of 20 characters, loss 0.1, seed 1',
    'warming up, loss 0.1, seed 1',
    'churn, loss 0.1, seed 1',
  ])
})

test('views: knowing is mutual, no node knows itself, and all know equally many', () => {
  eachSeed(20, (random) => {
    const nodes = random.int(2, 120)
    const size = random.int(1, nodes + 5)
    const addresses = Array.from({ length: nodes }, (_, node) => `n${node}`)
    const views = viewsOf(addresses, size, 3, () => random.next())
    assert.equal([...views.keys()], addresses)
    for (const [own, others] of views) {
      assert.not(others.includes(own))
      assert.is(new Set(others).size, others.length)
      for (const other of others) assert.ok(views.get(other)!.includes(own))
      if (size >= nodes - 1) assert.is(others.length, nodes - 1)
      else assert.ok(others.length >= 1 && others.length <= size + 1)
    }
  })
})

test('spread: has times and hops until a share has a write', () => {
  const spread = new Spread(4, 'a', 100)
  spread.arrive('b', 'a', 130)
  spread.arrive('c', 'b', 150)
  spread.arrive('c', 'a', 160)
  assert.is(spread.reached, 3)
  assert.not(spread.hasAll)
  assert.equal([spread.timeOf(0.25), spread.timeOf(0.5), spread.timeOf(0.75)], [0, 30, 50])
  assert.equal([spread.hopsTo(0.5), spread.hopsTo(0.75)], [1, 2])
  assert.is(spread.timeOf(1), Number.POSITIVE_INFINITY)
  assert.is(spread.lastTime, 50)
})

test('traffic: messages and the updates in them are counted', () => {
  const traffic = new Traffic()
  const plain = '{"state":{"kv":{"digest":"00"}}}'
  const full = '{"state":{"kv":{"update":{"data":"QUJD","encoding":"v1","length":3,"digest":"0"}}}}'
  for (const text of [plain, full, full]) traffic.count(text)
  assert.equal(traffic.take(), {
    messages: 3,
    bytes: plain.length + 2 * full.length,
    copies: 2,
    updateBytes: 6,
    payloadBytes: 8,
  })
  assert.is(traffic.take().messages, 0)
})

test('traffic: messages and bytes are those that the core counts', () => {
  const traffic = new Traffic()
  const simulation = new Simulation({ seed: 3, onSend: (_from, _to, text) => traffic.count(text) })
  const names = ['a', 'b', 'c', 'd']
  for (const name of names) simulation.add(name, { peers: names })
  simulation.nodes.get('a')!.doc.getMap('state').set('k', 'v'.repeat(5_000))
  simulation.run(20_000)
  const counters = [...simulation.nodes.values()].map(({ gossip }) => gossip.counters)
  const { messages, bytes } = traffic.take()
  assert.is(
    messages,
    counters.reduce((sum, { pushesSent }) => sum + pushesSent, 0),
  )
  assert.is(
    bytes,
    counters.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
  )
})

test('theory: formulas give the figures they were fitted to', () => {
  for (const [n, p, push, pushPull] of [
    [100, 0, 5.7, 3.9],
    [1_000, 0, 8.2, 5],
    [5_000, 0, 9.9, 6.1],
    [1_000, 0.3, 10.4, 7.1],
  ] as const) {
    assert.ok(Math.abs(pushRounds(n, 3, p) - push) < 0.2, `${pushRounds(n, 3, p)} not ${push}`)
    assert.ok(Math.abs(pushPullRounds(n, 3, p) - pushPull) < 0.3, `${pushPullRounds(n, 3, p)}`)
  }
  assert.is((leftOutShare(3, 0) * 100).toFixed(2), '5.95')
  assert.is((leftOutShare(6, 0) * 100).toFixed(2), '0.25')
  assert.is(allReached(1_000, 10, 0).toFixed(2), '0.96')
  assert.is(fetchedCopies(1_000, 0), 0.999)
})

test.run()
