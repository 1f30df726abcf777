/**
 * The delays between tries that fail: each is twice the one before, up to a maximum.
 *
 * ```ts
 * const delay = new RetryDelay({ firstMs: 500, maxMs: 5_000 })
 * delay.next()    // 500
 * delay.next()    // 1000
 * delay.reset()   // a try has worked
 * ```
 */
export interface RetryDelayOptions {
  readonly firstMs: number
  readonly maxMs: number
}

export class RetryDelay {
  readonly #options: RetryDelayOptions
  #nextMs: number

  constructor(options: RetryDelayOptions) {
    this.#options = options
    this.#nextMs = options.firstMs
  }

  /** Milliseconds until the next try. */
  next(): number {
    const delayMs = this.#nextMs
    this.#nextMs = Math.min(this.#options.maxMs, 2 * delayMs)
    return delayMs
  }

  reset(): void {
    this.#nextMs = this.#options.firstMs
  }
}
