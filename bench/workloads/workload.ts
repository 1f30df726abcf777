/**
 * What a workload is: something that is done with replicas of an engine, prepared ahead so that
 * only the doing is timed, and checked afterwards.
 *
 * ```ts
 * const { stage } = workload.prepare(base)
 * ```
 */
import type { Message } from '../engines/engine.ts'
import type { Base } from './base.ts'

/** Merges that are ready to be timed together. */
export interface Stage {
  run(): void
  /** Throws a Failure when a receiver has another map than it must. */
  check(): void
  /** Gives back the memory of what was made for it. */
  free?(): void
}

export interface Scenario {
  /** What one merge receives, the first time: its bytes are those of the cell. */
  readonly messages: readonly Message[]
  /** Merges that one stage may hold, for preparing them costs time and memory. */
  readonly most: number
  /** Keys whose write is lost in each merge; only where writers are concurrent. */
  readonly lost?: number
  /** Microseconds of warming up, where it is to be as fast as it gets; absent: the usual. */
  readonly warmUpUs?: number
  stage(merges: number): Stage
  /** Gives back the memory of what all its stages share. */
  free?(): void
}

export interface Workload {
  readonly name: string
  /** In words, what the engine lacks, where it cannot take part. */
  prepare(base: Base): Scenario | string
}
