/**
 * Lets something happen a few times at once, and then less and less often: for what a peer may bring
 * about for good reasons once, and a forger as often as it likes. Pure: time is an argument.
 *
 * ```ts
 * const pause = new GrowingPause()
 * if (pause.take(now)) rename()
 * ```
 */

/** Times that need no pause: two copies of a data folder may choose one new id. */
const FREE = 2

/** Milliseconds of the first pause, doubled with each further time, and at most. */
const FIRST_MS = 10_000
const MAX_MS = 600_000

/** Milliseconds without the need, after which it counts as the first time again. */
const CALM_MS = 3_600_000

export class GrowingPause {
  #times = 0
  /** Milliseconds; not before. */
  #nextAt = Number.NEGATIVE_INFINITY
  #lastAt = Number.NEGATIVE_INFINITY

  /** May it happen now? If so, it counts as having happened. */
  take(now: number): boolean {
    if (now < this.#nextAt) return false
    if (now >= this.#lastAt + CALM_MS) this.#times = 0
    this.#times++
    this.#lastAt = now
    if (this.#times >= FREE)
      this.#nextAt = now + Math.min(MAX_MS, FIRST_MS * 2 ** (this.#times - FREE))
    return true
  }
}
