/**
 * Parts of long answers, packed: several peers that lack the same, as after a large import, are
 * sent the same parts, and to compress one takes most of what it costs to send it. Peers ask at
 * different times, so their parts begin at different clocks: a part that begins within a kept one
 * ends where that one ends, and from there on they are the same.
 *
 * ```ts
 * const piece = cache.align(era, takeChunk(doc, delta, bytes).piece)
 * const update = cache.get(era, replica.deletes, piece, () => pack(piece))
 * ```
 */
import { type DeleteSet, type Delta, hasDeletes, type PackedUpdate } from '../../crdt/index.ts'
import { dropOldest } from './oldest.ts'

/** Parts kept: peers that fetch the same are some parts apart. Each may take 1.5 MB. */
const MAX_CHUNKS = 16

/** Bytes of V1. A shorter part costs little to pack, and would make the parts of others as short. */
const MIN_BYTES = 262_144

/** Clocks `from` to `to` of one writer. */
interface Range {
  readonly writer: number
  readonly from: number
  readonly to: number
}

interface CachedChunk extends Range {
  readonly era: object
  /** Clocks of its range that were deleted: while there are as many, it is encoded as before. */
  readonly deleted: number
  readonly update: PackedUpdate
}

/** What the piece holds where that is of one writer, and no deletes. */
const rangeOf = ({ structs, deletes }: Delta): Range | undefined => {
  const [only, ...others] = structs
  if (!only || others.length > 0 || hasDeletes(deletes)) return undefined
  const [writer, { from, to }] = only
  return { writer, from, to }
}

/** Clocks of that range that are deleted. */
const countDeleted = ({ clients }: DeleteSet, { writer, from, to }: Range): number => {
  let count = 0
  for (const { clock, len } of clients.get(writer) ?? [])
    count += Math.max(0, Math.min(to, clock + len) - Math.max(from, clock))
  return count
}

export class ChunkCache {
  /** Each under the key that is itself, so that the oldest can be dropped. */
  readonly #chunks = new Set<CachedChunk>()

  /** The piece, or the beginning of it that ends where a kept part does that holds its first clock. */
  align(era: object, piece: Delta): Delta {
    const range = rangeOf(piece)
    if (!range) return piece
    const { writer, from, to } = range
    for (const part of this.#chunks) {
      const holdsFirst = part.writer === writer && part.from <= from && from < part.to
      if (part.era === era && holdsFirst && part.to < to)
        return { ...piece, structs: new Map([[writer, { from, to: part.to }]]) }
    }
    return piece
  }

  /** The part as it was packed for another peer, else as `pack` makes it. `deletes` are the document's. */
  get(era: object, deletes: DeleteSet, piece: Delta, pack: () => PackedUpdate): PackedUpdate {
    const range = rangeOf(piece)
    if (!range) return pack()
    const deleted = countDeleted(deletes, range)
    for (const part of this.#chunks) {
      const isSame =
        part.era === era &&
        part.writer === range.writer &&
        part.from === range.from &&
        part.to === range.to
      if (isSame && part.deleted === deleted) return part.update
      if (isSame) this.#chunks.delete(part)
    }
    const update = pack()
    if (update.length >= MIN_BYTES) {
      this.#chunks.add({ ...range, era, deleted, update })
      dropOldest(this.#chunks, MAX_CHUNKS)
    }
    return update
  }
}
