/**
 * Encodes the ranges of a message (see `ranges.ts`). Numbers are unsigned varints.
 *
 * ```js
 * const bytes = encodeRanges({ salt, ranges: [own.root()] })
 * own.compare(decodeRanges(bytes).ranges)
 * ```
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'
import type { Range, WriterState } from './ranges.ts'
import { Rejection } from './rejection.ts'
import { FANOUT, heightOf, LEAF } from './writer-tree.ts'
import { CHILDREN, MAX_DEPTH } from './writer-trie.ts'

/** What a message has about the tree of its sender. */
export interface RangesMessage {
  readonly salt: number
  readonly ranges: readonly Range[]
}

/** Ranges of a message. An honest sender has at most as many: beyond that it sends its vector. */
export const MAX_RANGES = 64

/** Writers that the ranges of a message list. */
export const MAX_LISTED_WRITERS = 2_048

const TYPES = ['children', 'writers', 'clocks', 'mask'] as const
const REPLY = 4
const MASK_BYTES = LEAF / 8

export const encodeRanges = ({ salt, ranges }: RangesMessage): Uint8Array =>
  encoding.encode((encoder) => {
    encoding.writeUint32(encoder, salt)
    encoding.writeVarUint(encoder, ranges.length)
    for (const range of ranges) writeRange(encoder, range)
  })

const writeRange = (encoder: encoding.Encoder, range: Range): void => {
  const isReply = 'isReply' in range && range.isReply
  encoding.writeUint8(encoder, TYPES.indexOf(range.type) + (isReply ? REPLY : 0))
  switch (range.type) {
    case 'children': {
      writeNode(encoder, range)
      let present = 0
      for (const [i, hash] of range.hashes.entries()) if (hash !== undefined) present |= 1 << i
      encoding.writeUint16(encoder, present)
      for (const hash of range.hashes) if (hash !== undefined) encoding.writeUint32(encoder, hash)
      return
    }
    case 'writers':
      writeNode(encoder, range)
      encoding.writeVarUint(encoder, range.writers.size)
      for (const [writer, { clock, state }] of range.writers) {
        encoding.writeVarUint(encoder, writer)
        encoding.writeVarUint(encoder, clock)
        encoding.writeUint32(encoder, state)
      }
      return
    case 'clocks':
      for (const number of [range.writer, range.clock, range.level, range.index])
        encoding.writeVarUint(encoder, number)
      encoding.writeVarUint(encoder, range.states.length)
      for (const state of range.states) {
        encoding.writeUint8(encoder, Math.min(state, 2))
        if (state >= 2) encoding.writeUint32(encoder, state - 2)
      }
      return
    case 'mask':
      for (const number of [range.writer, range.clock, range.index])
        encoding.writeVarUint(encoder, number)
      encoding.writeUint8Array(encoder, range.mask)
  }
}

const writeNode = (
  encoder: encoding.Encoder,
  { depth, prefix }: { readonly depth: number; readonly prefix: number },
): void => {
  encoding.writeUint8(encoder, depth)
  encoding.writeVarUint(encoder, prefix)
}

/** Does one message carry these ranges? */
export const fitsMessage = (ranges: readonly Range[]): boolean => {
  let listed = 0
  for (const range of ranges) if (range.type === 'writers') listed += range.writers.size
  return ranges.length <= MAX_RANGES && listed <= MAX_LISTED_WRITERS
}

/** Decodes what a peer has sent; throws a Rejection. */
export const decodeRanges = (bytes: Uint8Array): RangesMessage => {
  try {
    const decoder = decoding.createDecoder(bytes)
    const salt = decoding.readUint32(decoder)
    const count = decoding.readVarUint(decoder)
    assert(count <= MAX_RANGES, `${count} ranges`)
    const ranges: Range[] = []
    let listed = 0
    for (let i = 0; i < count; i++) {
      const range = readRange(decoder)
      if (range.type === 'writers') listed += range.writers.size
      assert(listed <= MAX_LISTED_WRITERS, `${listed} writers`)
      ranges.push(range)
    }
    assert(!decoding.hasContent(decoder), 'more bytes than ranges')
    return { salt, ranges }
  } catch (error) {
    throw new Rejection('malformed', `not ranges: ${(error as Error).message}`, error)
  }
}

const assert = (isValid: boolean, what: string): void => {
  if (!isValid) throw new RangeError(what)
}

const readRange = (decoder: decoding.Decoder): Range => {
  const kind = decoding.readUint8(decoder)
  const isReply = kind >= REPLY
  const type = TYPES[isReply ? kind - REPLY : kind]
  switch (type) {
    case 'children': {
      const node = readNode(decoder)
      assert(node.depth < MAX_DEPTH, `a node of depth ${node.depth}`)
      const present = decoding.readUint16(decoder)
      const hashes = Array.from({ length: CHILDREN }, (_, i) =>
        present & (1 << i) ? decoding.readUint32(decoder) : undefined,
      )
      return { type, ...node, hashes }
    }
    case 'writers': {
      const node = readNode(decoder)
      const count = decoding.readVarUint(decoder)
      assert(count <= MAX_LISTED_WRITERS, `${count} writers`)
      const writers = new Map<number, WriterState>()
      for (let i = 0; i < count; i++) {
        const writer = decoding.readVarUint(decoder)
        const clock = decoding.readVarUint(decoder)
        writers.set(writer, { clock, state: decoding.readUint32(decoder) })
      }
      return { type, ...node, writers, isReply }
    }
    case 'clocks': {
      const [writer, clock, level, index] = readNumbers(decoder, 4) as [
        number,
        number,
        number,
        number,
      ]
      assert(level >= 1 && level <= heightOf(clock), `level ${level} of ${clock} clocks`)
      const count = decoding.readVarUint(decoder)
      assert(count <= FANOUT, `${count} states`)
      const states = Array.from({ length: count }, () => {
        const state = decoding.readUint8(decoder)
        assert(state <= 2, `state ${state}`)
        return state < 2 ? state : 2 + decoding.readUint32(decoder)
      })
      return { type, writer, clock, level, index, states }
    }
    case 'mask': {
      const [writer, clock, index] = readNumbers(decoder, 3) as [number, number, number]
      const mask = decoding.readUint8Array(decoder, MASK_BYTES)
      assert(index * LEAF < clock, `leaf ${index} of ${clock} clocks`)
      return { type, writer, clock, index, mask, isReply }
    }
    default:
      throw new RangeError(`kind ${kind}`)
  }
}

const readNumbers = (decoder: decoding.Decoder, count: number): number[] =>
  Array.from({ length: count }, () => decoding.readVarUint(decoder))

const readNode = (decoder: decoding.Decoder): { depth: number; prefix: number } => {
  const depth = decoding.readUint8(decoder)
  const prefix = decoding.readVarUint(decoder)
  assert(depth <= MAX_DEPTH && prefix < CHILDREN ** depth, `node ${prefix} of depth ${depth}`)
  return { depth, prefix }
}
