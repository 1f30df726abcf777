/**
 * How much a client may send before it must wait: a rate and a burst (a token bucket). A client over
 * its budget waits and is not cut, so an honest one with much to send is only as fast as allowed.
 *
 * ```js
 * const frames = new Budget(1_000, 2_000)
 * frames.spend(1)
 * setTimeout(next, frames.waitMs())
 * ```
 */

/** Seconds of work that may be saved up, so that a large document is merged at once. */
export const MAX_SAVED_SECONDS = 4

export class Budget {
  readonly #rate: number
  readonly #burst: number
  #left: number
  #at: number

  /** `rate` is refilled each second, up to `burst`. */
  constructor(rate: number, burst: number) {
    this.#rate = rate
    this.#burst = burst
    this.#left = burst
    this.#at = performance.now()
  }

  /** May go into debt: one large message passes, and those after it wait. */
  spend(amount: number): void {
    this.#refill()
    this.#left -= amount
  }

  /** Milliseconds until more may be spent; 0: now. */
  waitMs(): number {
    this.#refill()
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / this.#rate) * 1_000)
  }

  #refill(): void {
    const now = performance.now()
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) / 1_000) * this.#rate)
    this.#at = now
  }
}
