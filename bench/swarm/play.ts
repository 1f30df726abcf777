/**
 * What happens between the beginning of a measured stretch and its end: one play for each scenario,
 * on a stage that bench.ts has set.
 *
 * ```ts
 * const play: Play = { run: async (_, measurement) => measurement.end() }
 * ```
 */
import type { Crew } from './crew.ts'
import type { Measurement } from './measurement.ts'
import type { Run } from './result.ts'
import type { Settings } from './settings.ts'
import type { Place } from './world.ts'

/** Shows what is being done. */
export type Progress = (row: string) => void

/** What a play is given. */
export interface Stage {
  readonly crew: Crew
  readonly settings: Settings
  readonly signal: AbortSignal
  readonly progress: Progress
}

export interface Play {
  readonly run: (stage: Stage, measurement: Measurement) => Promise<Run>
  /** The path of another pilotctl than its own, for the agent at that place; it is made here. */
  readonly pilotctlOf?: (place: Place, at: number, settings: Settings) => string | undefined
}
