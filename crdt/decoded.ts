/**
 * An update that is decoded once and used twice: looked at before it may change anything, then
 * merged. Decoding is most of what a merge costs, and `Y.applyUpdate` would do it again.
 *
 * ```js
 * const update = decodeUpdate(bytes, LIMITS)   // throws a Rejection
 * if (isFine(update.structs, update.deletes)) integrate(doc, update, origin)
 * ```
 */
import * as decoding from 'lib0/decoding'
import * as Y from 'yjs'
import type { DeleteSet } from './deletes.ts'
import { LIMITS, type Limits } from './limits.ts'
import { Rejection } from './rejection.ts'
import { setOwn, tooDeep } from './values.ts'

export type Struct = Y.Item | Y.GC | Y.Skip

export interface DecodedUpdate {
  /** Writer by writer, then by clock. An item in a root type has that type's name as its parent. */
  readonly structs: readonly Struct[]
  readonly deletes: DeleteSet
}

/** The types of lib0's encoding of any value that hold others. */
const OBJECT = 118
const ARRAY = 117

/**
 * `readAny` of lib0, but for two things: a key `__proto__` becomes an entry of its object and not
 * its prototype, so that what is encoded again is what was read; and `left` bounds the levels.
 */
const readValue = (decoder: decoding.Decoder, left: number): unknown => {
  const type = decoding.peekUint8(decoder)
  if (type !== OBJECT && type !== ARRAY) return decoding.readAny(decoder)
  if (left === 0) throw tooDeep()
  decoding.skip8(decoder)
  const length = decoding.readVarUint(decoder)
  if (type === ARRAY) {
    const array: unknown[] = []
    for (let i = 0; i < length; i++) array.push(readValue(decoder, left - 1))
    return array
  }
  const object: Record<string, unknown> = {}
  for (let i = 0; i < length; i++) {
    const key = decoding.readVarString(decoder)
    setOwn(object, key, readValue(decoder, left - 1))
  }
  return object
}

/** How many entries may still be read. Decoding is synchronous, so one for all decoders does. */
let entriesLeft = 0
/** The decoder of the update that is being read. */
let reading: CheckedDecoder | undefined

/**
 * Yjs's decoder, which also counts entries while it reads, as millions of them deflate to
 * nothing, refuses what Yjs's two readers of updates understand differently, and reads values
 * whatever their keys.
 */
class CheckedDecoder extends Y.UpdateDecoderV1 {
  readonly #writers = new Set<number>()

  constructor(decoder: decoding.Decoder) {
    super(decoder)
    reading = this
  }

  #count(): void {
    if (--entriesLeft < 0) throw new Rejection('too_many', 'more structs and deletes than allowed')
  }

  /** Once for each writer: Yjs would look at the last of its runs only. */
  override readClient(): number {
    const writer = super.readClient()
    this.#count()
    if (this.#writers.has(writer)) throw new Rejection('malformed', `writer ${writer} comes twice`)
    this.#writers.add(writer)
    return writer
  }

  /** Once for each struct. */
  override readInfo(): number {
    this.#count()
    return super.readInfo()
  }

  override readAny(): unknown {
    return readValue(this.restDecoder as decoding.Decoder, LIMITS.depth)
  }

  /** Once for each run of deletes. */
  override readDsClock(): number {
    this.#count()
    return super.readDsClock()
  }
}

/** Decodes a V1 update; throws a Rejection. */
export const decodeUpdate = (bytes: Uint8Array, limits: Limits): DecodedUpdate => {
  entriesLeft = limits.entries
  try {
    const { structs, ds } = Y.decodeUpdateV2(bytes, CheckedDecoder)
    if (reading && decoding.hasContent(reading.restDecoder as decoding.Decoder)) {
      throw new Rejection('malformed', 'bytes are left after the update')
    }
    return { structs, deletes: ds }
  } catch (error) {
    if (error instanceof Rejection) throw error
    throw new Rejection('malformed', `not a V1 update: ${(error as Error).message}`, error)
  } finally {
    reading = undefined
  }
}
