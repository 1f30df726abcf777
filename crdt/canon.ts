/**
 * Serializes the content of a writer clock by clock, in a form that does not depend on how Yjs has
 * split or merged it into structs. Two replicas with the same content get the same bytes.
 *
 * The bytes are a sequence of runs: clocks with one kind of content in which each follows the one
 * before (its origin is the clock before, its right origin is the same). `PROTOCOL.md` has the form.
 *
 * ```js
 * const canon = new Canon(rootNames(doc), hash, longValues)
 * for (const struct of structsOf(doc, writer, range)) canon.add(struct, range)
 * canon.end()        // undefined if nothing in the range has content
 * ```
 */
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import type { ClockRun } from './delta.ts'
import { holderOf } from './yjs-inner.ts'

/**
 * Bytes. A longer value is represented by its hash, so that a change beside it need not serialize it
 * again.
 */
const MAX_VALUE_BYTES = 128

/** Marks a hash instead of a value. */
const HASHED = 1

/** Root type → its name, for which Yjs would search. */
export const rootNames = (doc: Y.Doc): Map<unknown, string> => {
  const names = new Map<unknown, string>()
  for (const [name, type] of doc.share) names.set(type, name)
  return names
}

/** Clock → hash of its long value, so that it is serialized once. Values never change. */
export type LongValues = Map<number, Uint8Array>

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

/** May the encoded value be longer than `MAX_VALUE_BYTES`? */
const mayBeLong = (value: unknown): boolean =>
  typeof value === 'string'
    ? value.length * 3 > MAX_VALUE_BYTES
    : typeof value === 'object' && value !== null

const encodeAny = (value: unknown): Uint8Array =>
  encoding.encode((encoder) => encoding.writeAny(encoder, value as never))

const encodeJson = (json: string): Uint8Array =>
  encoding.encode((encoder) => encoding.writeVarString(encoder, json))

export class Canon {
  readonly #encoder = new Y.UpdateEncoderV1()
  readonly #rest = this.#encoder.restEncoder
  readonly #names: ReadonlyMap<unknown, string>
  readonly #hash: (bytes: Uint8Array) => Uint8Array
  readonly #longValues: LongValues
  /** The last clock, and the item that holds it: the next one may follow it. */
  #last: Y.Item | undefined
  #lastClock = -1
  #text = ''

  constructor(
    names: ReadonlyMap<unknown, string>,
    hash: (bytes: Uint8Array) => Uint8Array,
    longValues: LongValues,
  ) {
    this.#names = names
    this.#hash = hash
    this.#longValues = longValues
  }

  /** Adds the part of the struct that lies in the range. */
  add(struct: Y.Item | Y.GC, { from, to }: ClockRun): void {
    if (!(struct instanceof Y.Item) || struct.deleted) return
    const { clock } = struct.id
    const start = Math.max(from, clock)
    const end = Math.min(to, clock + struct.length)
    if (!this.#follows(struct, start)) {
      this.#flush()
      this.#writeHead(struct, start)
    }
    this.#last = struct
    this.#lastClock = end - 1
    this.#writeContent(struct.content, start, start - clock, end - clock)
  }

  /** The serialized bytes; undefined if there was nothing. */
  end(): Uint8Array | undefined {
    this.#flush()
    return this.#last && this.#encoder.toUint8Array()
  }

  /** Is the clock the one after the last, with the origins that Yjs gives to a part that is split off? */
  #follows({ id, origin, rightOrigin, content }: Y.Item, start: number): boolean {
    const last = this.#last
    if (!last || id.client !== last.id.client || start !== this.#lastClock + 1) return false
    const isSplit = start > id.clock
    const followsLast =
      isSplit || (origin !== null && origin.client === id.client && origin.clock === start - 1)
    return (
      followsLast &&
      isSameId(rightOrigin, last.rightOrigin) &&
      content.getRef() === last.content.getRef()
    )
  }

  #flush(): void {
    if (this.#text !== '') encoding.writeVarString(this.#rest, this.#text)
    this.#text = ''
  }

  #writeHead({ id, origin, rightOrigin, parent, parentSub, content }: Y.Item, start: number): void {
    const rest = this.#rest
    encoding.writeVarUint(rest, start)
    encoding.writeUint8(rest, content.getRef())
    const before = start > id.clock ? Y.createID(id.client, start - 1) : origin
    writeId(rest, before)
    writeId(rest, rightOrigin)
    if (before !== null || rightOrigin !== null) return
    const type = parent as Y.AbstractType<unknown>
    const holder = holderOf(type)
    writeId(rest, holder?.id ?? null)
    if (holder === null) encoding.writeVarString(rest, this.#names.get(type) ?? '')
    if (parentSub !== null) encoding.writeVarString(rest, parentSub)
  }

  /** The part of the content from index `from` up to `to`; the first has clock `clock`. */
  #writeContent(content: Y.Item['content'], clock: number, from: number, to: number): void {
    if (content instanceof Y.ContentString) this.#text += content.str.slice(from, to)
    else if (content instanceof Y.ContentAny) {
      for (let i = from; i < to; i++) this.#writeAny(content.arr[i], clock + i - from)
    } else if (content instanceof Y.ContentJSON) {
      for (let i = from; i < to; i++) {
        const json = JSON.stringify(content.arr[i]) ?? 'undefined'
        this.#write(clock + i - from, () => encodeJson(json))
      }
    } else {
      // All other kinds have a length of 1.
      this.#write(clock, () => {
        const encoder = new Y.UpdateEncoderV1()
        content.write(encoder, 0)
        return encoding.toUint8Array(encoder.restEncoder)
      })
    }
  }

  #writeAny(value: unknown, clock: number): void {
    if (mayBeLong(value)) this.#write(clock, () => encodeAny(value))
    else encoding.writeAny(this.#rest, value as never)
  }

  /** Writes the encoded value, or its hash if that is shorter. */
  #write(clock: number, encode: () => Uint8Array): void {
    let hash = this.#longValues.get(clock)
    if (!hash) {
      const bytes = encode()
      if (bytes.length <= MAX_VALUE_BYTES) {
        encoding.writeUint8Array(this.#rest, bytes)
        return
      }
      hash = this.#hash(bytes)
      this.#longValues.set(clock, hash)
    }
    encoding.writeUint8(this.#rest, HASHED)
    encoding.writeUint8Array(this.#rest, hash)
  }
}
