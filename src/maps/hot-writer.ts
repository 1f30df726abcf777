/**
 * Writes and deletes hot elements in a way that lets Yjs forget them. Each writer appends to an
 * array of its own. There, deleted elements are neighbours both in the array and in the writer's
 * clock, so Yjs merges them; in a `Y.Map` it cannot.
 *
 * Any other write (a plain entry) takes a clock in between: Yjs never merges the elements before it
 * with those after it.
 *
 * ```js
 * doc.transact((transaction) => appendElements(index, transaction, [element]))
 * ```
 */

import * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'
import { invalid } from '../errors.ts'
import { decodeElement, encodeElement, type HotElement, type NewElement } from './hot-element.ts'
import type { HotIndex } from './hot-index.ts'
import { HOT_ROOT } from './names.ts'

/** The end of the own array after the last write. It is searched again if this is outdated. */
interface Tail {
  readonly array: Y.Array<unknown>
  readonly id: Y.ID
}

const tails = new WeakMap<HotIndex, Tail>()

/** The array of this writer, created if it is missing. */
const ownArray = (doc: Y.Doc): Y.Array<unknown> => {
  let root: Y.Map<unknown>
  try {
    root = doc.getMap(HOT_ROOT)
  } catch (error) {
    throw invalid(`"${HOT_ROOT}" is a shared type, but not a map`, 'use another document', error)
  }
  const name = String(doc.clientID)
  const found = root.get(name)
  if (found instanceof Y.Array) return found
  const made = new Y.Array<unknown>()
  root.set(name, made)
  return made
}

/** Call it when the array has become that of another writer. */
export const forgetTail = (index: HotIndex): void => void tails.delete(index)

/** The last item of the array, deleted or not. */
const lastItem = (index: HotIndex, array: Y.Array<unknown>): Y.Item | null => {
  const tail = tails.get(index)
  let item = tail?.array === array ? Y.getItem(index.doc.store, tail.id) : yjsInner.firstItem(array)
  while (item?.right) item = item.right
  return item
}

/** Appends elements of the document's own writer, in the transaction. */
export const appendElements = (
  index: HotIndex,
  transaction: Y.Transaction,
  elements: readonly NewElement[],
): void => {
  const array = ownArray(index.doc)
  const left = lastItem(index, array)
  const content = new Y.ContentAny(elements.map(encodeElement))
  // What `push` does, but that searches for the end from the start of the array each time.
  const item = yjsInner.insertItem(transaction, left, array, null, content)
  const { client, clock } = item.id
  tails.set(index, { array, id: item.lastId })
  elements.forEach((element, i) => {
    const known = decodeElement(client, clock + i, content.arr[i])
    if (known === undefined) throw new TypeError(`no element: ${JSON.stringify(element)}`)
    index.add(known)
  })
}

type Run = [client: number, from: number, to: number]

/** Joins neighbours in a writer's clock. */
const runsOf = (elements: Iterable<HotElement>): Run[] => {
  const runs: Run[] = []
  const sorted = [...elements].sort((a, b) => a.client - b.client || a.clock - b.clock)
  for (const { client, clock } of sorted) {
    const last = runs.at(-1)
    if (last?.[0] === client && last[2] === clock) last[2]++
    else runs.push([client, clock, clock + 1])
  }
  return runs
}

/** Deletes elements of any writer, in the transaction. By id, because finding their positions would cost a search. */
export const deleteElements = (
  index: HotIndex,
  transaction: Y.Transaction,
  elements: readonly HotElement[],
): void => {
  const { store } = index.doc
  for (const [client, from, to] of runsOf(elements)) {
    Y.getItemCleanStart(transaction, Y.createID(client, from))
    Y.getItemCleanEnd(transaction, store, Y.createID(client, to - 1))
    const structs = yjsInner.storedStructs(index.doc, client)!
    for (let i = Y.findIndexSS(structs, from); i < structs.length; i++) {
      const item = structs[i]
      if (!(item instanceof Y.Item) || item.id.clock >= to) break
      item.delete(transaction)
      // Yjs caches positions in the array, which are now wrong.
      if (item.parent instanceof Y.Array) yjsInner.forgetPositions(item.parent)
    }
  }
  for (const element of elements) index.remove(element)
}
