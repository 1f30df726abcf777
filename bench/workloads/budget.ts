/**
 * How long an engine may take before it is left out of merges: the others must not wait for it.
 *
 * ```ts
 * runMerges({ ...options, budget: { ...BUDGET, size: 600 } })      // patience
 * ```
 */

/** Seconds, by the clock of the engine, that one may take; then it is left out. */
export interface Budget {
  /** For a map of that size, written and told in whole, before anything is measured. */
  readonly base: number
  /** For one merge, with the replicas and messages that must be made for it. */
  readonly merge: number
  /** For all that is done with it at one size. */
  readonly size: number
}

/**
 * Of 100,000 keys Yjs's merges take a second each, and all that is done with our own path a bit more
 * than a minute on a busy machine. Only there has anybody been left out.
 */
export const BUDGET: Budget = { base: 16, merge: 8, size: 90 }
