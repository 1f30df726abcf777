/**
 * Runs every workload on every engine and size. Engines take turns within each run (A B C, B C A,
 * ...), so whatever slows the machine for a while slows them alike: neighbours on the same core do
 * so twofold, even by processor time. The ratio to the reference is the median of the ratios within
 * one run. Every answer is checked, those of warming up too.
 *
 * ```ts
 * const cells = runMerges({ engines: ENGINES, reference: REFERENCE, keys: [100], seed: 1, runs: 7 })
 * ```
 */
import { Failure } from '../src/errors.ts'
import { Base } from './base.ts'
import { now } from './clock.ts'
import { bytesOf, type Engine } from './engine.ts'
import { collect } from './garbage.ts'
import { medianOf, type Spread, spreadOf } from './stats.ts'
import { LEAST_KEYS, type Scenario, WORKLOADS, type Workload } from './workloads.ts'

export interface MergeOptions {
  readonly engines: readonly Engine[]
  /** What ratios refer to; there are none where it is not among the engines. */
  readonly reference: Engine
  readonly keys: readonly number[]
  readonly seed: number
  /** Samples of each cell, at least. */
  readonly runs: number
  /** Called before each row. */
  readonly progress?: (row: string) => void
}

export interface Cell {
  readonly keys: number
  readonly workload: string
  readonly engine: string
  /** Of one message, as it leaves the process. */
  readonly bytes: number
  /** Microseconds of one merge. */
  readonly us: Spread
  /** Times the reference; null where that does not take part. */
  readonly ratio: number | null
  readonly samples: number
  /** Merges in one sample. */
  readonly merges: number
}

/** Microseconds that a sample should take. Shorter ones measure the clock and the collector; longer ones the patience. */
const SAMPLE_US = 2_000

/** Microseconds of warming up: by then V8 has compiled what is hot. */
const WARM_UP_US = 10_000

/** Stages of warming up at most: those of the cheapest engines cost far more to check than to run. */
const WARM_UP_STAGES = 6

/** Microseconds that a row may take before it has no more than the runs that were asked for. */
const ROW_US = 80_000

/** Times the runs that were asked for: what a short row gets at most. */
export const MOST_TURNS = 3

/** Microseconds that `merges` merges take, one at least; checked afterwards. */
const sample = (scenario: Scenario, merges: number): number => {
  const stage = scenario.stage(merges)
  collect('minor')
  const start = now()
  stage.run()
  const us = now() - start
  stage.check()
  return Math.max(us, 1)
}

/** Warms up; returns how many merges fill a sample, and how long that takes about. */
const warmUp = (scenario: Scenario): { merges: number; expectedUs: number } => {
  let merges = 1
  let each = 0
  let spent = 0
  for (let stages = 0; stages < WARM_UP_STAGES && spent < WARM_UP_US; stages++) {
    const us = sample(scenario, merges)
    spent += us
    each = us / merges
    merges = Math.min(scenario.most, Math.ceil(SAMPLE_US / each))
  }
  return { merges, expectedUs: merges * each }
}

interface Entrant {
  readonly engine: Engine
  readonly scenario: Scenario
  /** For an error. */
  readonly where: string
  readonly merges: number
  readonly expectedUs: number
  /** Microseconds of one merge, a number for each run. */
  readonly us: number[]
}

/** `run`, whose error then says where it happened. */
const named = <T>(where: string, run: () => T): T => {
  try {
    return run()
  } catch (error) {
    if (error instanceof Failure) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new Failure('internal', `${where}: ${reason}`, { cause: error })
  }
}

const createBases = ({ engines, seed }: MergeOptions, keys: number): Base[] =>
  engines.map((engine) => named(`${engine.name}, ${keys} keys`, () => new Base(engine, keys, seed)))

/** Prepares one workload for each engine and checks its first answers. */
const enter = (bases: readonly Base[], workload: Workload): Entrant[] =>
  bases.map((base): Entrant => {
    const { engine, entries } = base
    const where = `${engine.name}, ${workload.name}, ${entries.length} keys`
    return named(where, () => {
      const scenario = workload.prepare(base)
      return { engine, scenario, where, ...warmUp(scenario), us: [] }
    })
  })

const turnsOf = (entrants: readonly Entrant[], runs: number): number => {
  const turnUs = entrants.reduce((sum, { expectedUs }) => sum + expectedUs, 0)
  return Math.min(runs * MOST_TURNS, Math.max(runs, Math.floor(ROW_US / turnUs)))
}

const runRow = (bases: readonly Base[], workload: Workload, options: MergeOptions): Cell[] => {
  const entrants = enter(bases, workload)
  const turns = turnsOf(entrants, options.runs)
  for (let turn = 0; turn < turns; turn++) {
    // Another one begins each time: else the collector, which has a rhythm too, would meet the same one.
    const first = turn % entrants.length
    collect('major')
    for (const entrant of [...entrants.slice(first), ...entrants.slice(0, first)]) {
      const { scenario, merges, us, where } = entrant
      us.push(named(where, () => sample(scenario, merges)) / merges)
    }
  }
  const compared = entrants.find(({ engine }) => engine === options.reference)
  return entrants.map(({ engine, scenario, merges, us }, index) => ({
    keys: bases[index]!.entries.length,
    workload: workload.name,
    engine: engine.name,
    bytes: bytesOf(scenario.message),
    us: spreadOf(us),
    ratio: compared ? medianOf(us.map((time, run) => time / compared.us[run]!)) : null,
    samples: us.length,
    merges,
  }))
}

/** All cells: by size, then workload, then engine. Throws a Failure when an answer is wrong. */
export const runMerges = (options: MergeOptions): Cell[] => {
  const { keys, progress } = options
  // The engines share code, which V8 compiles anew as each brings its own types: before anything is timed.
  progress?.('warming up')
  const smallest = createBases(options, LEAST_KEYS)
  for (const workload of WORKLOADS) enter(smallest, workload)
  // The largest first: it warms up the code best for the small ones, where compiling would show.
  const sizes = [...new Set(keys)].sort((a, b) => b - a)
  const tables = sizes.map((size) => {
    const bases = createBases(options, size)
    return WORKLOADS.flatMap((workload) => {
      progress?.(`${workload.name}, ${size} keys`)
      return runRow(bases, workload, options)
    })
  })
  return tables.reverse().flat()
}
