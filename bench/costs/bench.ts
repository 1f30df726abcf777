/**
 * All sections of the bench of costs, one after the other.
 *
 * ```ts
 * const { growth } = await benchCosts(SECTIONS, { runs: 3, divisor: 1 })
 * ```
 */
import { type Machine, readMachine } from '../runner/machine.ts'
import { type CommandCost, measureCommands } from './command.ts'
import { type GrowthRow, runGrowth } from './growth.ts'
import { type IdleCost, measureIdle } from './idle.ts'
import { type ProfileRow, runProfiles } from './profile.ts'
import { type RangesRow, runRanges } from './ranges.ts'
import { runSealing, type SealingRow } from './sealing.ts'
import { measureStarts, type StartCost } from './start.ts'
import { measureStreams, type StreamCost } from './stream.ts'

export interface CostsOptions {
  readonly runs: number
  /** Sizes are divided by it; 1 for figures to publish. */
  readonly divisor: number
  readonly progress?: (step: string) => void
}

/** Past writers of two replicas that compare by ranges. */
const WRITERS = [1_000, 10_000, 100_000]

/** Keys of a document that an agent starts with, and of one that is listed. */
const START_KEYS = [10_000, 100_000, 1_000_000]
const LISTED_KEYS = 1_000_000

/** Runs of a command for each run of the bench: a process is short, and its time varies. */
const COMMAND_RUNS = 5

/** Milliseconds. An idle agent wakes up every few seconds. */
const IDLE_WARM_UP_MS = 20_000
const IDLE_MS = 60_000

interface Measured {
  readonly growth: readonly GrowthRow[]
  readonly profiles: readonly ProfileRow[]
  readonly ranges: readonly RangesRow[]
  readonly sealing: readonly SealingRow[]
  /** Those of the built program: `npm run build` first. */
  readonly starts: readonly StartCost[]
  readonly commands: readonly CommandCost[]
  /** Null where the system does not report it. */
  readonly idle: IdleCost | null
  readonly streams: readonly StreamCost[]
}

export type SectionName = keyof Measured

type Measurements = {
  readonly [K in SectionName]: (options: CostsOptions) => Measured[K] | Promise<Measured[K]>
}

const MEASUREMENTS: Measurements = {
  growth: runGrowth,
  profiles: runProfiles,
  ranges: ({ divisor, progress }) =>
    runRanges(
      WRITERS.map((count) => Math.round(count / divisor)),
      progress,
    ),
  sealing: runSealing,
  starts: ({ runs, divisor, progress }) => {
    progress?.('starts')
    const keys = START_KEYS.map((count) => count / divisor)
    return measureStarts({ keys, layouts: ['plain', 'hot'], runs })
  },
  commands: ({ runs, progress }) => {
    progress?.('commands')
    return measureCommands({ runs: COMMAND_RUNS * runs })
  },
  idle: ({ divisor, progress }) => {
    progress?.('an idle agent')
    return measureIdle({ warmUpMs: IDLE_WARM_UP_MS / divisor, ms: IDLE_MS / divisor })
  },
  streams: ({ runs, divisor, progress }) => {
    progress?.('lists')
    return measureStreams({ keys: LISTED_KEYS / divisor, runs })
  },
}

export const SECTIONS = Object.keys(MEASUREMENTS) as readonly SectionName[]

export interface CostsBench extends Partial<Measured> {
  /** Its beginning, in ISO 8601. */
  readonly date: string
  readonly machine: Machine
  readonly settings: Pick<CostsOptions, 'runs' | 'divisor'>
  /** What was measured. */
  readonly sections: readonly SectionName[]
}

/** Rejects with a Failure (internal) for a wrong answer. */
export const benchCosts = async (
  sections: readonly SectionName[],
  options: CostsOptions,
): Promise<CostsBench> => {
  const { runs, divisor } = options
  const measured: Record<string, unknown> = {}
  const bench = { date: new Date().toISOString(), machine: readMachine() }
  for (const name of sections) measured[name] = await MEASUREMENTS[name](options)
  return { ...bench, settings: { runs, divisor }, sections, ...measured }
}
