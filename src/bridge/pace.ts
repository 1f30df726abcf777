/**
 * How fast the messages of one client are handled: by their number, their bytes, and the time they take.
 *
 * ```js
 * const pace = new Pace(limits, allWork)
 * pace.frames.spend(1)
 * pace.work(3.5)
 * setTimeout(next, pace.waitMs())
 * ```
 */
import { Budget, MAX_SAVED_SECONDS } from './budget.ts'
import type { BridgeLimits } from './limits.ts'

export class Pace {
  readonly frames: Budget
  readonly bytes: Budget
  readonly #work: Budget
  readonly #allWork: Budget

  /** `allWork` is shared by all clients. */
  constructor(limits: BridgeLimits, allWork: Budget) {
    const { framesPerSecond, bytesPerSecond, burstBytes, workMsPerSecond } = limits
    this.frames = new Budget(framesPerSecond, framesPerSecond * 2)
    this.bytes = new Budget(bytesPerSecond, burstBytes)
    this.#work = new Budget(workMsPerSecond, workMsPerSecond * MAX_SAVED_SECONDS)
    this.#allWork = allWork
  }

  /** Spends the milliseconds that its messages took. */
  work(ms: number): void {
    this.#work.spend(ms)
    this.#allWork.spend(ms)
  }

  /** Milliseconds until its next message may be handled; 0: now. */
  waitMs(): number {
    return Math.max(
      this.frames.waitMs(),
      this.bytes.waitMs(),
      this.#work.waitMs(),
      this.#allWork.waitMs(),
    )
  }
}
