/**
 * Each writer deletes its own elements once they no longer count: a value that lost against a
 * concurrent one, and parts, items and marks of a value that is gone. Those of other writers stay until
 * the key is written again.
 */
import * as Y from 'yjs'
import type { Cell } from './cell.ts'
import type { HotElement } from './hot-element.ts'
import type { HotIndex } from './hot-index.ts'
import { deleteElements } from './hot-writer.ts'
import { plainEntry } from './plain.ts'

/** The origin of transactions that delete elements which no longer count; they change nothing visible. */
export const SWEEP = Symbol('pilot-gossip sweep')

/** A part may arrive before the value that it adds to. */
const isWaiting = (doc: Y.Doc, element: HotElement): boolean =>
  element.kind !== 'v' &&
  element.base !== undefined &&
  element.base[1] >= Y.getState(doc.store, element.base[0])

/** Own elements of that key that no longer count. Cheap if all of them count. */
export const losersOf = (index: HotIndex, cell: Cell): HotElement[] => {
  // No view is made of each key that is loaded.
  if (cell.isOneValue) return []
  const { doc } = index
  const plain = plainEntry(doc, cell.map, cell.key)
  const view = cell.view(plain)
  if ((view.hot ? 1 : 0) + view.parts.length + view.items.length + (view.end ? 1 : 0) === cell.size)
    return []
  const used = new Set<HotElement>()
  // What will count when its time has come does not lose. Otherwise two replicas, one of whose clocks
  // is ahead, might each delete its own value in favour of the other's.
  for (const { hot, parts, items, end } of [view, cell.lastView(plain)]) {
    if (hot) used.add(hot)
    if (end) used.add(end)
    for (const added of [...parts, ...items]) used.add(added)
  }
  return [...cell.elements].filter(
    (element) => element.client === doc.clientID && !used.has(element) && !isWaiting(doc, element),
  )
}

/** Deletes the own losers of these cells, in one transaction. */
export const sweep = (index: HotIndex, cells: Iterable<Cell>): void => {
  const losers = [...cells].flatMap((cell) => losersOf(index, cell))
  if (losers.length === 0) return
  index.doc.transact((transaction) => {
    deleteElements(index, transaction, losers)
  }, SWEEP)
}
