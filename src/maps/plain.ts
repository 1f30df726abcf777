/**
 * Plain entries: those of the root `Y.Map` with the name of the map, which any Yjs program reads
 * and writes. Reading a map does not create it.
 *
 * ```js
 * plainEntry(doc, 'state', 'k')      // { client, clock, content } or undefined
 * ```
 */

import * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'
import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { checkDoc } from '../yjs-copy.ts'
import { jsonForm } from './json-form.ts'
import { checkNotReserved } from './names.ts'

/** A value with the Yjs id under which it was written. */
export interface PlainEntry {
  readonly client: number
  readonly clock: number
  /** Anything that Yjs can hold, including undefined and shared types. */
  readonly content: unknown
}

/** A root type of the document. */
export type Root = NonNullable<ReturnType<Y.Doc['share']['get']>>

/**
 * May the root be read as a map? One that only peers have used has no type yet, and may: the items
 * of a list or a text that lie beside its keys, of whatever writer, do not belong to the map. Not
 * so a root that this program uses as another type.
 */
export const isMap = ({ constructor: kind }: Root): boolean =>
  kind === Y.Map || kind === Y.AbstractType

const noMap = (map: string, cause?: unknown) =>
  invalid(`${quote(map)} is a shared type, but not a map`, 'choose the name of another map', cause)

/**
 * The root of that name, if there is one. Throws a Failure (invalid_argument) if it cannot be a
 * map, or if the document belongs to another copy of Yjs.
 */
export const plainRoot = (doc: Y.Doc, map: string): Root | undefined => {
  checkDoc(doc)
  checkNotReserved(map)
  const root = doc.share.get(map)
  if (root !== undefined && !isMap(root)) throw noMap(map)
  return root
}

/** The same, created if it is missing. */
export const makePlainRoot = (doc: Y.Doc, map: string): Y.Map<unknown> => {
  const root = plainRoot(doc, map)
  return root instanceof Y.Map ? root : doc.getMap(map)
}

/** The same, but undefined if it cannot be a map: for names that peers chose. */
const rootOf = (doc: Y.Doc, map: string): Root | undefined => {
  const root = doc.share.get(map)
  return root && isMap(root) ? root : undefined
}

/** The entry of an item, deleted or not. */
export const entryId = (item: Y.Item): PlainEntry => {
  const content: unknown = item.content.getContent()[item.length - 1]
  return { client: item.id.client, clock: item.id.clock + item.length - 1, content }
}

/** The entry of an item, unless it was deleted. */
export const entryOfItem = (item: Y.Item | undefined): PlainEntry | undefined =>
  item === undefined || item.deleted ? undefined : entryId(item)

/** The newest item of that key, deleted or not. Throws as `plainRoot` does. */
export const plainItem = (doc: Y.Doc, map: string, key: string): Y.Item | undefined => {
  const root = plainRoot(doc, map)
  return root && yjsInner.entryItem(root, key)
}

/** The plain entry of that key. Undefined, too, if the name is not that of a map. */
export const plainEntry = (doc: Y.Doc, map: string, key: string): PlainEntry | undefined => {
  const root = rootOf(doc, map)
  return root && entryOfItem(yjsInner.entryItem(root, key))
}

/** The value in its JSON form; undefined if there is no entry. */
export const valueOfPlain = (plain: PlainEntry | undefined): unknown =>
  plain && jsonForm(plain.content)
