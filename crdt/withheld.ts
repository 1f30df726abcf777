/**
 * What the document's own writer has written and peers do not get yet. After a start it is unknown
 * whether another copy, as of the data folder, goes on under the same writer id. Peers see the
 * earlier state until one of them shows that it knows no more of the writer.
 *
 * ```js
 * const withheld = new Withheld({ writer, from: published, fresh: loaded })
 * withheld.add(delta)                  // changed here
 * withheld.visible(Y.snapshot(doc))    // what peers see
 * withheld.toPublish(doc)              // all of it, when peers may have it
 * ```
 */
import * as Y from 'yjs'
import { type DeleteSet, emptyDeletes, mergeDeletes, subtractDeletes } from './deletes.ts'
import { type Delta, isEmptyDelta, mergeDeltas } from './delta.ts'

export interface OwnRange {
  readonly writer: number
  /** Own clocks from here on are withheld: another copy may have used them, too. */
  readonly from: number
  /**
   * Own clocks from here on were written since the start and sent to no peer: if a peer has them,
   * another copy wrote them. Infinite if peers may have got them another way, as from an editor's
   * second provider.
   */
  readonly fresh: number
}

/** Deltas kept apart. They are merged for each digest; merging more at once costs less for each. */
const MAX_DELTAS = 64

/** All deletes of that writer from that clock on. */
const deletesFrom = (writer: number, from: number): DeleteSet => {
  const deletes = emptyDeletes()
  const len = Number.MAX_SAFE_INTEGER - from
  deletes.clients.set(writer, [{ clock: from, len }] as never)
  return deletes
}

export class Withheld implements OwnRange {
  readonly writer: number
  readonly from: number
  readonly fresh: number
  readonly #own: DeleteSet
  #deltas: readonly Delta[]

  constructor({ writer, from, fresh }: OwnRange, deltas: readonly Delta[] = []) {
    this.writer = writer
    this.from = from
    this.fresh = Math.max(from, fresh)
    this.#own = deletesFrom(writer, from)
    this.#deltas = deltas
  }

  /** Adds a change made here. */
  add(delta: Delta): void {
    const deltas = [...this.#deltas, delta]
    this.#deltas = deltas.length < MAX_DELTAS ? deltas : [mergeDeltas(deltas)]
  }

  /**
   * Takes deletes of withheld structs out of what a merge brought: a peer's entry has won their
   * key.
   */
  strip(delta: Delta): Delta {
    if (!delta.deletes.clients.has(this.writer)) return delta
    const deletes = subtractDeletes(delta.deletes, this.#own)
    const hidden = subtractDeletes(delta.deletes, deletes)
    if (hidden.clients.size === 0) return delta
    this.add({ structs: new Map(), deletes: hidden })
    return { structs: delta.structs, deletes }
  }

  /** The state that peers may see. */
  visible({ sv, ds }: Y.Snapshot): Y.Snapshot {
    const clocks = new Map(sv)
    const clock = Math.min(this.from, clocks.get(this.writer) ?? 0)
    if (clock > 0) clocks.set(this.writer, clock)
    else clocks.delete(this.writer)
    const hidden = mergeDeletes([this.#own, ...this.#deltas.map(({ deletes }) => deletes)])
    return Y.createSnapshot(subtractDeletes(ds, hidden), clocks)
  }

  /** The same after the own clocks from `clock` on have been moved to another writer. */
  renamed(clock: number, to: number): Withheld {
    const deletes = mergeDeletes(this.#deltas.map((delta) => delta.deletes))
    const moved = deletes.clients.get(this.writer) ?? []
    const kept = subtractDeletes(deletes, deletesFrom(this.writer, clock))
    const own = moved
      .filter((run) => run.clock + run.len > clock)
      .map(({ clock: at, len }) => {
        const start = Math.max(at, clock)
        return { clock: start - clock, len: at + len - start }
      })
    if (own.length > 0) kept.clients.set(to, own as never)
    const delta = { structs: new Map(), deletes: kept }
    return new Withheld({ writer: to, from: 0, fresh: 0 }, [delta])
  }

  /** Everything that was withheld; undefined if there is nothing. */
  toPublish(doc: Y.Doc): Delta | undefined {
    const to = Y.getState(doc.store, this.writer)
    const structs = new Map(to > this.from ? [[this.writer, { from: this.from, to }]] : [])
    const own = { structs, deletes: emptyDeletes() }
    const news = mergeDeltas([...this.#deltas, own])
    return isEmptyDelta(news) ? undefined : news
  }
}
