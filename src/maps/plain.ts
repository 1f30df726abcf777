/**
 * Plain entries: those of the root `Y.Map` that is named as the map, which any Yjs program reads
 * and writes. To look at a map does not make it.
 *
 * ```js
 * plainEntry(doc, 'state', 'k')      // { client, clock, content } or undefined
 * ```
 */

import * as Y from 'yjs'
import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { checkDoc } from '../yjs-copy.ts'
import { jsonForm } from './json-form.ts'
import { checkNotReserved } from './names.ts'

/** A value with the Yjs id it was written under. */
export interface PlainEntry {
  readonly client: number
  readonly clock: number
  /** Whatever Yjs can hold: undefined, too, and shared types. */
  readonly content: unknown
}

/** A root type of the document. */
export type Root = NonNullable<ReturnType<Y.Doc['share']['get']>>

/** A root that only peers have used has no kind yet. One with a list in it is no map. */
export const isMap = (root: Root): boolean => {
  const kind = root.constructor
  return kind === Y.Map || (kind === Y.AbstractType && root._start === null)
}

const noMap = (map: string, cause?: unknown) =>
  invalid(`${quote(map)} is a shared type, but not a map`, 'choose the name of another map', cause)

/**
 * The root of that name, if there is one. A Failure (invalid_argument) where it can be no map, or
 * where the document is of another copy of Yjs.
 */
export const plainRoot = (doc: Y.Doc, map: string): Root | undefined => {
  checkDoc(doc)
  checkNotReserved(map)
  const root = doc.share.get(map)
  if (root !== undefined && !isMap(root)) throw noMap(map)
  return root
}

/** The same, made where it is missing. */
export const makePlainRoot = (doc: Y.Doc, map: string): Y.Map<unknown> => {
  const root = plainRoot(doc, map)
  return root instanceof Y.Map ? root : doc.getMap(map)
}

/** The same, and undefined where it can be no map: for names that peers chose. */
const rootOf = (doc: Y.Doc, map: string): Root | undefined => {
  const root = doc.share.get(map)
  return root && isMap(root) ? root : undefined
}

/** The entry that an item is, unless it was deleted. */
export const entryOfItem = (item: Y.Item | undefined): PlainEntry | undefined => {
  if (item === undefined || item.deleted) return undefined
  const content: unknown = item.content.getContent()[item.length - 1]
  return { client: item.id.client, clock: item.id.clock + item.length - 1, content }
}

/** The plain entry of that key. Undefined, too, where the name is no map's. */
export const plainEntry = (doc: Y.Doc, map: string, key: string): PlainEntry | undefined =>
  entryOfItem(rootOf(doc, map)?._map.get(key))

/** The value as it is shown; undefined where there is no entry. */
export const valueOfPlain = (plain: PlainEntry | undefined): unknown =>
  plain && jsonForm(plain.content)
