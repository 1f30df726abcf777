/**
 * The one message of the protocol: `gossip_push`. The page `PROTOCOL.md` beside this file
 * says what each field means on the wire; here is its shape once it has been decoded.
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
  /** Writer → clock that the receiver must have, or get with it; absent where nothing is needed. */
  readonly needs?: Clocks
  /** Members that the sender tells it too: it need not be passed on to them. */
  readonly told?: readonly string[]
}

/** What a push says about one document; at least one of these is there. */
export interface DocState {
  /** A part of the document's history. */
  readonly update?: PackedUpdate
  /** Digest of the sender's state. */
  readonly digest?: string
  /** With `digest`, now and then: the fingerprint of the content (see `fingerprint.ts`). */
  readonly content?: string
  /** With `content`, where it was another: writer → the fingerprint of what it has written. */
  readonly writers?: ReadonlyMap<number, string>
  /** The sender withholds something: it has more than it shows. */
  readonly partial?: boolean
  /** The sender's encoded state vector: it asks for what it lacks. */
  readonly vector?: Uint8Array
  /** With `vector`: the sender's encoded delete set, where it is short. */
  readonly deletes?: Uint8Array
  /** Encoded awareness states (see `awareness.ts`). */
  readonly awareness?: Uint8Array
  /** This answers a vector. An answer is not answered, but for a vector that it carries itself. */
  readonly answer?: boolean
  /** With `answer`: further parts of it follow. */
  readonly more?: boolean
  /** Another peer's answer is coming: the parts of the receiver's answer that have not left are not needed. */
  readonly enough?: boolean
}

export interface Push {
  /** Sum of the clocks of the documents in `state`; for people to look at. */
  readonly version: number
  readonly state: ReadonlyMap<string, DocState>
  /** Who says it; a claim. */
  readonly sender: string
  /** Unix seconds. */
  readonly timestamp: number
  readonly swarm: string
  /** How many documents the sender has; default 1. */
  readonly documents?: number
  /** Some members the sender knows. */
  readonly members: readonly string[]
  /** A part of the text of a push that is longer than a message may be. */
  readonly fragment?: Fragment
  /** Parts of such a text that have not come, and are to be sent again. */
  readonly missing?: Missing
}

/** One of the parts into which the text of a push is cut. */
export interface Fragment {
  /** Digest of the whole text, which names it: 32 hex digits. */
  readonly of: string
  /** Which part, from 0. */
  readonly index: number
  /** How many there are. */
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

/** Grows when a message can no longer be read by an older version; older readers then refuse it. */
export const MESSAGE_FORMAT = 1
