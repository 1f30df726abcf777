/**
 * How many messages may be under way at one time: additive increase, multiplicative decrease, as
 * TCP does it (RFC 5681). Each send costs a process or a file, so what a host can carry is found
 * by trying. A send is late when it took several times as long as the best to that peer.
 *
 * ```ts
 * const window = new SendWindow(8)
 * if (sending < window.size) …
 * window.ended(begunAt, isLate(ms, bestMs), now)
 * ```
 */

/** Times the best time of a peer from which on a send is late: processes wait for a processor. */
const LATE_FACTOR = 4

/** Milliseconds that are never late: below it the clock of a busy loop is measured, not the host. */
const MIN_LATE_MS = 50

/** Share by which the best time follows what is longer: a way that has become longer is believed after some hundred sends. */
const BEST_AGING = 1 / 64

/** Is a send of that duration late, to a peer whose best was that? */
export const isLate = (ms: number, bestMs: number | undefined): boolean =>
  bestMs !== undefined && ms > Math.max(MIN_LATE_MS, LATE_FACTOR * bestMs)

/** The best time of a peer, with one more send. */
export const bestOf = (ms: number, bestMs: number | undefined): number =>
  bestMs === undefined || ms < bestMs ? ms : bestMs + (ms - bestMs) * BEST_AGING

export class SendWindow {
  readonly #max: number
  #size: number
  /** Sends begun before it are of a time when more were allowed. */
  #decreasedAt = Number.NEGATIVE_INFINITY

  /** Begins with `most`: what is too much shows with the first sends. */
  constructor(most: number) {
    this.#max = most
    this.#size = most
  }

  /** A whole number, one at least. */
  get size(): number {
    return Math.floor(this.#size)
  }

  /** A send that began at that time has ended, late or in time. */
  ended(begunAt: number, late: boolean, now: number): void {
    if (!late) this.#size = Math.min(this.#max, this.#size + 1 / this.#size)
    else if (begunAt >= this.#decreasedAt) this.decrease(now)
  }

  /** Half as many: this host has more to do than it can. */
  decrease(now: number): void {
    this.#size = Math.max(1, this.#size / 2)
    this.#decreasedAt = now
  }
}
