/**
 * What gossip has done since it started. Plain numbers that only grow.
 *
 * ```ts
 * const { pushesSent, rejected } = gossip.counters
 * rejected.own_clock      // how often, or undefined
 * ```
 */
import type { RejectionReason } from '../../crdt/index.ts'

export class Counters {
  pushesSent = 0
  pushesReceived = 0
  /** UTF-16 units of message texts. Messages are nearly always ASCII, so these are bytes. */
  bytesSent = 0
  bytesReceived = 0
  /** Updates that contained nothing new. */
  redundant = 0
  /** Updates that had to wait for their predecessors. */
  gaps = 0
  sendsFailed = 0
  readonly rejected: Partial<Record<RejectionReason, number>> = {}

  /** Counts a rejection by its reason. */
  reject(reason: RejectionReason): void {
    this.rejected[reason] = (this.rejected[reason] ?? 0) + 1
  }
}
