/**
 * Some of a map's keys, in order: those with a prefix or of a pattern, page by page. It costs what it
 * returns, not what the map holds: the first selection of a map sorts its keys, and from then on the
 * order follows each change.
 *
 * ```js
 * selectKeys(doc, 'state', { prefix: 'task:', limit: 10 })     // { keys: ['task:1', …], cursor: 'task:17' }
 * selectKeys(doc, 'state', { prefix: 'task:', cursor: 'task:17' })
 * ```
 */
import type * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'
import { invalid } from '../errors.ts'
import { hasEntry, keysInOrder, keysOf } from './entries.ts'
import { Glob } from './glob.ts'
import { watchTransactions } from './hot.ts'
import { plainRoot } from './plain.ts'
import { SortedKeys } from './sorted-keys.ts'

/** Which keys; all if nothing is said. */
export interface Selection {
  /** Keys that begin with this. */
  readonly prefix?: string | undefined
  /** Keys of this pattern: `*` stands for any characters, `?` for one, `\` takes the next as it is. */
  readonly glob?: string | undefined
  /** Keys after this one, as a former answer named it. */
  readonly cursor?: string | undefined
  /** Keys at most. */
  readonly limit?: number | undefined
}

export interface SelectedKeys {
  readonly keys: string[]
  /** What continues behind these keys; absent if they are the last ones. */
  readonly cursor?: string
}

/** The keys of a map in order, kept up. */
const keyIndexes = new WeakMap<Y.Doc, Map<string, SortedKeys>>()

const indexOf = (doc: Y.Doc, map: string): SortedKeys => {
  let indexes = keyIndexes.get(doc)
  if (!indexes) {
    indexes = new Map()
    keyIndexes.set(doc, indexes)
    // Yjs then drops all listeners.
    doc.on('destroy', () => keyIndexes.delete(doc))
  }
  const found = indexes.get(map)
  if (found) return found
  const keys = new SortedKeys(keysOf(doc, map))
  indexes.set(map, keys)
  const follow = (key: string): void => {
    if (hasEntry(doc, map, key)) keys.add(key)
    else keys.delete(key)
  }
  watchTransactions(doc, ({ changed }, touched) => {
    for (const cell of touched) if (cell.map === map) follow(cell.key)
    const root = doc.share.get(map)
    if (!root) return
    for (const [type, subs] of changed) {
      if (!yjsInner.isSameType(type, root)) continue
      for (const sub of subs) if (sub !== null) follow(sub)
    }
  })
  return keys
}

/** Is it the whole map, in one piece? */
const isWhole = ({ prefix, glob, cursor, limit }: Selection): boolean =>
  prefix === undefined && glob === undefined && cursor === undefined && limit === undefined

/**
 * Throws a Failure (invalid_argument) for a prefix and a pattern together, and for a limit that is not
 * a whole number above 0.
 */
export const checkSelection = ({ prefix, glob, limit }: Selection): void => {
  if (prefix !== undefined && glob !== undefined)
    throw invalid('prefix and glob exclude each other', 'give one of them: glob may begin with it')
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0))
    throw invalid(`limit is ${limit}, which is not a whole number above 0`)
}

interface Meant {
  /** What all of them begin with. */
  readonly prefix: string
  readonly matches: (key: string) => boolean
}

/** Which keys a selection means, whatever its cursor and limit. Throws as `checkSelection` does. */
const meantBy = (selection: Selection): Meant => {
  checkSelection(selection)
  const { prefix = '', glob: pattern } = selection
  if (pattern === undefined) return { prefix, matches: (key) => key.startsWith(prefix) }
  const glob = new Glob(pattern)
  return { prefix: glob.prefix, matches: (key) => glob.matches(key) }
}

/** Tells whether a key is meant. Throws as `checkSelection` does. */
export const matcherOf = (selection: Selection): ((key: string) => boolean) =>
  meantBy(selection).matches

/** All keys after the cursor that begin with `prefix`, in order. */
function* candidates(
  doc: Y.Doc,
  map: string,
  prefix: string,
  cursor: string | undefined,
): Generator<string> {
  const isAfter = cursor !== undefined && cursor >= prefix
  // A transaction that is not over has told the index nothing yet.
  if (yjsInner.runningTransaction(doc) !== null) {
    for (const key of keysInOrder(doc, map))
      if (key.startsWith(prefix) && !(isAfter && key <= cursor)) yield key
    return
  }
  const index = indexOf(doc, map)
  for (const key of isAfter ? index.after(cursor) : index.from(prefix)) {
    if (!key.startsWith(prefix)) return
    if (hasEntry(doc, map, key)) yield key
  }
}

/**
 * The selected keys in order; `onMore` is called with the last one if the limit has cut off others.
 * Throws as `checkSelection` does, and as reading the map does.
 */
export const selectedKeys = (
  doc: Y.Doc,
  map: string,
  selection: Selection,
  onMore: (cursor: string) => void = () => undefined,
): Iterable<string> => {
  const { prefix, matches } = meantBy(selection)
  plainRoot(doc, map) // checks the name
  if (isWhole(selection)) return keysInOrder(doc, map)
  const { cursor, limit = Number.POSITIVE_INFINITY } = selection
  return (function* () {
    let count = 0
    let last = ''
    for (const key of candidates(doc, map, prefix, cursor)) {
      if (!matches(key)) continue
      if (count === limit) return onMore(last)
      count++
      last = key
      yield key
    }
  })()
}

/** The selected keys. Throws as `selectedKeys` does. */
export const selectKeys = (doc: Y.Doc, map: string, selection: Selection): SelectedKeys => {
  if (isWhole(selection)) return { keys: keysOf(doc, map) }
  let more: string | undefined
  const onMore = (cursor: string): void => {
    more = cursor
  }
  const keys = [...selectedKeys(doc, map, selection, onMore)]
  return { keys, ...(more !== undefined && { cursor: more }) }
}
