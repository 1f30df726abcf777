/**
 * How many messages may be under way at one time: additive increase, multiplicative decrease, as in
 * TCP (RFC 5681). Each send costs a process or a file, so what a host can carry is found by trying.
 * A send is late if it took several times as long as the best one to that peer.
 *
 * ```ts
 * const window = new SendWindow(8)
 * if (sending < window.size) sendNext()
 * window.ended(begunAt, isLate(ms, bestMs), now)
 * ```
 */

/** Times a peer's best time after which a send is late: processes are waiting for a processor. */
const LATE_FACTOR = 4

/** Milliseconds. A shorter send is never late: that would measure the event loop, not the host. */
const MIN_LATE_MS = 50

/**
 * Share by which the best time approaches longer times: after some hundred sends a slower link is
 * accepted.
 */
const BEST_AGING = 1 / 64

/** Is a send of that duration late, given the peer's best time? */
export const isLate = (ms: number, bestMs: number | undefined): boolean =>
  bestMs !== undefined && ms > Math.max(MIN_LATE_MS, LATE_FACTOR * bestMs)

/** The peer's best time after one more send. */
export const bestOf = (ms: number, bestMs: number | undefined): number =>
  bestMs === undefined || ms < bestMs ? ms : bestMs + (ms - bestMs) * BEST_AGING

export class SendWindow {
  readonly #max: number
  #size: number
  /** Sends that began before this time belong to a larger window. */
  #decreasedAt = Number.NEGATIVE_INFINITY

  /** Starts with `most`: if that is too much, the first sends show it. */
  constructor(most: number) {
    this.#max = most
    this.#size = most
  }

  /** A whole number, at least one. */
  get size(): number {
    return Math.floor(this.#size)
  }

  /** A send that began at that time has ended, late or in time. */
  ended(begunAt: number, late: boolean, now: number): void {
    if (!late) this.#size = Math.min(this.#max, this.#size + 1 / this.#size)
    else if (begunAt >= this.#decreasedAt) this.decrease(now)
  }

  /** Halves the window: this host has more to do than it can. */
  decrease(now: number): void {
    this.#size = Math.max(1, this.#size / 2)
    this.#decreasedAt = now
  }
}
