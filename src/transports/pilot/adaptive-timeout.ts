/**
 * Derives the timeout of a call from recent calls, as TCP does (RFC 6298): the smoothed duration
 * plus four times its deviation, but never less than a quiet host gets.
 *
 * ```ts
 * const timeout = new AdaptiveTimeout(3_000, 10_000)
 * timeout.took(1_500)
 * timeout.ms // 4500
 * ```
 */

/** The weight of the newest duration in the smoothed one, and of its distance in the deviation; from RFC 6298. */
const NEWEST = 1 / 8
const NEWEST_DEVIATION = 1 / 4

/** Deviations above the smoothed duration; from RFC 6298. */
const DEVIATIONS = 4

export class AdaptiveTimeout {
  readonly #minMs: number
  readonly #maxMs: number
  #smoothedMs: number | undefined
  #deviationMs = 0

  /** Milliseconds. */
  constructor(minMs: number, maxMs: number) {
    this.#minMs = minMs
    this.#maxMs = Math.max(minMs, maxMs)
  }

  /** The timeout of a call that starts now, in milliseconds. */
  get ms(): number {
    const timeoutMs = (this.#smoothedMs ?? 0) + DEVIATIONS * this.#deviationMs
    return Math.min(this.#maxMs, Math.max(this.#minMs, timeoutMs))
  }

  /** Records the duration of a successful call. */
  took(ms: number): void {
    const time = Math.max(0, ms)
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = time
      this.#deviationMs = time / 2
      return
    }
    this.#deviationMs += (Math.abs(time - this.#smoothedMs) - this.#deviationMs) * NEWEST_DEVIATION
    this.#smoothedMs += (time - this.#smoothedMs) * NEWEST
  }
}
