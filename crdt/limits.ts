/**
 * How much a peer may demand before its message is rejected. Each bound is checked before the work
 * that it bounds, so a hostile message costs its own length and no more.
 *
 * ```js
 * decodePush(text, 'kv', { ...LIMITS, messageBytes: 1 << 20 })
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
  /** Items that those of the updates in one transaction are compared with to find their places. */
  readonly comparisons: number
  /** Levels of nesting of one value. Shared types may be nested to any depth. */
  readonly depth: number
  /** Members named in one message. */
  readonly members: number
  /** Fragments of the text of one message. */
  readonly fragments: number
  /** Characters of a binary field (state vector, deletes, awareness) in base64. */
  readonly fieldLength: number
  /** Characters of a name: swarm, document, sender, member. */
  readonly nameLength: number
  /** Clocks that one update may add to one writer. */
  readonly clockJump: number
  /** Clocks by which a delete may exceed what is known of its writer. */
  readonly deleteJump: number
  /** Bytes of memory of updates that wait for their predecessors, for each document. */
  readonly waitingBytes: number
  /** Number of such updates, for each document. */
  readonly waitingUpdates: number
}

export const LIMITS: Limits = {
  // Half of what pilotctl 1.17 carries (64 MiB). Parsing takes twice the length in memory.
  messageBytes: 32 * MiB,
  // A map of 1,000,000 keys is about 60 MB of V1. Each message under way may take that much memory.
  updateBytes: 64 * MiB,
  // An agent has one document, a provider one for each room. More only make messages longer.
  documents: 256,
  // Twice a map of 1,000,000 keys. The smallest struct takes 2 bytes (and deflates to nothing) but
  // some 250 in memory, so one message takes at most about 500 MB.
  entries: 2_000_000,
  // Some 15 ns each, so 0.15 s at most. Concurrent items at one place are compared with one another:
  // two writers who each insert 3,000 of them at one place need 9,000,000. Writers of one key need
  // none if they come in one update, and their number if each comes alone. What a longer update
  // cannot have at once it gets when it is sent again.
  comparisons: 10_000_000,
  // Yjs reads and writes values by recursion. With the stack of Node and browsers (984 KiB) it
  // writes 7,200 levels and reads 4,400; JSON.stringify writes 4,100. Half of the least is left to
  // the calling program. Some replicas could read deeper values and others could not.
  depth: 2_000,
  // Messages name at most 50.
  members: 64,
  // The longest message has 290 when it is cut for the oldest pilotctl (120,000 bytes).
  fragments: 1_024,
  // A vector of 100,000 writers takes about 1 MB: 25 times what a large swarm has.
  fieldLength: 1_500_000,
  // Longer than any Pilot address or hostname (253).
  nameLength: 256,
  // A writer of 100 clocks a second needs 497 days for 2^32, and a newcomer gets all of them in one
  // update. 2^53 clocks exist, so two million forged updates are needed to use up a writer's.
  clockJump: 2 ** 32,
  // Updates that arrive in the wrong order are at most this far apart. A larger gap is repaired by
  // an update that carries the structs, too. A larger value makes forged deletes of future clocks
  // cheaper.
  deleteJump: 2 ** 20,
  // The chunks of one answer wait together, so this is as much as one update may have.
  waitingBytes: 64 * MiB,
  // All of them are checked again when something arrives that they wait for: 1,000 take about a
  // millisecond.
  waitingUpdates: 1_000,
}
