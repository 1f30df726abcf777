/**
 * Entries that end: a mark beside the entry says when. From then on no reader shows it, and the key
 * is as if it had been deleted. A mark is of one value: whoever writes the key anew removes it, and
 * additions to a counter or a list do not. Of several marks the one that was written last counts.
 *
 * ```js
 * expireEntry(doc, 'state', 'job:7', 60_000)     // true
 * expiryOf(doc, 'state', 'job:7')                // 1810000060000
 * persistEntry(doc, 'state', 'job:7')            // true
 * ```
 */
import type * as Y from 'yjs'
import { invalid } from '../errors.ts'
import { isOver } from './cell.ts'
import { viewEntry } from './entries.ts'
import { hotOf } from './hot.ts'
import type { HotElement, NewElement } from './hot-element.ts'
import type { HotIndex } from './hot-index.ts'
import { appendElements, deleteElements } from './hot-writer.ts'
import { makePlainRoot, plainEntry } from './plain.ts'
import { checkWritable } from './read-only.ts'

/** Milliseconds: ten years of 365 days. What is to stay longer needs no end; beyond it is a slip of units. */
export const MAX_TTL_MS = 10 * 365 * 24 * 60 * 60_000

/** When a time to live ends that begins now. Throws a Failure (invalid_argument) unless it is 1 to MAX_TTL_MS. */
export const endAfter = ({ clock }: HotIndex, ttlMs: number): number => {
  if (ttlMs >= 1 && ttlMs <= MAX_TTL_MS) return Math.ceil(clock.now() + ttlMs)
  throw invalid(
    `a time to live of ${ttlMs} ms is not usable`,
    `give 1 to ${MAX_TTL_MS} milliseconds, which are ten years`,
  )
}

/** Marks visible entries, in the transaction. Marks that are there stay. */
export const appendMarks = (
  index: HotIndex,
  transaction: Y.Transaction,
  map: string,
  keys: Iterable<string>,
  at: number,
): void => {
  const { doc, clock } = index
  const marks = Array.from(keys, (key): NewElement => {
    const plain = plainEntry(doc, map, key)
    const base = index.cellOf(map, key)?.view(plain).hot ?? plain
    const id = base && ([base.client, base.clock] as const)
    return { map, key, stamp: clock.next(), kind: 'x', value: at, base: id }
  })
  appendElements(index, transaction, marks)
}

const marksOf = (index: HotIndex, map: string, key: string): HotElement[] =>
  [...(index.cellOf(map, key)?.elements ?? [])].filter(({ kind }) => kind === 'x')

/**
 * Deletes what is still there of an entry whose time is over, or of marks of a plain one, in the
 * transaction. Call it before something is written in its place. Returns whether there was any.
 */
export const clearOver = (
  index: HotIndex,
  transaction: Y.Transaction,
  map: string,
  key: string,
): boolean => {
  const { doc, clock } = index
  const cell = index.cellOf(map, key)
  if (!cell || !index.marked.has(cell)) return false
  const view = cell.view(plainEntry(doc, map, key))
  if (!isOver(view, clock.now)) return false
  deleteElements(index, transaction, [...cell.elements])
  if (view.plain) makePlainRoot(doc, map).delete(key)
  return true
}

/** Deletes the marks of that key, in the transaction. */
export const clearMarks = (
  index: HotIndex,
  transaction: Y.Transaction,
  map: string,
  key: string,
): void => {
  const cell = index.cellOf(map, key)
  if (cell && index.marked.has(cell)) deleteElements(index, transaction, marksOf(index, map, key))
}

/**
 * Ends the visible entry after that time, in place of any end that it had. Returns whether there is
 * such an entry. Throws as `endAfter` does.
 */
export const expireEntry = (doc: Y.Doc, map: string, key: string, ttlMs: number): boolean => {
  checkWritable(doc)
  const index = hotOf(doc)
  const at = endAfter(index, ttlMs)
  if (!viewEntry(doc, map, key)) return false
  const old = marksOf(index, map, key)
  doc.transact((transaction) => {
    appendMarks(index, transaction, map, [key], at)
    deleteElements(index, transaction, old)
  })
  return true
}

/** Keeps the visible entry until it is deleted. Returns whether it had an end. */
export const persistEntry = (doc: Y.Doc, map: string, key: string): boolean => {
  checkWritable(doc)
  if (!viewEntry(doc, map, key)?.end) return false
  const index = hotOf(doc)
  doc.transact((transaction) => clearMarks(index, transaction, map, key))
  return true
}

/** When the visible entry ends, in Unix milliseconds; undefined if it does not, or if there is none. */
export const expiryOf = (doc: Y.Doc, map: string, key: string): number | undefined =>
  viewEntry(doc, map, key)?.end?.value
