/**
 * The index of hot elements of a document, shared by everything that uses it.
 *
 * ```js
 * hotOf(doc).cellOf('state', 'k')
 * useClock(doc, () => 1_800_000_000_000)    // tests decide what time it is
 * ```
 */
import type * as Y from 'yjs'
import { guardTransactions, yjsInner } from '../../crdt/index.ts'
import { checkDoc } from '../yjs-copy.ts'
import type { Cell } from './cell.ts'
import { Expiring } from './expiring.ts'
import { HotIndex } from './hot-index.ts'
import { Ripening } from './ripening.ts'
import { losersOf, sweep } from './sweep.ts'

/** Called at the end of each transaction, before any observer, with the keys whose hot elements changed. */
export type Watcher = (transaction: Y.Transaction, touched: ReadonlySet<Cell>) => void

interface Hot {
  readonly index: HotIndex
  readonly watchers: Set<Watcher>
  readonly ripening: Ripening
  readonly expiring: Expiring
}

const hots = new WeakMap<Y.Doc, Hot>()

/** The cells of keys whose plain entry changed: parts and items may add to it. */
function* cellsOver(index: HotIndex, { changed }: Y.Transaction): Generator<Cell> {
  for (const map of index.maps) {
    const root = index.doc.share.get(map)
    for (const key of (root && changed.get(root)) ?? []) {
      const cell = key === null ? undefined : index.cellOf(map, key)
      if (cell) yield cell
    }
  }
}

const attach = (doc: Y.Doc): Hot => {
  checkDoc(doc)
  const index = new HotIndex(doc, Date.now)
  const ripening = new Ripening(index)
  const expiring = new Expiring(index)
  const hot: Hot = { index, watchers: new Set(), ripening, expiring }
  if (index.hasAhead) ripening.start()
  for (const cell of index.marked.keys()) expiring.note(cell)
  const losing = new Set<Cell>()
  const sweepLater = (): void => {
    const cells = [...losing]
    losing.clear()
    if (doc.isDestroyed) return
    // No caller is there to catch what listeners throw.
    const guard = guardTransactions(doc)
    guard.run(() => sweep(index, cells))
    guard.end()
  }
  doc.on('beforeObserverCalls', (transaction: Y.Transaction) => {
    index.absorb(transaction)
    const touched = index.takeTouched()
    // A watcher that throws must stop neither the others nor this index.
    const thrown: unknown[] = []
    for (const watcher of hot.watchers) {
      try {
        watcher(transaction, touched)
      } catch (error) {
        thrown.push(error)
      }
    }
    for (const cell of touched) cell.settle()
    if (index.hasAhead) ripening.start()
    for (const cells of [touched, cellsOver(index, transaction)]) {
      for (const cell of cells) {
        if (index.marked.has(cell)) expiring.note(cell)
        if (losersOf(index, cell).length === 0) continue
        if (losing.size === 0) queueMicrotask(sweepLater)
        losing.add(cell)
      }
    }
    if (thrown.length > 0) throw thrown[0]
  })
  // Yjs then drops all listeners, though the document can still be used.
  doc.on('destroy', () => {
    ripening.end()
    expiring.end()
    hots.delete(doc)
  })
  hots.set(doc, hot)
  return hot
}

/** The index, up to date even within a transaction that applies updates of peers. */
export const hotOf = (doc: Y.Doc): HotIndex => {
  const { index } = hots.get(doc) ?? attach(doc)
  const transaction = yjsInner.runningTransaction(doc)
  // Local writes update the index themselves.
  if (transaction !== null && !transaction.local) index.absorb(transaction)
  return index
}

/** Builds the index before the document has content. Content that arrives later is then bounded in runs. */
export const followHot = (doc: Y.Doc): void => void hotOf(doc)

/** Watches the transactions of a document. Returns a function that ends it. */
export const watchTransactions = (doc: Y.Doc, watcher: Watcher): (() => void) => {
  const { watchers } = hots.get(doc) ?? attach(doc)
  watchers.add(watcher)
  return () => void watchers.delete(watcher)
}

/** Takes the time of this document's stamps from `now` (Unix milliseconds) instead of `Date.now`. */
export const useClock = (doc: Y.Doc, now: () => number): void => {
  hotOf(doc).useClock(now)
  hots.get(doc)?.expiring.start()
}

/**
 * Does at once what is due by the document's clock: ends entries, and shows values whose time has
 * come. For programs in virtual time; otherwise timers do it.
 */
export const passTime = (doc: Y.Doc): void => {
  const { ripening, expiring } = hots.get(doc) ?? attach(doc)
  ripening.look()
  expiring.look()
}
