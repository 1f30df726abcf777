/**
 * The inputs and outputs of a replica: the request that it sends to a peer, the updates that it
 * merges, and what became of them.
 *
 * ```ts
 * const { outcomes }: BatchOutcome = replica.applyAll(updates)
 * ```
 */
import type { Clocks, Delta } from './delta.ts'
import type { Limits } from './limits.ts'
import type { Fits } from './local-check.ts'
import type { Rejection } from './rejection.ts'

/**
 * The state of a replica, encoded as a request for what it lacks (Yjs's sync step 1, with deletes).
 */
export interface SyncRequest {
  /** Yjs's encoded state vector. */
  readonly vector: Uint8Array
  /** Its encoded delete set; absent if it is long. */
  readonly deletes?: Uint8Array
}

/** What a comparison with a peer's ranges has shown. */
export interface RangesOutcome {
  /** What the peer lacks, as far as its ranges show. */
  readonly lacks: Delta
  /** Encoded ranges to send back; undefined if the peer's show nothing that we lack. */
  readonly reply: Uint8Array | undefined
  /** The two differ in so much that a vector is shorter. */
  readonly isTooDifferent: boolean
}

export interface Outcome {
  /**
   * `new`: something was merged. `known`: it contained nothing new. `waiting`: it waits outside the
   * document for its predecessors or its needs, which should be pulled.
   */
  readonly status: 'new' | 'known' | 'waiting'
  /** What was new, with what it freed from waiting. */
  readonly delta: Delta
  /** What the update itself carried. */
  readonly carried: Delta
  /**
   * What observers of the document threw, and Rejections of updates that had waited for this one.
   */
  readonly thrown: readonly unknown[]
}

/** One of several updates that are merged together. */
export interface ReceivedUpdate {
  /** V1. */
  readonly bytes: Uint8Array
  /** What it needs (see `needs.ts`); absent: nothing. */
  readonly needs?: Clocks | undefined
  /** The peer that brought it (see `brought.ts`); absent: unknown. */
  readonly from?: string | undefined
}

/** The outcome of one update among several: what was new by it alone, or why it was rejected. */
export type UpdateOutcome = Omit<Outcome, 'thrown'> | Rejection

/** The outcome of updates that were merged together. */
export interface BatchOutcome {
  /** For each update, in their order. */
  readonly outcomes: readonly UpdateOutcome[]
  /** What had waited for these updates and was merged with them. */
  readonly freed: Delta
  /** What observers of the document threw, and Rejections of updates that had waited. */
  readonly thrown: readonly unknown[]
}

/** An update before it is packed. */
export interface EncodedUpdate {
  readonly bytes: Uint8Array
  readonly digest: string
  /** Writer → clock that the receiver must have, or get with it. */
  readonly needs: Clocks
}

export interface ReplicaOptions {
  readonly limits?: Limits
  /** Origin of the transactions that `apply` makes; default the replica itself. */
  readonly origin?: unknown
  /** What else a delta needs, for dependencies that only the program knows (see `needs.ts`). */
  readonly needs?: (delta: Delta) => Clocks
  /** Can a change of at most `bytes` bytes be sent, alone in a message? Default: any can. */
  readonly fits?: Fits
  /** Writers up to which what is missing is pulled by a vector, else by ranges; default 64. */
  readonly maxVectorWriters?: number
  /** Runs something when no transaction can be running, as `queueMicrotask` does; see `recover`. */
  readonly later?: (run: () => void) => void
}
