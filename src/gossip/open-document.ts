/**
 * A document as messages are made of it: its state, its recent changes, its fingerprint, and who is there.
 *
 * ```ts
 * const { replica, rumors, content, awareness }: OpenDocument = document
 * ```
 */
import type { Replica } from '../../crdt/index.ts'
import type { Content } from './content.ts'
import type { Rumors } from './rumors.ts'

/** A document as gossip keeps it. */
export interface OpenDocument {
  readonly replica: Replica
  readonly content: Content
  readonly rumors: Rumors
  /** What is told of who is there; absent where nobody asks for that. */
  readonly awareness?: AwarenessSource
}

/** States that are told as they are when the message leaves, and need not arrive. */
export interface AwarenessSource {
  /** Those from that number on, encoded in at most `bytes`; undefined when there are none. */
  encodeSince(number: number, bytes: number): Uint8Array | undefined
}
