/**
 * Writes a map. An entry is plain, in the `Y.Map` with the name of the map, unless it is written as
 * hot; it then stays hot until it is deleted. Additions to counters and lists are hot as well: each
 * writer adds elements of its own, so no concurrent addition is lost.
 *
 * A write deletes everything that its writer sees under the key, from any writer. So a write that
 * follows another replaces it, whatever the clocks say; of concurrent values the one with the
 * higher stamp, then writer, wins. A hot value takes precedence over a plain one, which a program
 * that does not know hot entries may have written concurrently.
 *
 * ```js
 * writeEntry(doc, 'state', 'beat:7', 1810000000000, { hot: true })
 * incrementEntry(doc, 'state', 'done')          // 1
 * appendEntry(doc, 'state', 'log', 'started')   // 1
 * ```
 */

import type * as Y from 'yjs'
import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { type Cell, type View, valueOfView } from './cell.ts'
import { keepable, UnkeepableError } from './check.ts'
import { layoutOf, viewEntry } from './entries.ts'
import { appendMarks, clearMarks, clearOver, endAfter } from './expiry.ts'
import { hotOf } from './hot.ts'
import type { HotElement, Id, NewElement } from './hot-element.ts'
import type { HotIndex } from './hot-index.ts'
import { appendElements, deleteElements } from './hot-writer.ts'
import { checkNames, textOf } from './names.ts'
import { makePlainRoot, plainEntry, plainRoot, valueOfPlain } from './plain.ts'
import { checkWritable } from './read-only.ts'
import { valueLimitOf } from './value-limit.ts'

export interface WriteOptions {
  /** For keys that are overwritten all day: overwritten values leave nothing behind. Other Yjs programs cannot read them. */
  readonly hot?: boolean
  /** Milliseconds after which the entry ends; it is then hot. Default: it stays until it is deleted. */
  readonly ttlMs?: number | undefined
}

export const elementsOf = (cell: Cell | undefined): HotElement[] => (cell ? [...cell.elements] : [])

/** Replaces everything visible under these keys by hot values, each with its stamp. */
export const replaceHot = (
  index: HotIndex,
  transaction: Y.Transaction,
  map: string,
  entries: ReadonlyMap<string, unknown>,
  nextStamp: () => number = () => index.clock.next(),
): void => {
  const { doc } = index
  const old = [...entries.keys()].flatMap((key) => elementsOf(index.cellOf(map, key)))
  appendElements(
    index,
    transaction,
    Array.from(
      entries,
      ([key, value]): NewElement => ({ map, key, stamp: nextStamp(), kind: 'v', value }),
    ),
  )
  deleteElements(index, transaction, old)
  for (const key of entries.keys()) deletePlain(doc, map, key)
}

/** Sets the plain entry of a key that shows no hot elements. */
export const replacePlain = (
  index: HotIndex,
  transaction: Y.Transaction,
  map: string,
  key: string,
  value: unknown,
): void => {
  clearOver(index, transaction, map, key)
  clearMarks(index, transaction, map, key)
  makePlainRoot(index.doc, map).set(key, value)
}

export const deletePlain = (doc: Y.Doc, map: string, key: string): void => {
  if (plainEntry(doc, map, key)) makePlainRoot(doc, map).delete(key)
}

/**
 * Writes entries in one transaction, all of them or none; a later entry replaces an earlier one of
 * the same key. Throws as `checkEntry` does.
 */
export const writeEntries = (
  doc: Y.Doc,
  map: string,
  entries: Iterable<readonly [key: string, value: unknown]>,
  { hot = false, ttlMs }: WriteOptions = {},
): void => {
  checkWritable(doc)
  const index = hotOf(doc)
  const end = ttlMs === undefined ? undefined : endAfter(index, ttlMs)
  const plain = new Map<string, unknown>()
  const asHot = new Map<string, unknown>()
  for (const [key, value] of entries) {
    checkNames(map, key)
    const view = viewEntry(doc, map, key)
    const isHot = hot || end !== undefined || (view !== undefined && layoutOf(view) !== 'plain')
    ;(isHot ? asHot : plain).set(key, keepable(key, value, valueLimitOf(doc)))
  }
  plainRoot(doc, map)
  if (asHot.size + plain.size === 0) return
  doc.transact((transaction) => {
    if (asHot.size > 0) replaceHot(index, transaction, map, asHot)
    if (end !== undefined) appendMarks(index, transaction, map, asHot.keys(), end)
    for (const [key, value] of plain) replacePlain(index, transaction, map, key, value)
  })
}

/** Writes an entry. Throws as `checkEntry` does. */
export const writeEntry = (
  doc: Y.Doc,
  map: string,
  key: string,
  value: unknown,
  options?: WriteOptions,
): void => writeEntries(doc, map, [[key, value]], options)

/** Deletes entries in one transaction. Returns how many of the keys existed. */
export const deleteEntries = (doc: Y.Doc, map: string, keys: Iterable<string>): number => {
  checkWritable(doc)
  let count = 0
  doc.transact(() => {
    for (const key of keys) if (deleteEntry(doc, map, key)) count++
  })
  return count
}

/** Deletes everything visible under the key; concurrent writes of others stay. Returns whether the key existed. */
export const deleteEntry = (doc: Y.Doc, map: string, key: string): boolean => {
  checkWritable(doc)
  if (!viewEntry(doc, map, key)) return false
  const index = hotOf(doc)
  doc.transact((transaction) => {
    deleteElements(index, transaction, elementsOf(index.cellOf(map, key)))
    deletePlain(doc, map, key)
  })
  return true
}

/** The value that is added to, without the additions. */
export const baseOf = (
  view: View | undefined,
): { readonly value: unknown; readonly id: Id | undefined } => {
  const base = view?.hot ?? view?.plain
  return {
    value: view?.hot ? view.hot.value : valueOfPlain(view?.plain),
    id: base && [base.client, base.clock],
  }
}

const wrongKind = (key: string, view: View | undefined, does: string, kind: string) => {
  const value = quote(textOf(view && valueOfView(view)))
  return invalid(
    `${quote(key)} is ${value}, which is not a ${kind}: ${does}`,
    `set it to a ${kind} first`,
  )
}

/**
 * Throws if the sum is infinite, or equals the one before, as beyond 2^53. What other writers have
 * added does not count: a huge amount of one of them must not keep others from counting. They see
 * their sum again when the key is set, or the amount is taken back.
 */
const checkSum = (key: string, sum: number, by: number, before: number): void => {
  if (Number.isFinite(sum) && (sum !== before || by === 0)) return
  throw invalid(`${quote(key)} is ${before}, and ${by} more is not a number that JSON can hold`)
}

/**
 * Adds to a counter, which starts at 0; returns the new sum. All concurrent increments count. A
 * concurrent `set` replaces the increment; after a concurrent delete the counter stays, with
 * everything that this writer has added.
 *
 * A plain number stays in place, and other Yjs programs still see it without the increments.
 *
 * Throws a Failure (invalid_argument) if the value is not a number, or if the sum without what other
 * writers have added would equal the one before, or be infinite. Throws a TypeError if `by` is not finite.
 */
export const incrementEntry = (doc: Y.Doc, map: string, key: string, by = 1): number => {
  checkWritable(doc)
  checkNames(map, key)
  if (!Number.isFinite(by)) throw new UnkeepableError(`by is ${by}, which JSON cannot keep`)
  const view = viewEntry(doc, map, key)
  const before = view ? valueOfView(view) : 0
  if (typeof before !== 'number') throw wrongKind(key, view, 'nothing can be added', 'number')
  const index = hotOf(doc)
  const { value: base, id } = baseOf(view)
  const own = view?.parts.find(({ client }) => client === doc.clientID)?.value ?? 0
  checkSum(key, own + by, by, own)
  const visible = own + (typeof base === 'number' ? base : 0)
  checkSum(key, visible + by, by, visible)
  const old = elementsOf(index.cellOf(map, key)).filter(
    ({ kind, client }) => kind === '+' && client === doc.clientID,
  )
  doc.transact((transaction) => {
    const isCleared = clearOver(index, transaction, map, key)
    appendElements(index, transaction, [
      { map, key, stamp: index.clock.next(), kind: '+', value: own + by, base: id },
    ])
    if (!isCleared) deleteElements(index, transaction, old)
  })
  return readSum(doc, map, key)
}

const readSum = (doc: Y.Doc, map: string, key: string): number => {
  const view = viewEntry(doc, map, key)
  return view ? Number(valueOfView(view)) : 0
}

/**
 * Stamps at the end of all numbers that no list uses up: 2^40 of them last for 2^40 items. No clock
 * reaches them before the year 2213, so such an item is a hostile writer's.
 */
const SPARE_STAMPS = 2 ** 40

/**
 * A stamp after those of all visible items, even if they come from a clock too far ahead to be
 * followed. Only in this list: the clock itself stays. Items with one of the last stamps are at the
 * end for good, and others come before them.
 */
export const stampAfter = ({ clock }: HotIndex, view: View | undefined): number => {
  const isFit = ({ stamp }: HotElement): boolean => stamp < Number.MAX_SAFE_INTEGER - SPARE_STAMPS
  const last = view?.items.findLast(isFit)?.stamp ?? 0
  const base = view?.hot && isFit(view.hot) ? view.hot.stamp : 0
  return Math.max(clock.next(), last + 1, base + 1)
}

/**
 * Appends an item to a list, which starts empty; returns the new length. All concurrent items are
 * kept, in the order of their stamps. A concurrent `set` replaces the item.
 *
 * A plain array stays in place, and other Yjs programs still see it without the items.
 *
 * Throws a Failure (invalid_argument) if the value is not an array, and otherwise as `checkEntry`
 * does.
 */
export const appendEntry = (doc: Y.Doc, map: string, key: string, item: unknown): number => {
  checkWritable(doc)
  checkNames(map, key)
  const value = keepable(key, item, valueLimitOf(doc))
  const view = viewEntry(doc, map, key)
  const { value: list, id: base } = baseOf(view)
  const isList = view === undefined || Array.isArray(list) || view.items.length > 0
  if (!isList) throw wrongKind(key, view, 'nothing can be appended', 'list')
  const index = hotOf(doc)
  const stamp = stampAfter(index, view)
  doc.transact((transaction) => {
    clearOver(index, transaction, map, key)
    appendElements(index, transaction, [{ map, key, stamp, kind: '>', value, base }])
  })
  const now = viewEntry(doc, map, key)
  return (Array.isArray(list) ? list.length : 0) + (now?.items.length ?? 0)
}
