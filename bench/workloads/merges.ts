/**
 * Runs every workload on every engine and size. Engines take turns within a run (A B C, B C A, …),
 * so that whatever slows the machine for a while slows all of them: a busy neighbour on the same
 * core can double even the processor time. A ratio is the median of the ratios within a run. Every
 * answer is checked, those of the warm-up too.
 *
 * An engine that lacks a feature or takes too long is left out of a workload, with a reason.
 *
 * ```ts
 * const cells = runMerges({ engines: ENGINES, reference: REFERENCE, keys: [100], seed: 1, runs: 7 })
 * ```
 */
import { Failure } from '../../src/errors.ts'
import { bytesOf, type Engine } from '../engines/engine.ts'
import { elapsed, now } from '../runner/clock.ts'
import { collect } from '../runner/garbage.ts'
import { medianOf, spreadOf, unique } from '../runner/stats.ts'
import { Base } from './base.ts'
import { MIN_KEYS, type Scenario, WORKLOADS, type Workload } from './workloads.ts'

/** An engine that was not measured. */
export interface LeftOut {
  /** Absent if the reason does not depend on the size. */
  readonly keys?: number
  readonly engine: string
  /** Absent for all workloads. */
  readonly workload?: string
  readonly reason: string
}

/** Seconds after which an engine is left out, by its clock: the others must not wait for it. */
export interface Budget {
  /** Writing the map and encoding it, before anything is measured. */
  readonly base: number
  /** One merge with its preparation. */
  readonly merge: number
  /** All work at one size. */
  readonly size: number
}

/** With 100,000 keys a merge of Yjs takes a second, and all work with our own path a minute. */
const BUDGET: Budget = { base: 16, merge: 8, size: 90 }

export interface MergeOptions {
  readonly engines: readonly Engine[]
  /** Ratios compare with it; there are none if it is not among the engines. */
  readonly reference: Engine
  readonly keys: readonly number[]
  readonly seed: number
  /** Minimum samples of each cell; `SLOW_TURNS` of a slow one. */
  readonly runs: number
  readonly progress?: (row: string) => void
  readonly leaveOut?: (left: LeftOut) => void
  readonly budget?: Budget
}

/** Microseconds of a sample. A shorter one measures the clock and the collector; a longer one makes the run slow. */
const SAMPLE_US = 2_000

/** Microseconds of warm-up, after which V8 has compiled most hot code, and its stages at most. */
const WARM_UP_US = 10_000
const MAX_WARM_UP_STAGES = 6

/** Microseconds up to which a row gets more runs than requested, and at most how many times as many. */
const ROW_US = 80_000
const MAX_TURNS = 3

/** Microseconds from which a turn is slow, and the turns of a row with a slow one: more take minutes. */
const SLOW_TURN_US = 3_000_000
const SLOW_TURNS = 3

type Clock = () => number

/** Microseconds that `merges` merges take, at least 1. The answer is checked. */
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
  /** Merges that fill a sample, and the microseconds they take approximately. */
  readonly merges: number
  readonly expectedUs: number
}

/** Warms up. Returns undefined if the first merge ends after `endUs`. */
const warmUp = (scenario: Scenario, clock: Clock, endUs: number): Warm | undefined => {
  let merges = 1
  let each = 0
  let spent = 0
  const { warmUpUs = WARM_UP_US } = scenario
  for (let stages = 0; stages < MAX_WARM_UP_STAGES && spent < warmUpUs; stages++) {
    const us = sample(scenario, merges, clock)
    if (stages === 0 && clock() > endUs) return undefined
    spent += us
    each = us / merges
    merges = Math.min(scenario.maxMerges, Math.ceil(SAMPLE_US / each))
  }
  return { merges, expectedUs: merges * each }
}

/** Adds `where` to an error of `run`. */
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
  readonly where: string
  /** Microseconds of one merge, for each run. */
  readonly us: number[]
}

/** Runs, and adds the time to the candidate's. */
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
    const out = (reason: string): [] => {
      leaveOut?.({ keys, engine: engine.name, reason })
      return []
    }
    const reason = engine.missing?.()
    if (reason !== undefined) return out(reason)
    const clock = engine.isElapsed ? elapsed : now
    const start = clock()
    const base = named(`${engine.name}, ${keys} keys`, () => new Base(engine, keys, seed))
    const spentUs = clock() - start
    if (spentUs <= budget.base * 1e6) return [{ base, clock, spentUs }]
    base.free()
    return out(`writing its map took ${seconds(spentUs)}, limit ${budget.base} s`)
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
    if (candidate.spentUs > budget.size * 1e6)
      return out(`this size took ${seconds(candidate.spentUs)}, limit ${budget.size} s`)
    const where = `${name}, ${workload.name}, ${keys} keys`
    return timed(candidate, () =>
      named(where, () => {
        const start = clock()
        const scenario = workload.prepare(base)
        if (typeof scenario === 'string') return out(scenario)
        const warm = warmUp(scenario, clock, start + budget.merge * 1e6)
        if (warm) return [{ candidate, scenario, where, ...warm, us: [] }]
        scenario.free?.()
        const took = seconds(clock() - start)
        return out(`one merge with its preparation took ${took}, limit ${budget.merge} s`)
      }),
    )
  })

const free = (entrants: readonly Entrant[]): void => {
  for (const { scenario } of entrants) scenario.free?.()
}

const turnsOf = (entrants: readonly Entrant[], runs: number): number => {
  const turnUs = entrants.reduce((sum, { expectedUs }) => sum + expectedUs, 0)
  if (turnUs > SLOW_TURN_US) return Math.min(runs, SLOW_TURNS)
  return Math.min(runs * MAX_TURNS, Math.max(runs, Math.floor(ROW_US / turnUs)))
}

const runRow = (candidates: readonly Candidate[], workload: Workload, options: MergeOptions) => {
  const entrants = enter(candidates, workload, options)
  const turns = turnsOf(entrants, options.runs)
  for (let turn = 0; turn < turns; turn++) {
    // Each turn begins with another engine: otherwise the collector would always hit the same one.
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
    // Of what one merge receives.
    bytes: scenario.messages.reduce((sum, message) => sum + bytesOf(message), 0),
    // Keys whose write is lost in a merge; null unless writers are concurrent.
    lost: scenario.lost ?? null,
    // Microseconds of one merge, and times the reference; null if that does not take part.
    us: spreadOf(us),
    ratio: compared ? medianOf(us.map((time, run) => time / compared.us[run]!)) : null,
    samples: us.length,
    // In one sample.
    merges,
  }))
}

export type Cell = ReturnType<typeof runRow>[number]

const runSize = (options: MergeOptions, keys: number): Cell[] => {
  const candidates = createCandidates(options, keys)
  const cells = WORKLOADS.flatMap((workload) => {
    options.progress?.(`${workload.name}, ${keys} keys`)
    return runRow(candidates, workload, options)
  })
  for (const { base } of candidates) base.free()
  return cells
}

/** Runs every engine before anything is timed: they share code, which V8 recompiles for the types of each. */
const warmUpAll = ({ leaveOut: _, ...options }: MergeOptions): void => {
  const engines = options.engines.filter(({ isElapsed }) => !isElapsed)
  const candidates = createCandidates({ ...options, engines }, MIN_KEYS)
  for (const workload of WORKLOADS) free(enter(candidates, workload, options))
  for (const { base } of candidates) base.free()
}

/** All cells by size, workload and engine. Throws a Failure (internal) for a wrong answer. */
export const runMerges = (options: MergeOptions): Cell[] => {
  options.progress?.('warming up')
  warmUpAll(options)
  // The largest first: it warms up the code for the small ones, whose times compilation would distort.
  const sizes = unique(options.keys).sort((a, b) => b - a)
  return sizes
    .map((size) => runSize(options, size))
    .reverse()
    .flat()
}
