/**
 * All sections of the bench of costs, one after the other.
 *
 * ```ts
 * const { growth } = await benchCosts(SECTIONS, { runs: 3, divisor: 1 })
 * ```
 */
import { type Machine, readMachine } from '../runner/machine.ts'
import { type GrowthRow, runGrowth } from './growth.ts'
import { type ProfileRow, runProfiles } from './profile.ts'
import { type RangesRow, runRanges } from './ranges.ts'

export interface CostsOptions {
  readonly runs: number
  /** Sizes are divided by it; 1 for figures to publish. */
  readonly divisor: number
  readonly progress?: (step: string) => void
}

/** Past writers of two replicas that compare by ranges. */
const WRITERS = [1_000, 10_000, 100_000]

interface Measured {
  readonly growth: readonly GrowthRow[]
  readonly profiles: readonly ProfileRow[]
  readonly ranges: readonly RangesRow[]
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
