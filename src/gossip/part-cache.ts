/**
 * Parts of long answers, packed: several peers that lack the same, as after a large import, are
 * sent the same parts, and to compress one takes most of what it costs to send it.
 *
 * ```ts
 * const update = cache.get(name, replica.deletedClocks, piece) ?? cache.set(…, pack(piece))
 * ```
 */
import { type DeleteSet, type Delta, hasDeletes, type PackedUpdate } from '../../crdt/index.ts'
import { dropOldest } from './oldest.ts'

/** Parts kept: peers that fetch the same are a few parts apart. Each may take 1.5 MB. */
const KEPT = 6

/** Clocks deleted, over all writers: while there are as many, structs are encoded as before. */
const countDeleted = ({ clients }: DeleteSet): number => {
  let count = 0
  for (const runs of clients.values()) for (const { len } of runs) count += len
  return count
}

export class PartCache {
  readonly #parts = new Map<string, PackedUpdate>()

  /** The part as it was packed for another, else as `pack` makes it. `deletes` are the document's. */
  get(document: object, deletes: DeleteSet, piece: Delta, pack: () => PackedUpdate): PackedUpdate {
    if (hasDeletes(piece.deletes)) return pack()
    const runs = [...piece.structs].map(([writer, { from, to }]) => `${writer}:${from}-${to}`)
    const key = `${this.#idOf(document)} ${countDeleted(deletes)} ${runs}`
    const known = this.#parts.get(key)
    if (known) return known
    const made = pack()
    this.#parts.set(key, made)
    dropOldest(this.#parts, KEPT)
    return made
  }

  readonly #ids = new WeakMap<object, number>()
  #next = 0

  #idOf(document: object): number {
    const id = this.#ids.get(document) ?? this.#next++
    this.#ids.set(document, id)
    return id
  }
}
