/**
 * How long a call may take: as long as calls took lately, and some more (RFC 6298, the way of TCP:
 * the smoothed time and four times its deviation), but never less than what a quiet host is given.
 *
 * ```ts
 * const timeout = new AdaptiveTimeout(3_000, 10_000)
 * timeout.took(1_500)
 * timeout.ms // 4500
 * ```
 */

/** Share of the newest time in the smoothed one, and of its distance in the deviation; of RFC 6298. */
const NEWEST = 1 / 8
const NEWEST_DEVIATION = 1 / 4

/** Deviations beyond the smoothed time; of RFC 6298. */
const DEVIATIONS = 4

export class AdaptiveTimeout {
  readonly #leastMs: number
  readonly #mostMs: number
  #usualMs: number | undefined
  #deviationMs = 0

  /** Milliseconds. */
  constructor(leastMs: number, mostMs: number) {
    this.#leastMs = leastMs
    this.#mostMs = Math.max(leastMs, mostMs)
  }

  /** Milliseconds that a call may take now. */
  get ms(): number {
    const wanted = (this.#usualMs ?? 0) + DEVIATIONS * this.#deviationMs
    return Math.min(this.#mostMs, Math.max(this.#leastMs, wanted))
  }

  /** A call that ended well took so long. */
  took(ms: number): void {
    const time = Math.max(0, ms)
    if (this.#usualMs === undefined) {
      this.#usualMs = time
      this.#deviationMs = time / 2
      return
    }
    this.#deviationMs += (Math.abs(time - this.#usualMs) - this.#deviationMs) * NEWEST_DEVIATION
    this.#usualMs += (time - this.#usualMs) * NEWEST
  }
}
