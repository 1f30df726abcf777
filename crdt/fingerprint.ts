/**
 * The fingerprint of a document's content. The digest covers only clocks and deletes: two copies
 * that have written under one id may have equal digests and different content. So the remaining
 * content of each writer is serialized in a form that does not depend on how Yjs has split or
 * merged it, and hashed. This walks the whole document: for rare use, while nothing changes.
 *
 * ```js
 * const { content, writers } = fingerprintOf(doc, platform)
 * differences(writers, theirs)      // the writers whose content differs
 * ```
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import type { Platform } from './platform.ts'
import type { StoredStruct } from './structs.ts'

/**
 * Bytes of SHA-256, for each writer and for all. Enough against chance; an attacker gains nothing
 * from a collision.
 */
const HASH_BYTES = 8

/** As hex digits. */
export const FINGERPRINT_PATTERN: RegExp = /^[0-9a-f]{16}$/

export interface Fingerprint {
  /** Fingerprint of all writers, 16 hex digits. */
  readonly content: string
  /** Writer → fingerprint of its remaining content. */
  readonly writers: ReadonlyMap<number, string>
}

const hexOf = (bytes: Uint8Array): string => {
  let hex = ''
  for (let i = 0; i < HASH_BYTES; i++) hex += bytes[i]!.toString(16).padStart(2, '0')
  return hex
}

const writeId = (encoder: encoding.Encoder, id: Y.ID | null): void => {
  if (id === null) {
    encoding.writeUint8(encoder, 0)
    return
  }
  encoding.writeUint8(encoder, 1)
  encoding.writeVarUint(encoder, id.client)
  encoding.writeVarUint(encoder, id.clock)
}

const isSameId = (a: Y.ID | null, b: Y.ID | null): boolean => Y.compareIDs(a, b)

/** Serializes what a writer has written clock by clock, however it is split into structs. */
class Canon {
  readonly #encoder = new Y.UpdateEncoderV1()
  readonly #rest = this.#encoder.restEncoder
  /** Names of root types, for which Yjs would search. */
  readonly #names: Map<unknown, string>
  /** The item before, which the next one may continue. */
  #last: Y.Item | undefined
  #text = ''

  constructor(names: Map<unknown, string>) {
    this.#names = names
  }

  add(item: Y.Item): void {
    const { content } = item
    if (!this.#follows(item)) {
      this.#flush()
      this.#writeHead(item)
    }
    this.#last = item
    if (content instanceof Y.ContentString) this.#text += content.str
    else if (content instanceof Y.ContentAny) {
      for (const value of content.arr) encoding.writeAny(this.#rest, value)
    } else if (content instanceof Y.ContentJSON) {
      for (const value of content.arr)
        encoding.writeVarString(this.#rest, JSON.stringify(value) ?? 'undefined')
    } else content.write(this.#encoder, 0)
  }

  /** The serialized bytes; undefined if there was nothing. */
  end(): Uint8Array | undefined {
    this.#flush()
    return this.#last && this.#encoder.toUint8Array()
  }

  #follows({ id, origin, rightOrigin, content }: Y.Item): boolean {
    const last = this.#last
    return (
      last !== undefined &&
      origin !== null &&
      isSameId(origin, last.lastId) &&
      id.clock === origin.clock + 1 &&
      isSameId(rightOrigin, last.rightOrigin) &&
      content.constructor === last.content.constructor
    )
  }

  #flush(): void {
    if (this.#text !== '') encoding.writeVarString(this.#rest, this.#text)
    this.#text = ''
  }

  #writeHead({ id, origin, rightOrigin, parent, parentSub, content }: Y.Item): void {
    const rest = this.#rest
    encoding.writeVarUint(rest, id.clock)
    encoding.writeUint8(rest, content.getRef())
    writeId(rest, origin)
    writeId(rest, rightOrigin)
    if (origin !== null || rightOrigin !== null) return
    const holder = parent as Y.AbstractType<unknown>
    writeId(rest, holder._item?.id ?? null)
    if (holder._item === null) encoding.writeVarString(rest, this.#names.get(holder) ?? '')
    if (parentSub !== null) encoding.writeVarString(rest, parentSub)
  }
}

/** Writer → its hash, and the state for which it was computed. */
export type FingerprintCache = Map<number, { readonly state: string; readonly hash: Uint8Array }>

/**
 * Clocks are only added and deleted, so the end and the number of remaining clocks identify a
 * state.
 */
const stateOf = (structs: readonly StoredStruct[]): string => {
  const last = structs.at(-1)
  let left = 0
  for (const struct of structs) if (!struct.deleted) left += struct.length
  return `${last ? last.id.clock + last.length : 0} ${left}`
}

/**
 * Takes some 4 us for each remaining struct of the writers that have changed since the last call
 * with this `cache`.
 */
export const fingerprintOf = (
  doc: Y.Doc,
  platform: Platform,
  cache: FingerprintCache = new Map(),
): Fingerprint => {
  const names = new Map<unknown, string>()
  for (const [name, type] of doc.share) names.set(type, name)
  const writers = new Map<number, string>()
  const all = encoding.createEncoder()
  const sorted = [...doc.store.clients].sort(([a], [b]) => a - b)
  for (const [writer, structs] of sorted) {
    const state = stateOf(structs)
    const known = cache.get(writer)
    let hash = known?.state === state ? known.hash : undefined
    if (!hash) {
      const canon = new Canon(names)
      for (const one of structs) if (one instanceof Y.Item && !one.deleted) canon.add(one)
      const bytes = canon.end()
      if (!bytes) continue
      hash = platform.sha256(bytes)
      cache.set(writer, { state, hash })
    }
    writers.set(writer, hexOf(hash))
    encoding.writeVarUint(all, writer)
    encoding.writeUint8Array(all, hash)
  }
  return { content: hexOf(platform.sha256(encoding.toUint8Array(all))), writers }
}

/** The writers whose content differs between two documents with equal digests, sorted. */
export const differences = (
  ours: ReadonlyMap<number, string>,
  theirs: ReadonlyMap<number, string>,
): number[] =>
  [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((writer) => ours.get(writer) !== theirs.get(writer))
    .sort((a, b) => a - b)

export const encodeWriters = (writers: ReadonlyMap<number, string>): Uint8Array => {
  const encoder = encoding.createEncoder()
  for (const [writer, hex] of writers) {
    encoding.writeVarUint(encoder, writer)
    for (let i = 0; i < hex.length; i += 2)
      encoding.writeUint8(encoder, Number.parseInt(hex.slice(i, i + 2), 16))
  }
  return encoding.toUint8Array(encoder)
}

/** Inverse of `encodeWriters`; throws on damage. */
export const decodeWriters = (bytes: Uint8Array): Map<number, string> => {
  const decoder = decoding.createDecoder(bytes)
  const writers = new Map<number, string>()
  while (decoding.hasContent(decoder)) {
    const writer = decoding.readVarUint(decoder)
    writers.set(writer, hexOf(decoding.readUint8Array(decoder, HASH_BYTES)))
  }
  return writers
}
