/**
 * The bench on tiny maps: every cell is measured, the same seed gives the same bytes, and a wrong
 * answer of an engine ends the run with a failure. Times are only checked to be times.
 */
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import {
  type Engine,
  type EngineReplica,
  bytesOf as lengthOf,
  type Message,
} from '../../bench/engines/engine.ts'
import { ENGINES, REFERENCE } from '../../bench/engines/index.ts'
import { lastWriter } from '../../bench/engines/last-writer.ts'
import { pilotGossip, pilotGossipHot } from '../../bench/engines/pilot-gossip.ts'
import { scalar } from '../../bench/engines/scalar.ts'
import { yjsV1, yjsV2 } from '../../bench/engines/yjs.ts'
import { main } from '../../bench/main.ts'
import { showResult } from '../../bench/report/text.ts'
import { medianOf, spreadOf } from '../../bench/runner/stats.ts'
import { Base } from '../../bench/workloads/base.ts'
import { type BenchResult, runBench, SECTIONS } from '../../bench/workloads/bench.ts'
import { countLostWrites, SWARM, WRITES } from '../../bench/workloads/lost-writes.ts'
import { type LeftOut, runMerges } from '../../bench/workloads/merges.ts'
import { QUICK } from '../../bench/workloads/sizes.ts'
import { type Scenario, WORKLOADS, type Workload } from '../../bench/workloads/workloads.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('bench')

/** Engines in this process. The others are tested in `engines.test.ts`. */
const INSIDE = ENGINES.filter(({ isElapsed }) => !isElapsed)

const tiny = { engines: INSIDE, reference: REFERENCE, keys: [100], seed: 1, runs: 1 }

/** Exit code and output of the program, in this process. */
const play = async (args: readonly string[], engines: readonly Engine[] = [lastWriter]) => {
  const printed = { out: '', err: '' }
  const code = await main(args, engines, {
    out: (text) => {
      printed.out += text
    },
    err: (text) => {
      printed.err += text
    },
  })
  return { code, ...printed }
}

const prepare = (workload: Workload, base: Base): Scenario => {
  const scenario = workload.prepare(base)
  if (typeof scenario === 'string') throw new Error(`${workload.name}: ${scenario}`)
  return scenario
}

/** An engine, by default the floor, with a defective method. */
const spoilt = (
  spoil: (replica: EngineReplica) => Partial<EngineReplica>,
  engine: Engine = lastWriter,
): Engine => ({
  ...engine,
  name: 'spoilt',
  create(writer, now) {
    const replica = engine.create(writer, now)
    return { ...replica, ...spoil(replica) }
  },
})

/** Reads one key too many. */
const createLiar = (engine: Engine): Engine =>
  spoilt((replica) => ({ read: () => new Map([...replica.read(), ['more', 1]]) }), engine)

test('merges: every cell has bytes, times and a ratio, or a reason why not', () => {
  const left: LeftOut[] = []
  const leaveOut = (one: LeftOut) => void left.push(one)
  const cells = runMerges({ ...tiny, leaveOut })
  const deletes = 'delete of 10 keys'
  const stream = '200 deltas of 1 key'
  assert.equal(
    left.map(({ engine, workload, reason }) => [engine, workload, reason]),
    [
      [scalar.name, stream, 'it sends its whole state for each key'],
      [scalar.name, deletes, 'it has no deletes'],
      [lastWriter.name, deletes, 'it has no deletes'],
    ],
  )
  const expected = WORKLOADS.flatMap(({ name }) =>
    INSIDE.filter(
      (engine) =>
        (name !== deletes || (engine !== scalar && engine !== lastWriter)) &&
        (name !== stream || engine !== scalar),
    ).map((engine) => `100, ${name}, ${engine.name}`),
  )
  assert.equal(
    cells.map(({ keys, workload, engine }) => `${keys}, ${workload}, ${engine}`),
    expected,
  )
  assert.is(expected.length, 13 * 9 - 3)
  for (const { bytes, us, ratio, engine, merges, samples, workload, lost } of cells) {
    assert.ok(bytes > 0 && merges >= 1 && samples >= 1)
    assert.ok(us.min > 0 && us.min <= us.median && us.median <= us.max)
    assert.ok(engine === 'yjs-v1' ? ratio === 1 : ratio !== null && ratio > 0)
    if (workload !== '50 concurrent writers') assert.is(lost, null)
    else assert.ok(engine === 'scalar' ? lost! > 90 : lost === 0, `${engine} lost ${lost}`)
  }
})

test('merges: without the reference there are no ratios', () => {
  const cells = runMerges({ ...tiny, engines: [lastWriter], keys: [120, 100] })
  assert.ok(cells.every(({ ratio }) => ratio === null))
  // One row less: the floor has no deletes.
  assert.equal(
    cells.map(({ keys }) => keys),
    [100, 120].flatMap((keys) => Array.from({ length: WORKLOADS.length - 1 }, () => keys)),
  )
})

/** Bytes of each cell, without timing. */
const bytesOf = (engine: Engine, keys: number, seed: number): Record<string, number> => {
  const base = new Base(engine, keys, seed)
  return Object.fromEntries(
    WORKLOADS.map((workload): [string, number] => {
      const scenario = workload.prepare(base)
      const messages = typeof scenario === 'string' ? [] : scenario.messages
      return [workload.name, messages.reduce((sum, message) => sum + lengthOf(message), 0)]
    }),
  )
}

test('seed: the same seed gives the same bytes and losses, another seed gives others', () => {
  const figures = (seed: number) =>
    INSIDE.map((engine) => [
      bytesOf(engine, 100, seed),
      countLostWrites(engine, { ...SWARM, nodes: 4, rounds: 5, writes: 5 }, seed),
    ])
  const first = figures(1)
  assert.equal(figures(1), first)
  figures(2).forEach((figure, index) => {
    assert.not.equal(figure, first[index])
  })
})

test('messages: a delta is short, and a digest is shorter than the state', () => {
  for (const engine of [yjsV1, yjsV2, pilotGossip, pilotGossipHot, lastWriter]) {
    const bytes = bytesOf(engine, 1_000, 1)
    assert.ok(bytes['delta of 1 key']! * 20 < bytes['whole into empty']!, engine.name)
  }
  const ours = bytesOf(pilotGossip, 1_000, 1)
  assert.ok(ours['delta of 1 key']! <= 400, 'the bound of a one-key change')
  assert.ok(ours['nothing new, shortest']! <= 400)
  const theirs = bytesOf(scalar, 1_000, 1)
  assert.ok(theirs['delta of 1 key']! > theirs['whole into empty']! * 0.9, 'it has no deltas')
})

for (const workload of WORKLOADS) {
  test(`answers: ${workload.name} is checked`, async () => {
    const liar = createLiar(yjsV1)
    const expected = /internal wrong answer: spoilt, .*: \d+1 keys, not \d+0/
    for (const merges of [1, 3]) {
      const stage = prepare(workload, new Base(yjsV1, 100, 1)).stage(merges)
      stage.run()
      stage.check()
      await rejects(() => {
        const lie = prepare(workload, new Base(liar, 100, 1)).stage(merges)
        lie.run()
        lie.check()
      }, expected)
    }
  })
}

const spoils: Record<string, [(replica: EngineReplica) => Partial<EngineReplica>, RegExp]> = {
  'merges nothing': [() => ({ receive: () => undefined }), /wrong answer: spoilt.*is missing/],
  'loses a key': [
    (replica) => ({ read: () => new Map([...replica.read()].slice(1)) }),
    /wrong answer: spoilt, building, 100 keys: "task:00000" is missing/,
  ],
  'changes a value': [
    (replica) => ({ read: () => new Map([...replica.read()].map(([key]) => [key, 'x'])) }),
    /"task:00000" is "x", not \{/,
  ],
  'loses what came second': [
    (replica) => {
      let messages = 0
      const receive = (message: Message) => {
        if (messages++ === 0) replica.receive(message)
      }
      return { receive }
    },
    /wrong answer: spoilt, whole into stale/,
  ],
  throws: [
    () => ({
      receive: () => {
        throw new Error('not today')
      },
    }),
    /spoilt, whole into empty, 100 keys: not today/,
  ],
}

for (const [name, [spoil, message]] of Object.entries(spoils)) {
  test(`answers: an engine that ${name} fails the run`, async () => {
    const args = ['--only', 'merges', '--keys', '100', '--runs', '1']
    const { code, out, err } = await play(args, [yjsV1, spoilt(spoil)])
    assert.is(code, 1)
    assert.is(out, '')
    assert.match(err, message)
  })
}

test('failure: with --json it is JSON', async () => {
  const wrong = spoilt(() => ({ receive: () => undefined }))
  const { code, out, err } = await play(['--keys', '100', '--json'], [wrong])
  assert.is(code, 1)
  assert.is(out, '')
  const { status, code: reason, hint } = JSON.parse(err)
  assert.equal([status, reason], ['error', 'internal'])
  assert.match(hint, 'fix the engine')
})

test('lost writes: the scalar rule loses many, engines that converge only concurrent ones', () => {
  const swarm = { ...SWARM, writes: 5 }
  const lossy = countLostWrites(scalar, swarm, 1)
  assert.ok(lossy.lost > lossy.written / 10, `only ${lossy.lost} of ${lossy.written}`)
  assert.ok(lossy.differing > 0)
  for (const engine of [yjsV1, pilotGossip, pilotGossipHot, lastWriter]) {
    const { written, lost, differing } = countLostWrites(engine, swarm, 1)
    assert.is(written, lossy.written, 'the same writes')
    assert.is(differing, 0)
    assert.ok(lost * 10 < written, `${engine.name} lost ${lost} of ${written}`)
    // A single write has no rival.
    const alone = countLostWrites(engine, { ...swarm, rounds: 1, writes: 1 }, 1)
    assert.equal([alone.written, alone.lost], [1, 0])
  }
  // If clocks agree, the later of concurrent writes wins.
  assert.is(countLostWrites(pilotGossipHot, { ...swarm, writes: 10 }, 1).lost, 0)
})

test('lost writes: an engine that claims to converge and does not fails the run', async () => {
  const deaf = spoilt(() => ({ receive: () => undefined }))
  await rejects(() => countLostWrites(deaf, { ...SWARM, writes: 5 }, 1), /spoilt: nodes differ on/)
})

test('report: every section has a table with aligned columns', async () => {
  const sizes = {
    ...QUICK,
    keys: [100],
    runs: 1,
    b3N: 4,
    b3Runs: 1,
    sequencesN: 5,
    heapKeys: [100],
    overwrites: [1, 2],
    startUpKeys: 100,
    writers: [1, 3],
  }
  const options = { engines: [yjsV1, lastWriter], reference: REFERENCE, seed: 1, dir: tmpdir() }
  const result = await runBench({
    ...options,
    sections: SECTIONS,
    sizes: { ...sizes, commitMs: 1 },
  })
  const text = showResult(result)
  assert.equal(
    result.leftOut?.map(({ engine, workload }) => `${engine}: ${workload}`),
    ['last-writer: delete of 10 keys', 'last-writer: B1, B2'],
  )
  assert.is(result.b3?.length, 2 * 3)
  assert.equal(
    result.heap?.map(({ engine, keys }) => `${engine} ${keys}`),
    ['yjs-v1 100', 'last-writer 100'],
  )
  for (const name of ['bytes', 'us', 'ratio', 'lost', 'load', 'yjs 13', 'disk bytes', 'per second'])
    assert.ok(text.includes(name), name)
  for (const { name } of WORKLOADS) assert.ok(text.includes(`\n${name}  `), name)
  for (const part of text.split('\n\n').slice(2)) {
    const [title, ...rows] = part.trimEnd().split('\n')
    // The last column of left out is a number, but may be missing: its lines are trimmed.
    if (title!.startsWith('left out')) continue
    assert.ok(rows.length > 1, title)
    assert.is(new Set(rows.map((row) => row.length)).size, 1, `${title}: numbers end on the right`)
  }
  const nothing = showResult(await runBench({ ...options, sections: [], sizes }))
  const titles = ['merges', 'lost writes', 'B3', 'heap', 'overwrites', 'start-up', 'commits']
  for (const title of titles.map((name) => `${name}:`)) {
    assert.ok(text.includes(`\n${title}`), title)
    assert.not(nothing.includes(`\n${title}`), title)
  }
})

test('options: an invalid one is refused, with what is valid', async () => {
  const refused: [string[], RegExp][] = [
    [
      ['--keys', '99'],
      /"99" is not a whole number .*\nhint: give a whole number from 100 to 100000/,
    ],
    [['--keys', '100,'], /--keys "" is not a whole number/],
    [['--runs', '0'], /--runs "0"/],
    [['--seed', 'x'], /--seed "x"/],
    [['--sizes', '100'], /--sizes/],
    [['--only', 'merges,more'], /--only "more".*\nhint: give one of merges,lost,/],
    [['--dir', '/no/such'], /--dir "\/no\/such" is not an existing folder/],
    [['--engine', 'more'], /--engine "more" is not one of last-writer/],
    [['100'], /100/],
  ]
  for (const [args, message] of refused) {
    const { code, out, err } = await play(args)
    assert.equal([code, out], [2, ''], args.join(' '))
    assert.match(err, message)
  }
  assert.match((await play(['--help'])).out, '--seed N')
})

test('stats: a spread has median, minimum and maximum', () => {
  assert.is(medianOf([3, 1, 2]), 2)
  assert.is(medianOf([4, 1, 2, 3]), 2.5)
  assert.equal(spreadOf([5]), { median: 5, min: 5, max: 5 })
  assert.throws(() => medianOf([]), 'empty list')
  const many = Array.from({ length: 200_000 }, (_, index) => index)
  assert.equal(spreadOf(many), { median: 99_999.5, min: 0, max: 199_999 })
})

test('program: one line of JSON with machine, date and seed', () => {
  const program = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))
  const options = ['--only', 'lost,commits', '--quick', '--seed', '7', '--json']
  const args = ['--import', 'tsx', program, ...options]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  assert.equal([status, stderr], [0, ''])
  assert.is(stdout.indexOf('\n'), stdout.length - 1)
  const answer = JSON.parse(stdout) as { status: string; data: BenchResult }
  assert.is(answer.status, 'ok')
  const { machine, date, clock, seed, lostWrites, commits, engines } = answer.data
  assert.is(seed, 7)
  assert.is(new Date(date).toISOString(), date)
  assert.is(machine.node, process.versions.node)
  assert.match(machine.yjs, /^13\./)
  assert.ok(machine.cpu.length > 0 && machine.cores > 0 && machine.load >= 0)
  assert.match(clock, / time$/)
  assert.is(lostWrites?.length, WRITES.length * engines.length)
  assert.is(commits?.rows.length, QUICK.writers.length)
  for (const section of ['merges', 'overwrites', 'startUp'])
    assert.not(section in answer.data, section)
})

test.run()
