/**
 * What gossip has done since it started, to be looked at. Plain numbers that only grow.
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
  /** Of message text, in UTF-16 units; messages are nearly always ASCII, so these are bytes. */
  bytesSent = 0
  bytesReceived = 0
  /** Updates that held nothing new. */
  redundant = 0
  /** Updates that had to wait for their predecessors. */
  gaps = 0
  sendsFailed = 0
  readonly rejected: Partial<Record<RejectionReason, number>> = {}

  /** Counts a refused message by its reason. */
  reject(reason: RejectionReason): void {
    this.rejected[reason] = (this.rejected[reason] ?? 0) + 1
  }
}
