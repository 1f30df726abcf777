/**
 * So much a second, and some of it saved up: what a client may send before it must wait. It is
 * made to wait, not cut: an honest client with much to say is as fast as it may be.
 *
 * ```js
 * const frames = new Budget(1_000, 2_000)
 * frames.spend(1)
 * setTimeout(next, frames.waitMs())
 * ```
 */

/** How much work may be saved up: so that a large document is merged at once. */
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

  /** May lead into debt, so that one large thing passes and what follows it pays. */
  spend(amount: number): void {
    this.#refill()
    this.#left -= amount
  }

  /** Milliseconds until something may be spent again; 0: now. */
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
