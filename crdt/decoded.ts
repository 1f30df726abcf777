/**
 * An update that is decoded once and used twice: inspected before it can change anything, then
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
  /** By writer, then by clock. An item in a root type has the name of that type as its parent. */
  readonly structs: readonly Struct[]
  readonly deletes: DeleteSet
}

/** The types that contain values, in lib0's encoding of any value. */
const OBJECT = 118
const ARRAY = 117

/**
 * lib0's `readAny` with two differences: a key `__proto__` becomes an entry and does not set the
 * prototype, so that encoding it again gives what was read; and `left` bounds the levels.
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

/** How many entries may still be read. Decoding is synchronous, so one counter is enough. */
let entriesLeft = 0
/** The decoder of the update that is being read. */
let reading: CheckedDecoder | undefined

/**
 * Yjs's decoder with three additions. It counts entries while it reads, because millions of them
 * deflate to nothing; it rejects what Yjs's two readers of updates understand differently; and it
 * reads values with any keys.
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

  /** Called once for each writer. Of a writer that occurs twice, Yjs would use the last run only. */
  override readClient(): number {
    const writer = super.readClient()
    this.#count()
    if (this.#writers.has(writer)) throw new Rejection('malformed', `writer ${writer} occurs twice`)
    this.#writers.add(writer)
    return writer
  }

  /** Called once for each struct. */
  override readInfo(): number {
    this.#count()
    return super.readInfo()
  }

  override readAny(): unknown {
    return readValue(this.restDecoder as decoding.Decoder, LIMITS.depth)
  }

  /** Called once for each run of deletes. */
  override readDsClock(): number {
    this.#count()
    return super.readDsClock()
  }
}

/** Yjs's decoder of a state of our own store, with values of any keys and depth. */
export class StateDecoder extends Y.UpdateDecoderV2 {
  override readAny(): unknown {
    return readValue(this.restDecoder as decoding.Decoder, Number.POSITIVE_INFINITY)
  }
}

/** No writers, no deletes, as V2: Yjs encodes anew only what it merges with another update. */
const EMPTY_STATE = Y.encodeStateAsUpdateV2(new Y.Doc())

/** A state of our own store, a V2 update, as a V1 update. Throws what Yjs throws. */
export const stateToUpdate = (state: Uint8Array): Uint8Array =>
  Y.mergeUpdatesV2([state, EMPTY_STATE], StateDecoder, Y.UpdateEncoderV1)

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
