/**
 * Reading a map: plain and hot entries are seen as one. Nothing is made by looking, and a map
 * that is not there is empty. A Failure (invalid_argument) where the name is reserved, or that
 * of a shared type that is no map.
 *
 * Values are JSON, also where another program wrote what is none (see `json-form.ts`), and often the
 * document's own: who wants to change one makes a copy.
 *
 * ```js
 * readEntries(doc, 'state')            // { 'task:7': { owner: 'a' } }
 * describeEntry(doc, 'state', 'n')     // { value: 3, writer: 17, clock: 4, layout: 'counter', stampMs: 1810000000000 }
 * ```
 */

import * as Y from 'yjs'
import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { isSeen, type View, valueOfView } from './cell.ts'
import { hotOf } from './hot.ts'
import { compareElements, type HotElement } from './hot-element.ts'
import { msOfStamp } from './hybrid-clock.ts'
import { describeForm, type Form } from './json-form.ts'
import { isMapName } from './names.ts'
import { readPath } from './path.ts'
import { entryOfItem, isMap, plainEntry, plainRoot, valueOfPlain } from './plain.ts'

/** How an entry is kept: in a `Y.Map`, as one hot value, or as a value with what was added to it. */
export type EntryLayout = 'plain' | 'hot' | 'counter' | 'list'

export interface EntryInfo {
  readonly value: unknown
  /** Who wrote it last, and under which clock. Of a counter or list: who added last. */
  readonly writer: number
  readonly clock: number
  readonly layout: EntryLayout
  /** When, in Unix milliseconds of the writer's clock. A plain entry does not say. */
  readonly stampMs?: number
}

const NAMES: { readonly [type: string]: string } = { bigint: 'a bigint', bytes: 'bytes' }

/** What is seen under a key; undefined where there is nothing. */
export const viewEntry = (doc: Y.Doc, map: string, key: string): View | undefined => {
  plainRoot(doc, map)
  const plain = plainEntry(doc, map, key)
  const cell = hotOf(doc).cellOf(map, key)
  if (!cell) return plain && { plain, hot: undefined, parts: [], items: [] }
  const view = cell.view(plain)
  return isSeen(view) ? view : undefined
}

export const layoutOf = ({ hot, parts, items }: View): EntryLayout => {
  if (items.length > 0) return 'list'
  if (parts.length > 0) return 'counter'
  return hot ? 'hot' : 'plain'
}

/** The hot element that was written last, of those that are seen. */
export const latestOf = ({ hot, parts, items }: View): HotElement | undefined => {
  let latest: HotElement | undefined = items.at(-1) ?? hot
  for (const part of parts) {
    if (!latest || compareElements(part, latest) > 0) latest = part
  }
  return latest
}

/** The value; undefined where there is none. */
export const readEntry = (doc: Y.Doc, map: string, key: string): unknown => {
  const cell = hotOf(doc).cellOf(map, key)
  if (!cell) return valueOfPlain(entryOfItem(plainRoot(doc, map)?._map.get(key)))
  const view = viewEntry(doc, map, key)
  return view && valueOfView(view)
}

export const hasEntry = (doc: Y.Doc, map: string, key: string): boolean =>
  viewEntry(doc, map, key) !== undefined

/** The value and where it comes from; undefined where there is none. */
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
  }
}

/**
 * The value of a plain entry with what JSON does not tell of it; undefined where what is seen is no
 * plain entry: what is hot is JSON.
 */
export const formOf = (doc: Y.Doc, map: string, key: string): Form | undefined => {
  const view = viewEntry(doc, map, key)
  return view?.plain && layoutOf(view) === 'plain' ? describeForm(view.plain.content) : undefined
}

/**
 * Throws a Failure (invalid_argument) where `next`, which is to replace the value, still has what is
 * shown of something that JSON has no word for: written back it would be text, or null.
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

/** The keys, in no order. */
const seenKeys = (doc: Y.Doc, map: string): string[] => {
  const keys: string[] = []
  const root = plainRoot(doc, map)
  const cells = hotOf(doc).cellsOf(map)
  for (const [key, item] of root?._map ?? []) {
    if (entryOfItem(item) !== undefined && !cells.has(key)) keys.push(key)
  }
  for (const [key, cell] of cells) {
    if (isSeen(cell.view(entryOfItem(root?._map.get(key))))) keys.push(key)
  }
  return keys
}

/** The keys, sorted by UTF-16 units as JavaScript sorts strings. */
export const keysOf = (doc: Y.Doc, map: string): string[] => seenKeys(doc, map).sort()

/** How many keys there are. */
export const sizeOf = (doc: Y.Doc, map: string): number => seenKeys(doc, map).length

/** All entries, sorted by key; safe against any key. */
export const readEntries = (doc: Y.Doc, map: string): Record<string, unknown> =>
  Object.fromEntries(keysOf(doc, map).map((key) => [key, readEntry(doc, map, key)]))

/** The maps there are, with their number of keys, sorted by name. */
export const listMaps = (doc: Y.Doc): { name: string; keys: number }[] => {
  const names = new Set(hotOf(doc).maps)
  for (const [name, root] of doc.share) {
    // A root that only peers have used has no kind yet; one with keys is a map.
    if (root.constructor === Y.Map || root._map.size > 0) names.add(name)
    if (!isMap(root) || !isMapName(name)) names.delete(name)
  }
  return [...names]
    .map((name) => ({ name, keys: sizeOf(doc, name) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}
