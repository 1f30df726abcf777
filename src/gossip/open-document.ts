/**
 * A document as messages are composed from it: its state, its recent changes, its content and
 * its awareness.
 *
 * ```ts
 * const { replica, rumors, content, awareness }: OpenDocument = document
 * ```
 */
import type { Replica } from '../../crdt/index.ts'
import type { Content } from './content.ts'
import type { Rumors } from './rumors.ts'

/** An open document. */
export interface OpenDocument {
  readonly replica: Replica
  readonly content: Content
  readonly rumors: Rumors
  /** Absent if the document has no awareness. */
  readonly awareness?: AwarenessSource
}

/** Awareness states. They are read when a message leaves, and need not arrive. */
export interface AwarenessSource {
  /** The states from that number on, encoded in at most `bytes`; undefined if there are none. */
  encodeSince(number: number, bytes: number): Uint8Array | undefined
}
