/**
 * The bench on tiny maps: every cell is there, the same seed gives the same bytes, and an engine,
 * a layout or a store that gives a wrong answer ends the run with a failure. No time is looked at
 * but for being one.
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
import { LAYOUTS } from '../../bench/engines/layouts.ts'
import { pilotGossip, pilotGossipHot } from '../../bench/engines/pilot-gossip.ts'
import { scalar } from '../../bench/engines/scalar.ts'
import { yjsV1 } from '../../bench/engines/yjs-v1.ts'
import { yjsV2 } from '../../bench/engines/yjs-v2.ts'
import { main } from '../../bench/main.ts'
import { showResult } from '../../bench/report/report.ts'
import { medianOf, spreadOf } from '../../bench/runner/stats.ts'
import { Base } from '../../bench/workloads/base.ts'
import { type BenchResult, runBench } from '../../bench/workloads/bench.ts'
import { countLostWrites, SWARM, WRITES } from '../../bench/workloads/lost-writes.ts'
import { type LeftOut, runMerges } from '../../bench/workloads/merges.ts'
import { SECTIONS } from '../../bench/workloads/section.ts'
import { QUICK } from '../../bench/workloads/sizes.ts'
import type { Scenario, Workload } from '../../bench/workloads/workload.ts'
import { WORKLOADS } from '../../bench/workloads/workloads.ts'
import { rejects, suite } from '../helpers/suite.ts'

const test = suite('bench')

/** Without those that start a process for each step: they are in `engines.test.ts`. */
const INSIDE = ENGINES.filter(({ isElapsed }) => !isElapsed)

const tiny = { engines: INSIDE, reference: REFERENCE, keys: [100], seed: 1, runs: 1 }

/** Exit code and output of the program, in this process. */
const play = async (args: readonly string[], engines: readonly Engine[] = [lastWriter]) => {
  const told = { out: '', err: '' }
  const code = await main(args, engines, {
    out: (text) => {
      told.out += text
    },
    err: (text) => {
      told.err += text
    },
  })
  return { code, ...told }
}

const prepare = (workload: Workload, base: Base): Scenario => {
  const scenario = workload.prepare(base)
  if (typeof scenario === 'string') throw new Error(`${workload.name}: ${scenario}`)
  return scenario
}

/** An engine, by default the floor, of which one method is spoilt. */
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

/** Shows a key too many. */
const createLiar = (engine: Engine): Engine =>
  spoilt((replica) => ({ read: () => new Map([...replica.read(), ['more', 1]]) }), engine)

test('has every cell, each with bytes, times and a ratio, or says why not', () => {
  const left: LeftOut[] = []
  const leaveOut = (one: LeftOut) => void left.push(one)
  const cells = runMerges({ ...tiny, leaveOut })
  const deletes = 'delete of 10 keys'
  const stream = '200 deltas of 1 key'
  assert.equal(
    left.map(({ engine, workload, reason }) => [engine, workload, reason]),
    [
      [scalar.name, stream, 'it tells its whole state for each key'],
      [scalar.name, deletes, 'it knows no deletes'],
      [lastWriter.name, deletes, 'it knows no deletes'],
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
  assert.is(expected.length, 13 * 8 - 3)
  for (const { bytes, us, ratio, engine, merges, samples, workload, lost } of cells) {
    assert.ok(bytes > 0 && merges >= 1 && samples >= 1)
    assert.ok(us.min > 0 && us.min <= us.median && us.median <= us.max)
    assert.ok(engine === 'yjs-v1' ? ratio === 1 : ratio !== null && ratio > 0)
    if (workload !== '50 concurrent writers') assert.is(lost, null)
    else assert.ok(engine === 'scalar' ? lost! > 90 : lost === 0, `${engine} lost ${lost}`)
  }
})

test('has no ratio without the reference', () => {
  const cells = runMerges({ ...tiny, engines: [lastWriter], keys: [120, 100] })
  assert.ok(cells.every(({ ratio }) => ratio === null))
  // One row less: it knows no deletes.
  assert.equal(
    cells.map(({ keys }) => keys),
    [100, 120].flatMap((keys) => Array.from({ length: WORKLOADS.length - 1 }, () => keys)),
  )
})

/** Bytes of each cell, without timing it. */
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

test('the same seed gives the same bytes and losses, another seed others', () => {
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

test('messages say what they are to say: a delta is short, a digest shorter than the state', () => {
  for (const engine of [yjsV1, yjsV2, pilotGossip, pilotGossipHot, lastWriter]) {
    const bytes = bytesOf(engine, 1_000, 1)
    assert.ok(bytes['delta of 1 key']! * 20 < bytes['whole into empty']!, engine.name)
  }
  const ours = bytesOf(pilotGossip, 1_000, 1)
  assert.ok(ours['delta of 1 key']! <= 400, 'the bound of a one-key change')
  assert.ok(ours['nothing new, shortest']! <= 400)
  const theirs = bytesOf(scalar, 1_000, 1)
  assert.ok(theirs['delta of 1 key']! > theirs['whole into empty']! * 0.9, 'it knows no deltas')
})

for (const workload of WORKLOADS) {
  test(`checks its answers: ${workload.name}`, async () => {
    const liar = createLiar(yjsV1)
    const told = /internal wrong answer: spoilt, .*: \d+1 keys, not \d+0/
    for (const merges of [1, 3]) {
      const stage = prepare(workload, new Base(yjsV1, 100, 1)).stage(merges)
      stage.run()
      stage.check()
      await rejects(() => {
        const lie = prepare(workload, new Base(liar, 100, 1)).stage(merges)
        lie.run()
        lie.check()
      }, told)
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
  test(`an engine that ${name} fails the run`, async () => {
    const args = ['--only', 'merges', '--keys', '100', '--runs', '1']
    const { code, out, err } = await play(args, [yjsV1, spoilt(spoil)])
    assert.is(code, 1)
    assert.is(out, '')
    assert.match(err, message)
  })
}

test('a failure is told as JSON too', async () => {
  const wrong = spoilt(() => ({ receive: () => undefined }))
  const { code, out, err } = await play(['--keys', '100', '--json'], [wrong])
  assert.is(code, 1)
  assert.is(out, '')
  const { status, code: reason, hint } = JSON.parse(err)
  assert.equal([status, reason], ['error', 'internal'])
  assert.match(hint, 'mend the engine')
})

test('counts the writes that the scalar rule loses; engines that converge lose none to order alone', () => {
  const swarm = { ...SWARM, writes: 5 }
  const lossy = countLostWrites(scalar, swarm, 1)
  assert.ok(lossy.lost > lossy.written / 10, `only ${lossy.lost} of ${lossy.written}`)
  assert.ok(lossy.differing > 0)
  for (const engine of [yjsV1, pilotGossip, pilotGossipHot, lastWriter]) {
    const { written, lost, differing } = countLostWrites(engine, swarm, 1)
    assert.is(written, lossy.written, 'the same writes')
    assert.is(differing, 0)
    assert.ok(lost * 10 < written, `${engine.name} lost ${lost} of ${written}`)
    // Nothing is concurrent, so nothing can lose.
    const alone = countLostWrites(engine, { ...swarm, rounds: 1, writes: 1 }, 1)
    assert.equal([alone.written, alone.lost], [1, 0])
  }
  // Where clocks agree, the later of concurrent writes is kept.
  assert.is(countLostWrites(pilotGossipHot, { ...swarm, writes: 10 }, 1).lost, 0)
})

test('an engine that should converge and does not fails the run', async () => {
  const deaf = spoilt(() => ({ receive: () => undefined }))
  await rejects(() => countLostWrites(deaf, { ...SWARM, writes: 5 }, 1), /spoilt: nodes differ on/)
})

test('the report has all names, units and figures, and columns that are aligned', async () => {
  const sizes = {
    ...QUICK,
    keys: [100],
    runs: 1,
    b3N: 4,
    b3Runs: 1,
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
    ['last-writer: delete of 10 keys'],
  )
  assert.is(result.b3?.length, 2 * 3)
  assert.equal(
    result.heap?.map(({ engine, keys }) => `${engine} ${keys}`),
    ['yjs-v1 100', 'last-writer 100'],
  )
  for (const name of ['bytes', 'time (us)', 'min (us)', 'max (us)', 'x yjs-v1', 'load', 'yjs 13']) {
    assert.ok(text.includes(name), name)
  }
  for (const name of ['structs', 'a write (us)', 'disk (MB)', 'start (ms)', 'writes a second']) {
    assert.ok(text.includes(name), name)
  }
  for (const { name } of WORKLOADS) assert.ok(text.includes(`\n${name}  `), name)
  const lines = text.split('\n')
  const tables: [head: string, rows: number][] = [
    // The floor knows no deletes.
    ['workload', WORKLOADS.length * 2 - 1],
    ['layout ', LAYOUTS.length * 2],
    ['writers at once', 2],
  ]
  for (const [start, count] of tables) {
    const head = lines.findIndex((line) => line.startsWith(start))
    const rows = lines.slice(head, head + 1 + count)
    assert.is(
      new Set(rows.map((row) => row.length)).size,
      1,
      `${start}: the last column is to the right`,
    )
  }
  const nothing = showResult(await runBench({ ...options, sections: [], sizes }))
  const titles = ['merges', 'lost writes', 'B3', 'heap', 'overwrites', 'start-up', 'commits']
  for (const title of titles.map((name) => `${name}:`)) {
    assert.ok(text.includes(`\n${title}`), title)
    assert.not(nothing.includes(`\n${title}`), title)
  }
})

test('options that cannot be used are refused, with what can', async () => {
  const refused: [string[], RegExp][] = [
    [['--keys', '99'], /--keys "99" is not usable\nhint: give whole numbers from 100 to 100000/],
    [['--keys', '100,'], /--keys "" is not usable/],
    [['--runs', '0'], /--runs "0"/],
    [['--seed', 'x'], /--seed "x"/],
    [['--sizes', '100'], /--sizes/],
    [['--only', 'merges,more'], /--only "more".*\nhint: give some of merges,lost,/],
    [['--dir', '/no/such'], /--dir "\/no\/such" does not exist/],
    [['--engine', 'more'], /--engine "more" is no engine/],
    [['100'], /100/],
  ]
  for (const [args, message] of refused) {
    const { code, out, err } = await play(args)
    assert.equal([code, out], [2, ''], args.join(' '))
    assert.match(err, message)
  }
  assert.match((await play(['--help'])).out, '--seed N')
})

test('medians and spreads', () => {
  assert.is(medianOf([3, 1, 2]), 2)
  assert.is(medianOf([4, 1, 2, 3]), 2.5)
  assert.equal(spreadOf([5]), { median: 5, min: 5, max: 5 })
  assert.throws(() => medianOf([]), 'nothing')
  const many = Array.from({ length: 200_000 }, (_, index) => index)
  assert.equal(spreadOf(many), { median: 99_999.5, min: 0, max: 199_999 })
})

test('the program itself: one line of JSON that names the machine, the date and the seed', () => {
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
