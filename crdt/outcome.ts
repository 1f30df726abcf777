/**
 * What goes into a replica and what comes out: the summary by which it asks a peer, the updates that
 * it takes, and what became of them.
 *
 * ```ts
 * const { outcomes }: BatchOutcome = replica.applyAll(updates)
 * ```
 */
import type { DeleteSet } from './deletes.ts'
import type { Clocks, Delta } from './delta.ts'
import type { Limits } from './limits.ts'
import type { Fits } from './local-check.ts'
import type { Rejection } from './rejection.ts'

/** What a replica knows, in the form in which it asks a peer for the rest. */
export interface SyncRequest {
  /** Yjs's encoded state vector. */
  readonly vector: Uint8Array
  /** Its encoded delete set; absent when it is long. */
  readonly deletes?: Uint8Array
}

/** A decoded summary. */
export interface PeerState {
  readonly clocks: Clocks
  readonly deletes: DeleteSet | undefined
}

export interface Outcome {
  /**
   * `new`: something was merged. `known`: it held nothing new. `waiting`: it waits outside
   * the document for what must come before or with it, and the difference should be asked for.
   */
  readonly status: 'new' | 'known' | 'waiting'
  /** What was new, with what it freed from waiting. */
  readonly delta: Delta
  /** What the update itself carried. */
  readonly carried: Delta
  /** What observers of the document threw, and Rejections of updates that had waited for this one. */
  readonly thrown: readonly unknown[]
}

/** One update of those that are merged together. */
export interface ReceivedUpdate {
  /** V1. */
  readonly bytes: Uint8Array
  /** What it needs (see `needs.ts`); absent: nothing. */
  readonly needs?: Clocks | undefined
}

/** Of one update among several: what was new by it alone, or why it was refused. */
export type UpdateOutcome = Omit<Outcome, 'thrown'> | Rejection

/** What became of updates that were merged together. */
export interface BatchOutcome {
  /** For each update, in their order. */
  readonly outcomes: readonly UpdateOutcome[]
  /** What had waited for these and was merged with them. */
  readonly freed: Delta
  /** What observers of the document threw, and Rejections of updates that had waited. */
  readonly thrown: readonly unknown[]
}

/** An update as it is sent. */
export interface EncodedUpdate {
  readonly bytes: Uint8Array
  readonly digest: string
  /** Writer → clock that the receiver must have, or get with it. */
  readonly needs: Clocks
}

export interface ReplicaOptions {
  readonly limits?: Limits
  /** Of the transactions that `apply` makes; default the replica itself. */
  readonly origin?: unknown
  /** What else a delta needs, of what only the program knows that it belongs together (see `needs.ts`). */
  readonly needs?: (delta: Delta) => Clocks
  /** Can a change of at most `bytes` bytes be sent, alone in a message? Default: any can. */
  readonly fits?: Fits
  /** Runs something when no transaction can be running, as `queueMicrotask` does; see `recover`. */
  readonly later?: (run: () => void) => void
}
