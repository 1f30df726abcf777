/**
 * A hybrid logical clock (Kulkarni et al., 2014) in one number: milliseconds of the wall clock
 * times 1,024, plus a counter within the millisecond. A stamp is higher than all that its writer
 * had seen, and close to the time of day if clocks are right.
 *
 * ```js
 * const clock = new HybridClock(Date.now)
 * clock.see(stampOfAPeer)
 * const stamp = clock.next()
 * msOfStamp(stamp)       // Unix milliseconds
 * ```
 */

/** Stamps in a millisecond before the counter reaches the next. 2^53 / 1,024 ms last until the year 2248. */
const PER_MS = 1024

/**
 * Milliseconds that a stamp may be ahead of this clock and still be followed: clocks set over a
 * network differ by less. A stamp further ahead comes from a broken clock or a hostile writer,
 * which would otherwise push all other clocks forward, win against every concurrent write, or use
 * up all numbers. A larger value gives such a writer as much more time.
 */
export const MAX_AHEAD_MS = 5 * 60 * 1000

/** Unix milliseconds of a stamp. */
export const msOfStamp = (stamp: number): number => Math.floor(stamp / PER_MS)

const capped = (stamp: number): number => Math.min(stamp, Number.MAX_SAFE_INTEGER)

export class HybridClock {
  /** Unix milliseconds. */
  readonly now: () => number
  #last = 0

  constructor(now: () => number) {
    this.now = now
  }

  /** Stamps beyond it are too far ahead. */
  horizon(): number {
    return (this.now() + MAX_AHEAD_MS) * PER_MS
  }

  /** Follows a peer's stamp, unless it is too far ahead. Returns whether it was not. */
  see(stamp: number): boolean {
    if (stamp <= this.#last) return true
    if (stamp > this.horizon()) return false
    this.#last = stamp
    return true
  }

  /** A stamp higher than all seen and issued ones, unless the clock was set back by more than it may be ahead. */
  next(): number {
    const isAhead = this.#last > this.horizon()
    const time = Math.floor(this.now() * PER_MS)
    this.#last = capped(isAhead ? time : Math.max(this.#last + 1, time))
    return this.#last
  }
}
