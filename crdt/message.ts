/**
 * The one message of the protocol: `gossip_push`. `PROTOCOL.md` beside this file describes the
 * fields on the wire; here is their decoded form.
 *
 * ```ts
 * const push: Push = decodePush(text, 'kv')
 * push.state.get('kv')?.digest
 * ```
 */

import type { Clocks } from './delta.ts'

/** An update as it travels: named by its digest, still packed. */
export interface PackedUpdate {
  /** Base64 of the bytes, deflated or not. */
  readonly data: string
  /** `v1`, or `v1+deflate` (raw DEFLATE over the V1 bytes). */
  readonly encoding: 'v1' | 'v1+deflate'
  /** Length of the V1 bytes. */
  readonly length: number
  /** Digest of the V1 bytes, 32 hex digits. */
  readonly digest: string
  /** Writer → clock that the receiver must have, or get with it; absent if nothing is needed. */
  readonly needs?: Clocks
  /** Members that the sender pushes it to, too: it need not be passed on to them. */
  readonly told?: readonly string[]
}

/**
 * What a push says about one document; at least one of `update`, `digest`, `vector`, `ranges`, `awareness`.
 */
export interface DocState {
  /** A part of the document's history. */
  readonly update?: PackedUpdate
  /** Digest of the sender's state. Its form depends on the format of the message. */
  readonly digest?: string
  /** With `digest`: that of the content (see `history.ts`). */
  readonly content?: string
  /** With `content`, if the peer's was another: writer → hash of what it has written. */
  readonly writers?: ReadonlyMap<number, string>
  /** The sender withholds something: it has more than it publishes. */
  readonly partial?: boolean
  /** The sender's encoded state vector: a pull for what it lacks. */
  readonly vector?: Uint8Array
  /** With `vector`: the sender's encoded delete set, if it is short. */
  readonly deletes?: Uint8Array
  /**
   * Encoded ranges of the sender's tree (see `ranges.ts`): a pull for what it lacks, or a reply to one
   * that finds it.
   */
  readonly ranges?: Uint8Array
  /** Encoded awareness states (see `awareness.ts`). */
  readonly awareness?: Uint8Array
  /** This answers a vector. The only reply to an answer is one to the vector that it carries. */
  readonly answer?: boolean
  /** With `answer`: further parts of it follow. */
  readonly more?: boolean
  /** Another peer's answer is coming: the receiver need not send the rest of its own. */
  readonly enough?: boolean
}

export interface Push {
  /** Of the message. */
  readonly format: Format
  /** The newest format that the sender reads. */
  readonly reads: Format
  /** Sum of the clocks of the documents in `state`. For people. */
  readonly version: number
  readonly state: ReadonlyMap<string, DocState>
  /** The sender's address, as it claims. */
  readonly sender: string
  /** Unix seconds. */
  readonly timestamp: number
  readonly swarm: string
  /** How many documents the sender has; default 1. */
  readonly documents?: number
  /** Some members that the sender knows. */
  readonly members: readonly string[]
  /** A part of the text of a push that is too long for a message. */
  readonly fragment?: Fragment
  /** Fragments that have not come, and are to be sent again. */
  readonly missing?: Missing
}

/** A push to be encoded: by default in the newest format. What is read is the reader's own. */
export interface NewPush extends Omit<Push, 'format' | 'reads'> {
  readonly format?: Format
}

/** One of the parts into which the text of a push is cut. */
export interface Fragment {
  /** Digest of the whole text, which names it: 32 hex digits. */
  readonly of: string
  /** Which part, from 0. */
  readonly index: number
  /** How many parts there are. */
  readonly count: number
  /** UTF-8 bytes of the whole text. */
  readonly bytes: number
  readonly data: string
}

export interface Missing {
  readonly of: string
  readonly indexes: readonly number[]
}

export const MESSAGE_TYPE = 'gossip_push'

/** Raised when older versions can no longer read a message; they then reject it. */
export const MESSAGE_FORMAT = 2

/** Peers of this format are still understood. A peer gets it until it shows that it reads a newer one. */
export const OLDEST_FORMAT = 1

/** Formats of messages that are written and read. */
export type Format = typeof OLDEST_FORMAT | typeof MESSAGE_FORMAT
