/**
 * A section of the bench: participants that do the same under the same loads, one after the other in
 * each run, so that all of them share the state of the machine.
 */

/** Numbers by name. Times are in milliseconds, memory is in bytes; undefined: the system does not report it. */
export type Figures = Readonly<Record<string, number | undefined>>

export interface MeasureOptions {
  /** Our own programs from `dist` instead of from the sources? */
  readonly isBuilt: boolean
  readonly seconds: number
  readonly signal: AbortSignal
}

export interface Participant {
  readonly name: string
  readonly about: string
  /** A program of the system that it needs; its version is kept with the results. */
  readonly program?: string
  /** Why it cannot be measured here, with the line that installs it; undefined if it can. */
  readonly missing?: () => string | undefined
  /** Rejects with a Failure if the answer is wrong. Leaves nothing behind. */
  readonly measure: (load: number, options: MeasureOptions) => Promise<Figures>
}

export interface Section {
  readonly name: string
  /** The participant that the others are compared with. */
  readonly reference: string
  /** What the loads count, like `clients`. */
  readonly unit: string
  readonly loads: readonly number[]
  readonly participants: readonly Participant[]
}

/** What one participant did under one load, in all runs. */
export interface SideRow {
  readonly name: string
  readonly load: number
  readonly runs: readonly Figures[]
}

export interface SideSection {
  readonly name: string
  readonly reference: string
  readonly unit: string
  readonly participants: readonly { readonly name: string; readonly about: string }[]
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[]
  readonly rows: readonly SideRow[]
}
