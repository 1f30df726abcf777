/**
 * How much a peer may ask of us before its message is refused. Every bound is counted
 * before the work it bounds is done, so a hostile message costs its own length and no more.
 *
 * ```js
 * decodeMessage(text, { ...LIMITS, messageBytes: 1 << 20 })
 * ```
 */

const KiB = 1024
const MiB = 1024 * KiB

export interface Limits {
  /** UTF-8 bytes of one message. */
  readonly messageBytes: number
  /** Bytes of one update after inflating. */
  readonly updateBytes: number
  /** Documents named in one message. */
  readonly documents: number
  /** Structs and delete ranges of one update, and entries of one state vector. */
  readonly entries: number
  /** Levels of nesting of one value. Shared types may lie in one another to any depth. */
  readonly depth: number
  /** Members named in one message. */
  readonly members: number
  /** Parts into which the text of one message is cut. */
  readonly fragments: number
  /** Characters of a state vector, or of deletes, in base64. */
  readonly fieldLength: number
  /** Characters of a name: swarm, document, sender, member. */
  readonly nameLength: number
  /** Clocks one update may add to one writer. */
  readonly clockJump: number
  /** Clocks by which a delete may reach past what is known of its writer. */
  readonly deleteJump: number
  /** Bytes of updates that wait for their predecessors, per document. */
  readonly waitingBytes: number
  /** Number of such updates, per document. */
  readonly waitingUpdates: number
}

export const LIMITS: Limits = {
  // Half of what pilotctl 1.17 carries (64 MiB); larger costs that much memory twice while parsing.
  messageBytes: 32 * MiB,
  // A map of 1,000,000 keys is about 60 MB of V1. A larger one costs its size for each message under way.
  updateBytes: 64 * MiB,
  // An agent has one document, a provider one per room. More only makes messages longer.
  documents: 256,
  // The smallest struct takes 2 bytes but some 100 in memory: this bounds one message to about 500 MB.
  entries: 5_000_000,
  // Yjs writes and reads values by recursion. On the stack that Node and browsers give (984 KiB) it
  // writes 7,200 levels and reads 4,400, and JSON.stringify writes 4,100: half of the least is left
  // to the program that calls. Deeper values would be read by some replicas and not by others.
  depth: 2_000,
  // A sample is 5; the rest is room for later versions.
  members: 64,
  // The longest message, cut for the oldest pilotctl (120,000 bytes), has 290.
  fragments: 1_024,
  // A vector of 100,000 writers takes about 1 MB: 25 times what a large swarm has.
  fieldLength: 1_500_000,
  // Longer than any Pilot address or hostname (253).
  nameLength: 256,
  // A writer of 100 clocks a second needs 497 days for 2^32, and a newcomer gets all of them in one update.
  // 2^53 clocks exist: it takes two million forged updates to use up a writer's.
  clockJump: 2 ** 32,
  // Updates that arrive in the wrong order are this far apart at most; a larger gap is repaired by
  // a difference, which carries its structs along. Larger makes forged deletes of the future cheaper.
  deleteJump: 2 ** 20,
  // The parts of one answer wait together, so this is as much as one update may have.
  waitingBytes: 64 * MiB,
  // Each is looked at again when anything arrives that it waits for: 1,000 cost about a millisecond.
  waitingUpdates: 1_000,
}
