/**
 * What all clients of a bridge share: their limits, what they use of them together, and what is
 * counted about them.
 *
 * ```js
 * const shared = new Shared(limits, { readOnly: false, onProblem })
 * shared.count(shared.cut, 'slow')
 * ```
 */
import { Failure, toFailure } from '../errors.ts'
import { safeListener } from '../listeners.ts'
import { Budget, MAX_SAVED_SECONDS } from './budget.ts'
import type { BridgeLimits } from './limits.ts'

export class Shared {
  readonly limits: BridgeLimits
  readonly readOnly: boolean
  readonly onProblem: (failure: Failure) => void
  /** Milliseconds of our time. */
  readonly work: Budget
  /** Bytes of messages that are not complete or not yet handled. */
  heldBytes = 0
  /** Bytes of answers to sync step 1 that wait for their readers. */
  answerBytes = 0
  framesIn = 0
  bytesIn = 0
  framesOut = 0
  bytesOut = 0
  /** News of awareness that were not let through. */
  ignoredAwareness = 0
  /** Handshakes that were refused, by HTTP status. */
  readonly refused = new Map<string, number>()
  /** Connections that we closed, by reason. */
  readonly cut = new Map<string, number>()

  constructor(
    limits: BridgeLimits,
    options: { readonly readOnly: boolean; readonly onProblem: (failure: Failure) => void },
  ) {
    this.limits = limits
    this.readOnly = options.readOnly
    this.onProblem = safeListener(options.onProblem)
    this.work = new Budget(limits.allWorkMsPerSecond, limits.allWorkMsPerSecond * MAX_SAVED_SECONDS)
  }

  /** Somebody who watches a room has thrown: no fault of the client whose message was handled. */
  onThrown(error: unknown): void {
    const { code, message } = toFailure(error)
    const told = `somebody who watches a room of the bridge failed: ${message}`
    this.onProblem(new Failure(code, told, { cause: error }))
  }

  count(counts: Map<string, number>, what: string): void {
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
}
