/**
 * Runs every workload on every engine and size. Engines take turns within each run (A B C, B C A,
 * ...), so whatever slows the machine for a while slows them alike: neighbours on the same core do
 * so twofold, even by processor time. The ratio to the reference is the median of the ratios within
 * one run. Every answer is checked, those of warming up too.
 *
 * Whoever cannot do a workload, or takes too long, is left out of it, and `leaveOut` is told why.
 *
 * ```ts
 * const cells = runMerges({ engines: ENGINES, reference: REFERENCE, keys: [100], seed: 1, runs: 7 })
 * ```
 */
import { Failure } from '../../src/errors.ts'
import { bytesOf, type Engine } from '../engines/engine.ts'
import { now } from '../runner/clock.ts'
import { collect } from '../runner/garbage.ts'
import { medianOf, type Spread, spreadOf } from '../runner/stats.ts'
import { unique } from '../runner/unique.ts'
import { Base } from './base.ts'
import { BUDGET, type Budget } from './budget.ts'
import type { Scenario, Workload } from './workload.ts'
import { LEAST_KEYS, WORKLOADS } from './workloads.ts'

/** An engine that is not in a row, or in any of a size, and why. */
export interface LeftOut {
  /** Absent where it is not about a size. */
  readonly keys?: number
  readonly engine: string
  /** All of them where it is absent. */
  readonly workload?: string
  /** In words. */
  readonly reason: string
}

export interface MergeOptions {
  readonly engines: readonly Engine[]
  /** What ratios refer to; there are none where it is not among the engines. */
  readonly reference: Engine
  readonly keys: readonly number[]
  readonly seed: number
  /** Samples of each cell, at least; `SLOW_TURNS` where they take long. */
  readonly runs: number
  /** Called before each row. */
  readonly progress?: (row: string) => void
  readonly leaveOut?: (left: LeftOut) => void
  /** Default `BUDGET`. */
  readonly budget?: Budget
}

export interface Cell {
  readonly keys: number
  readonly workload: string
  readonly engine: string
  /** Of what one merge receives, as it leaves the process. */
  readonly bytes: number
  /** Keys whose write is lost in a merge; null where no writers are concurrent. */
  readonly lost: number | null
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

/** Microseconds of warming up: by then V8 has compiled most of what is hot. */
const WARM_UP_US = 10_000

/** Stages of warming up at most: those of the cheapest engines cost far more to check than to run. */
const WARM_UP_STAGES = 6

/** Microseconds that a row may take before it has no more than the runs that were asked for. */
const ROW_US = 80_000

/** Times the runs that were asked for: what a short row gets at most. */
export const MOST_TURNS = 3

/** Microseconds of a turn that is slow, and what a row has then: minutes would go by for a better median. */
const SLOW_TURN_US = 3_000_000
export const SLOW_TURNS = 3

type Clock = () => number

const elapsed: Clock = () => performance.now() * 1_000

const clockOf = ({ isElapsed }: Engine): Clock => (isElapsed ? elapsed : now)

/** Microseconds that `merges` merges take, one at least; checked afterwards. */
const sample = (scenario: Scenario, merges: number, clock: Clock): number => {
  const stage = scenario.stage(merges)
  collect('minor')
  const start = clock()
  stage.run()
  const us = clock() - start
  stage.check()
  stage.free?.()
  return Math.max(us, 1)
}

interface Warm {
  /** How many merges fill a sample, and how many microseconds that takes about. */
  readonly merges: number
  readonly expectedUs: number
}

/** Warms up; undefined where the first merge was over already at `endUs`. */
const warmUp = (scenario: Scenario, clock: Clock, endUs: number): Warm | undefined => {
  let merges = 1
  let each = 0
  let spent = 0
  const { warmUpUs = WARM_UP_US } = scenario
  for (let stages = 0; stages < WARM_UP_STAGES && spent < warmUpUs; stages++) {
    const us = sample(scenario, merges, clock)
    if (stages === 0 && clock() > endUs) return undefined
    spent += us
    each = us / merges
    merges = Math.min(scenario.most, Math.ceil(SAMPLE_US / each))
  }
  return { merges, expectedUs: merges * each }
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

/** One engine at one size. */
interface Candidate {
  readonly base: Base
  readonly clock: Clock
  spentUs: number
}

interface Entrant extends Warm {
  readonly candidate: Candidate
  readonly scenario: Scenario
  /** For an error. */
  readonly where: string
  /** Microseconds of one merge, a number for each run. */
  readonly us: number[]
}

/** What `run` returns; its time is added to the candidate's. */
const timed = <T>(candidate: Candidate, run: () => T): T => {
  const start = candidate.clock()
  try {
    return run()
  } finally {
    candidate.spentUs += candidate.clock() - start
  }
}

const seconds = (us: number): string => `${(us / 1e6).toFixed(us < 1e7 ? 1 : 0)} s`

const createCandidates = (options: MergeOptions, keys: number): Candidate[] => {
  const { engines, seed, leaveOut, budget = BUDGET } = options
  return engines.flatMap((engine): Candidate[] => {
    const reason = engine.missing?.()
    if (reason !== undefined) {
      leaveOut?.({ keys, engine: engine.name, reason })
      return []
    }
    const clock = clockOf(engine)
    const start = clock()
    const base = named(`${engine.name}, ${keys} keys`, () => new Base(engine, keys, seed))
    const spentUs = clock() - start
    if (spentUs <= budget.base * 1e6) return [{ base, clock, spentUs }]
    base.free()
    const slow = `its map took ${seconds(spentUs)} to write, of ${budget.base} s`
    leaveOut?.({ keys, engine: engine.name, reason: slow })
    return []
  })
}

/** Prepares one workload for each engine and checks its first answers. */
const enter = (
  candidates: readonly Candidate[],
  workload: Workload,
  { leaveOut, budget = BUDGET }: MergeOptions,
): Entrant[] =>
  candidates.flatMap((candidate): Entrant[] => {
    const { base, clock } = candidate
    const { name } = base.engine
    const keys = base.entries.length
    const out = (reason: string): [] => {
      leaveOut?.({ keys, engine: name, workload: workload.name, reason })
      return []
    }
    if (candidate.spentUs > budget.size * 1e6) {
      return out(`it has taken ${seconds(candidate.spentUs)} at this size, of ${budget.size} s`)
    }
    const where = `${name}, ${workload.name}, ${keys} keys`
    return timed(candidate, () =>
      named(where, () => {
        const start = clock()
        const scenario = workload.prepare(base)
        if (typeof scenario === 'string') return out(scenario)
        const warm = warmUp(scenario, clock, start + budget.merge * 1e6)
        if (warm) return [{ candidate, scenario, where, ...warm, us: [] }]
        scenario.free?.()
        return out(
          `one merge took ${seconds(clock() - start)} with its preparation, of ${budget.merge} s`,
        )
      }),
    )
  })

const free = (entrants: readonly Entrant[]): void => {
  for (const { scenario } of entrants) scenario.free?.()
}

const turnsOf = (entrants: readonly Entrant[], runs: number): number => {
  const turnUs = entrants.reduce((sum, { expectedUs }) => sum + expectedUs, 0)
  if (turnUs > SLOW_TURN_US) return Math.min(runs, SLOW_TURNS)
  return Math.min(runs * MOST_TURNS, Math.max(runs, Math.floor(ROW_US / turnUs)))
}

const runRow = (
  candidates: readonly Candidate[],
  workload: Workload,
  options: MergeOptions,
): Cell[] => {
  const entrants = enter(candidates, workload, options)
  const turns = turnsOf(entrants, options.runs)
  for (let turn = 0; turn < turns; turn++) {
    // Another one begins each time: else the collector, which has a rhythm too, would meet the same one.
    const first = turn % entrants.length
    collect('major')
    for (const entrant of [...entrants.slice(first), ...entrants.slice(0, first)]) {
      const { candidate, scenario, merges, us, where } = entrant
      const take = () => sample(scenario, merges, candidate.clock)
      us.push(timed(candidate, () => named(where, take)) / merges)
    }
  }
  free(entrants)
  const compared = entrants.find(({ candidate }) => candidate.base.engine === options.reference)
  return entrants.map(({ candidate, scenario, merges, us }) => ({
    keys: candidate.base.entries.length,
    workload: workload.name,
    engine: candidate.base.engine.name,
    bytes: scenario.messages.reduce((sum, message) => sum + bytesOf(message), 0),
    lost: scenario.lost ?? null,
    us: spreadOf(us),
    ratio: compared ? medianOf(us.map((time, run) => time / compared.us[run]!)) : null,
    samples: us.length,
    merges,
  }))
}

const runSize = (options: MergeOptions, keys: number): Cell[] => {
  const candidates = createCandidates(options, keys)
  const cells = WORKLOADS.flatMap((workload) => {
    options.progress?.(`${workload.name}, ${keys} keys`)
    return runRow(candidates, workload, options)
  })
  for (const { base } of candidates) base.free()
  return cells
}

/** What other processes do, V8 here does not compile. */
const warmUpAll = ({ leaveOut: _, ...options }: MergeOptions): void => {
  const engines = options.engines.filter(({ isElapsed }) => !isElapsed)
  const candidates = createCandidates({ ...options, engines }, LEAST_KEYS)
  for (const workload of WORKLOADS) free(enter(candidates, workload, options))
  for (const { base } of candidates) base.free()
}

/** All cells: by size, then workload, then engine. Throws a Failure when an answer is wrong. */
export const runMerges = (options: MergeOptions): Cell[] => {
  const { keys, progress } = options
  // The engines share code, which V8 compiles anew as each brings its own types: before anything is timed.
  progress?.('warming up')
  warmUpAll(options)
  // The largest first: it warms up the code best for the small ones, where compiling would show.
  const sizes = unique(keys).sort((a, b) => b - a)
  return sizes
    .map((size) => runSize(options, size))
    .reverse()
    .flat()
}
