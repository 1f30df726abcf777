/**
 * What all clients of a bridge share: their limits, what they use of them together, and the
 * statistics.
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
  /** Milliseconds of processing. */
  readonly work: Budget
  /** Bytes of messages that are not complete or not handled yet. */
  heldBytes = 0
  /** Bytes of answers to sync step 1 that wait to be read. */
  answerBytes = 0
  framesIn = 0
  bytesIn = 0
  framesOut = 0
  bytesOut = 0
  /** Awareness states from clients that were refused. */
  ignoredAwareness = 0
  /** Handshakes that were refused, by HTTP status. */
  readonly refused = new Map<string, number>()
  /** Connections that the bridge closed, by reason. */
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

  /** A listener of the room has thrown, which is not the fault of the client that sent the message. */
  onThrown(error: unknown): void {
    const { code, message } = toFailure(error)
    const text = `a listener of a room of the bridge failed: ${message}`
    this.onProblem(new Failure(code, text, { cause: error }))
  }

  count(counts: Map<string, number>, what: string): void {
    counts.set(what, (counts.get(what) ?? 0) + 1)
  }
}
