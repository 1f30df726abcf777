/**
 * Packs deltas for messages, and reckons what a packed update costs there.
 *
 * ```ts
 * const update = packing.pack(replica, delta)
 * if (lengthOf(update) <= room && packing.hasFewEntries(replica, delta, update.length)) send(update)
 * ```
 */
import {
  countEntries,
  type Delta,
  jsonBytes,
  type PackedUpdate,
  type Platform,
  packUpdate,
  type Replica,
} from '../../crdt/index.ts'

/** Bytes reserved for everything in a message but its documents: names, punctuation, members. */
export const ENVELOPE_BYTES = 2_048

/** Bytes of a document's entry without its name, update, needs and vector: digests, punctuation. */
export const STATE_BYTES = 256

/** Below this an update is cut into single structs. */
export const MIN_CHUNK_BYTES = 256

/** Base64 has four characters for three bytes. */
export const BASE64_GROWTH: number = 4 / 3

/** Characters of one writer's clock in `needs`, at most: 16 bytes in base64. */
const NEED_LENGTH = 22

/** Characters that an update adds to a document's entry in a message. */
export const lengthOf = ({ data, needs, told = [] }: PackedUpdate): number =>
  data.length +
  (needs?.size ?? 0) * NEED_LENGTH +
  told.reduce((sum, address) => sum + jsonBytes(address) + 1, 0)

/** Characters that documents may take in a message of that many bytes. */
export const roomIn = (maxMessageBytes: number): number =>
  Math.max(MIN_CHUNK_BYTES, maxMessageBytes - ENVELOPE_BYTES)

/** Characters that an update of the document may take in a message that carries nothing else. */
export const updateRoom = (document: string, maxMessageBytes: number): number =>
  Math.max(MIN_CHUNK_BYTES, roomIn(maxMessageBytes) - jsonBytes(document) - STATE_BYTES)

export interface PackingOptions {
  readonly platform: Platform
  /** Bytes of V1 that a peer accepts in one update. */
  readonly maxUpdateBytes: number
  /** UTF-8 bytes of the longest text that a peer accepts, whole or in fragments. */
  readonly maxTextBytes: number
  /** Structs and runs of deletes that a peer accepts in one update. */
  readonly maxEntries: number
}

export class Packing {
  readonly #options: PackingOptions

  constructor(options: PackingOptions) {
    this.#options = options
  }

  get maxUpdateBytes(): number {
    return this.#options.maxUpdateBytes
  }

  pack(replica: Replica, delta: Delta): PackedUpdate {
    return packUpdate(replica.encode(delta), this.#options.platform)
  }

  /** Has the delta no more entries than a peer accepts? `bytes` is the length of its V1. */
  hasFewEntries(replica: Replica, delta: Delta, bytes: number): boolean {
    const { maxEntries } = this.#options
    // An entry takes two bytes at least, so a short update need not be counted.
    return bytes <= maxEntries * 2 || countEntries(replica.doc, delta) <= maxEntries
  }

  /** May the update be sent in fragments? */
  canFragment(update: PackedUpdate): boolean {
    const { maxUpdateBytes, maxTextBytes } = this.#options
    return update.length <= maxUpdateBytes && lengthOf(update) <= maxTextBytes - ENVELOPE_BYTES
  }
}
