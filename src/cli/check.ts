/** What one look of `doctor` has found. */
import { type FailureCode, toFailure } from '../errors.ts'

/** Peers that are named; more fill no screen. */
export const MAX_SHOWN = 20

export interface Check {
  readonly name: string
  /** `problem`: `run` cannot work. */
  readonly level: 'ok' | 'warning' | 'problem'
  readonly detail: string
  /** What to do. */
  readonly hint?: string | undefined
  /** Of the error that was met, where it was one; else `internal`. */
  readonly code?: FailureCode
}

/** A problem, told as the error that was met. */
export const problemOf = (name: string, error: unknown): Check => {
  const { code, message, hint } = toFailure(error)
  return { name, level: 'problem', detail: message, hint, code }
}
