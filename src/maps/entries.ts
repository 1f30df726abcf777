/**
 * Reads a map: plain and hot entries appear as one. Reading creates nothing, and a missing map is
 * empty. Throws a Failure (invalid_argument) if the name is reserved, or names a shared type that
 * is not a map.
 *
 * Values are JSON, even if another program wrote something else (see `json-form.ts`). They often
 * belong to the document: copy a value before you change it.
 *
 * ```js
 * readEntries(doc, 'state')            // { 'task:7': { owner: 'a' } }
 * describeEntry(doc, 'state', 'n')     // { value: 3, writer: 17, clock: 4, layout: 'counter', stampMs: 1810000000000 }
 * ```
 */

import * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'
import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { isOver, isSeen, type View, valueOfView } from './cell.ts'
import { hotOf } from './hot.ts'
import { compareElements, type HotElement } from './hot-element.ts'
import { msOfStamp } from './hybrid-clock.ts'
import { inOrder } from './in-order.ts'
import { describeForm, type Form } from './json-form.ts'
import { isMapName, isShownKey } from './names.ts'
import { readPath } from './path.ts'
import { entryOfItem, isMap, plainEntry, plainItem, plainRoot, valueOfPlain } from './plain.ts'

/** How an entry is stored: in a `Y.Map`, as one hot value, or as a value with increments or items. */
export type EntryLayout = 'plain' | 'hot' | 'counter' | 'list'

export interface EntryInfo {
  readonly value: unknown
  /** The writer of the last write, and its clock. For a counter or list: of the last addition. */
  readonly writer: number
  readonly clock: number
  readonly layout: EntryLayout
  /** When it was written, in Unix milliseconds of the writer's clock. Absent for a plain entry. */
  readonly stampMs?: number
  /** When it ends, in Unix milliseconds. Absent: never. */
  readonly expiresAt?: number
}

const NAMES: { readonly [type: string]: string } = { bigint: 'a bigint', bytes: 'bytes' }

/** The visible content of a key; undefined if there is none, or if its time is over. */
export const viewEntry = (doc: Y.Doc, map: string, key: string): View | undefined => {
  plainRoot(doc, map)
  if (!isShownKey(key)) return undefined
  const plain = plainEntry(doc, map, key)
  const index = hotOf(doc)
  const cell = index.cellOf(map, key)
  if (!cell) return plain && { plain, hot: undefined, parts: [], items: [] }
  const view = cell.view(plain)
  return isSeen(view) && !isOver(view, index.clock.now) ? view : undefined
}

export const layoutOf = ({ hot, parts, items }: View): EntryLayout => {
  if (items.length > 0) return 'list'
  if (parts.length > 0) return 'counter'
  return hot ? 'hot' : 'plain'
}

/** The visible hot element that was written last. */
export const latestOf = ({ hot, parts, items }: View): HotElement | undefined => {
  let latest: HotElement | undefined = items.at(-1) ?? hot
  for (const part of parts) {
    if (!latest || compareElements(part, latest) > 0) latest = part
  }
  return latest
}

/** The value; undefined if there is none. */
export const readEntry = (doc: Y.Doc, map: string, key: string): unknown => {
  const cell = hotOf(doc).cellOf(map, key)
  if (!cell && isShownKey(key)) return valueOfPlain(entryOfItem(plainItem(doc, map, key)))
  const view = viewEntry(doc, map, key)
  return view && valueOfView(view)
}

export const hasEntry = (doc: Y.Doc, map: string, key: string): boolean =>
  viewEntry(doc, map, key) !== undefined

/** The value and its origin; undefined if there is none. */
export const describeEntry = (doc: Y.Doc, map: string, key: string): EntryInfo | undefined => {
  const view = viewEntry(doc, map, key)
  if (!view) return undefined
  const latest = latestOf(view)
  const { client: writer, clock } = latest ?? view.plain!
  return {
    value: valueOfView(view),
    writer,
    clock,
    layout: layoutOf(view),
    ...(latest && { stampMs: msOfStamp(latest.stamp) }),
    ...(view.end && { expiresAt: view.end.value }),
  }
}

/**
 * Names the last write of an entry, an increment or an item, too: two that are equal are one write.
 * Undefined if there is no entry. What another program changes inside a shared type is no write here.
 */
export const versionOf = (doc: Y.Doc, map: string, key: string): string | undefined => {
  const info = describeEntry(doc, map, key)
  return info && `${info.writer}.${info.clock}`
}

/**
 * The value of a plain entry, with the types that JSON lacks. Undefined if the visible entry is not
 * plain: hot entries are JSON.
 */
export const formOf = (doc: Y.Doc, map: string, key: string): Form | undefined => {
  const view = viewEntry(doc, map, key)
  return view?.plain && layoutOf(view) === 'plain' ? describeForm(view.plain.content) : undefined
}

/**
 * Throws a Failure (invalid_argument) if `next` still contains the JSON form of something that JSON
 * cannot hold: writing it back would turn that into text, or null.
 */
export const checkUnlost = (doc: Y.Doc, map: string, key: string, next: unknown): void => {
  const form = formOf(doc, map, key)
  for (const [pointer, type] of form?.types ?? []) {
    const shown = readPath(form?.value, pointer)
    if (type === 'undefined' || type === '-0' || readPath(next, pointer) !== shown) continue
    const place = pointer === '' ? '' : ` at ${quote(pointer)}`
    throw invalid(
      `${quote(key)} has ${NAMES[type] ?? type}${place}, which JSON cannot keep: changing a part of the value would lose it`,
      'set the whole value, or change it with the program that wrote it',
    )
  }
}

/** The keys, unsorted. */
const seenKeys = (doc: Y.Doc, map: string): string[] => {
  const keys: string[] = []
  const root = plainRoot(doc, map)
  const index = hotOf(doc)
  const cells = index.cellsOf(map)
  for (const [key, item] of root ? yjsInner.entryItems(root) : []) {
    if (isShownKey(key) && entryOfItem(item) !== undefined && (cells.size === 0 || !cells.has(key)))
      keys.push(key)
  }
  for (const [key, cell] of cells) {
    if (!isShownKey(key)) continue
    if (cell.isOneValue) {
      keys.push(key)
      continue
    }
    const view = cell.view(entryOfItem(root && yjsInner.entryItem(root, key)))
    if (isSeen(view) && !isOver(view, index.clock.now)) keys.push(key)
  }
  return keys
}

/** The keys, sorted by UTF-16 units as JavaScript sorts strings. */
export const keysOf = (doc: Y.Doc, map: string): string[] => seenKeys(doc, map).sort()

/** The same as they are now. The first of many comes before all are sorted. */
export const keysInOrder = (doc: Y.Doc, map: string): Generator<string> =>
  inOrder(seenKeys(doc, map))

/** The number of keys. */
export const sizeOf = (doc: Y.Doc, map: string): number => seenKeys(doc, map).length

/** All entries, sorted by key. Any key is safe, `__proto__` too. */
export const readEntries = (doc: Y.Doc, map: string): Record<string, unknown> =>
  Object.fromEntries(keysOf(doc, map).map((key) => [key, readEntry(doc, map, key)]))

/** All maps with their number of keys, sorted by name. */
export const listMaps = (doc: Y.Doc): { name: string; keys: number }[] => {
  const names = new Set(hotOf(doc).maps)
  for (const [name, root] of doc.share) {
    // A root that only peers have used has no type yet; one with keys is a map.
    if (root.constructor === Y.Map || yjsInner.entryItems(root).size > 0) names.add(name)
    if (!isMap(root) || !isMapName(name) || !isShownKey(name)) names.delete(name)
  }
  return [...names]
    .map((name) => ({ name, keys: sizeOf(doc, name) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
