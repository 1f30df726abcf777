/**
 * Updates as no honest program writes them, byte by byte in the encoding of Yjs (V1).
 *
 * ```ts
 * forge([{ writer: 5, structs: [forged.gc(2 ** 40)] }], [[7, 0, 1]])
 * ```
 */
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'

type Id = readonly [writer: number, clock: number]
export type Struct = (encoder: Y.UpdateEncoderV1) => void

interface Place {
  readonly origin?: Id
  readonly right?: Id
  /** A root's name, or the id of the item that is the parent; default the root `map`. */
  readonly parent?: string | Id
  readonly key?: string
}

const place = (
  ref: number,
  { origin, right, parent = 'map', key }: Place,
  e: Y.UpdateEncoderV1,
) => {
  const named = key !== undefined
  e.writeInfo(ref | (origin ? 0x80 : 0) | (right ? 0x40 : 0) | (named ? 0x20 : 0))
  if (origin) e.writeLeftID(Y.createID(...origin))
  if (right) e.writeRightID(Y.createID(...right))
  if (origin || right) return
  e.writeParentInfo(typeof parent === 'string')
  if (typeof parent === 'string') e.writeString(parent)
  else e.writeLeftID(Y.createID(...parent))
  if (named) e.writeString(key)
}

/** Structs of forged updates, byte by byte as Yjs writes them. */
export const forged = {
  gc:
    (length: number): Struct =>
    (e) => {
      e.writeInfo(0)
      e.writeLen(length)
    },
  skip:
    (length: number): Struct =>
    (e) => {
      e.writeInfo(10)
      encoding.writeVarUint(e.restEncoder, length)
    },
  deleted:
    (at: Place, length: number): Struct =>
    (e) => {
      place(1, at, e)
      e.writeLen(length)
    },
  json:
    (at: Place, texts: readonly string[]): Struct =>
    (e) => {
      place(2, at, e)
      e.writeLen(texts.length)
      for (const text of texts) e.writeString(text)
    },
  string:
    (at: Place, text: string): Struct =>
    (e) => {
      place(4, at, e)
      e.writeString(text)
    },
  embed:
    (at: Place, json: string): Struct =>
    (e) => {
      place(5, at, e)
      e.writeString(json)
    },
  format:
    (at: Place, key: string, json: string): Struct =>
    (e) => {
      place(6, at, e)
      e.writeKey(key)
      e.writeString(json)
    },
  /** A nested Y.Map. */
  map:
    (at: Place): Struct =>
    (e) => {
      place(7, at, e)
      e.writeTypeRef(1)
    },
  subdocument:
    (at: Place, options: unknown): Struct =>
    (e) => {
      place(9, at, e)
      e.writeString('sub')
      e.writeAny(options)
    },
  any:
    (at: Place, values: readonly unknown[]): Struct =>
    (e) => {
      place(8, at, e)
      e.writeLen(values.length)
      for (const value of values) e.writeAny(value)
    },
  /** Content as bytes, where lib0 would not write them. */
  raw:
    (ref: number, at: Place, bytes: readonly number[]): Struct =>
    (e) => {
      place(ref, at, e)
      for (const byte of bytes) encoding.write(e.restEncoder, byte)
    },
}

interface Block {
  readonly writer: number
  readonly clock?: number
  readonly structs: readonly Struct[]
}

/** A V1 update of these blocks and deletes (`[writer, clock, length]`). */
export const forge = (
  blocks: readonly Block[],
  deletes: readonly (readonly [number, number, number])[] = [],
): Uint8Array => {
  const encoder = new Y.UpdateEncoderV1()
  const rest = encoder.restEncoder
  encoding.writeVarUint(rest, blocks.length)
  for (const { writer, clock = 0, structs } of blocks) {
    encoding.writeVarUint(rest, structs.length)
    encoder.writeClient(writer)
    encoding.writeVarUint(rest, clock)
    for (const write of structs) write(encoder)
  }
  encoding.writeVarUint(rest, deletes.length)
  for (const [writer, clock, length] of deletes) {
    encoding.writeVarUint(rest, writer)
    encoding.writeVarUint(rest, 1)
    encoder.writeDsClock(clock)
    encoder.writeDsLen(length)
  }
  return encoder.toUint8Array()
}
