/**
 * Packed chunks of long answers. After a large import several peers lack the same changes and get
 * the same chunks, and compression is most of what a chunk costs.
 *
 * Peers pull at different times, so their chunks begin at different clocks. A chunk that begins
 * within a cached one ends where that one ends; from there on both peers get the same chunks.
 *
 * ```ts
 * const chunk = cache.align(era, takeChunk(doc, delta, bytes).chunk)
 * const update = cache.get(era, replica.deletes, chunk, () => pack(chunk))
 * ```
 */
import { type DeleteSet, type Delta, hasDeletes, type PackedUpdate } from '../../crdt/index.ts'
import { dropOldest } from './oldest.ts'

/** Chunks kept. Peers that pull the same answer are some chunks apart. Each may take 1.5 MB. */
const MAX_CHUNKS = 16

/**
 * Bytes of V1. A shorter chunk is cheap to pack, and would make the aligned chunks of other peers
 * as short.
 */
const MIN_BYTES = 262_144

/** Clocks from `from` up to `to` of one writer. */
interface Range {
  readonly writer: number
  readonly from: number
  readonly to: number
}

interface CachedChunk extends Range {
  readonly era: object
  /**
   * Deleted clocks in its range. While their number is the same, the chunk is encoded the same way.
   */
  readonly deleted: number
  readonly update: PackedUpdate
}

/** The range of a chunk; undefined if it has several writers, or deletes. */
const rangeOf = ({ structs, deletes }: Delta): Range | undefined => {
  const [only, ...others] = structs
  if (!only || others.length > 0 || hasDeletes(deletes)) return undefined
  const [writer, { from, to }] = only
  return { writer, from, to }
}

/** Counts the deleted clocks in a range. */
const countDeleted = ({ clients }: DeleteSet, { writer, from, to }: Range): number => {
  let count = 0
  for (const { clock, len } of clients.get(writer) ?? [])
    count += Math.max(0, Math.min(to, clock + len) - Math.max(from, clock))
  return count
}

export class ChunkCache {
  /** In order of insertion, so that the oldest can be dropped. */
  readonly #chunks = new Set<CachedChunk>()

  /** The chunk, shortened to the end of the cached chunk that holds its first clock. */
  align(era: object, chunk: Delta): Delta {
    const range = rangeOf(chunk)
    if (!range) return chunk
    const { writer, from, to } = range
    for (const cached of this.#chunks) {
      const holdsFirst = cached.writer === writer && cached.from <= from && from < cached.to
      if (cached.era === era && holdsFirst && cached.to < to)
        return { ...chunk, structs: new Map([[writer, { from, to: cached.to }]]) }
    }
    return chunk
  }

  /**
   * The update as it was packed for another peer, or else as `pack` returns it. `deletes` are those
   * of the document.
   */
  get(era: object, deletes: DeleteSet, chunk: Delta, pack: () => PackedUpdate): PackedUpdate {
    const range = rangeOf(chunk)
    if (!range) return pack()
    const deleted = countDeleted(deletes, range)
    for (const cached of this.#chunks) {
      const isSame =
        cached.era === era &&
        cached.writer === range.writer &&
        cached.from === range.from &&
        cached.to === range.to
      if (isSame && cached.deleted === deleted) return cached.update
      if (isSame) this.#chunks.delete(cached)
    }
    const update = pack()
    if (update.length >= MIN_BYTES) {
      this.#chunks.add({ ...range, era, deleted, update })
      dropOldest(this.#chunks, MAX_CHUNKS)
    }
    return update
  }
}
