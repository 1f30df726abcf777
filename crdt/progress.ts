/**
 * What one of several updates has changed in a transaction that they share. Yjs reports only the
 * changes of the whole transaction, but which peer has which change must be known for each update.
 *
 * ```js
 * const progress = new Progress(transaction, carried)
 * integrate(doc, update, origin)
 * progress.delta()                   // what of `carried` was new, and what it deleted
 * ```
 */
import * as Y from 'yjs'
import { type DeleteSet, emptyDeletes } from './deletes.ts'
import type { ClockRun, Delta } from './delta.ts'

export class Progress {
  readonly #transaction: Y.Transaction
  /** Writer → clock before. */
  readonly #clocks = new Map<number, number>()
  /** Writer → runs of deletes before. Yjs appends to them until the transaction ends. */
  readonly #runs = new Map<number, number>()

  /** Starts just before the merge of an update whose structs are those of `carried`. */
  constructor(transaction: Y.Transaction, carried: Delta) {
    this.#transaction = transaction
    const { store } = transaction.doc
    for (const writer of carried.structs.keys()) {
      this.#clocks.set(writer, Y.getState(store, writer))
    }
    for (const [writer, runs] of transaction.deleteSet.clients) this.#runs.set(writer, runs.length)
  }

  /** Must be called right after the merge of the update, before the transaction ends. */
  delta(): Delta {
    const { doc, deleteSet } = this.#transaction
    const structs = new Map<number, ClockRun>()
    for (const [writer, from] of this.#clocks) {
      const to = Y.getState(doc.store, writer)
      if (to > from) structs.set(writer, { from, to })
    }
    const deletes: DeleteSet = emptyDeletes()
    for (const [writer, runs] of deleteSet.clients) {
      const fresh = runs.slice(this.#runs.get(writer) ?? 0)
      if (fresh.length > 0) deletes.clients.set(writer, fresh)
    }
    // A sorted copy, because Yjs goes on to change the runs of the transaction.
    return { structs, deletes: Y.mergeDeleteSets([deletes]) }
  }
}
