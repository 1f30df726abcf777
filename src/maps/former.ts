/**
 * Brings back what a former state of a document had: as new writes, in batches, so that the document
 * goes on from them. What is the same now is left alone.
 *
 * ```ts
 * const { written, deleted } = await restoreFormer(doc, former, { map: 'state', prefix: 'task:' }, pause)
 * ```
 */
import type * as Y from 'yjs'
import { describeEntry, formOf, keysOf, listMaps } from './entries.ts'
import { isSameJson } from './json-value.ts'
import { checkWritable } from './read-only.ts'
import { type RestoredEntry, restoreEntries } from './restore.ts'
import { deleteEntries } from './write.ts'

/**
 * Keys of one transaction. Values may be long, and the agent answers nobody meanwhile. Fewer would
 * make more updates to store and to send.
 */
const MAX_AT_ONCE = 100

export interface FormerOptions {
  /** Only this map. Default: all. */
  readonly map?: string | undefined
  /** Only this key. */
  readonly key?: string | undefined
  /** Only keys that begin so. */
  readonly prefix?: string | undefined
  /** Also delete keys that did not exist then. Default false. */
  readonly exact?: boolean | undefined
  /** Change nothing, and return what would be done. Default false. */
  readonly dryRun?: boolean | undefined
}

export interface FormerKey {
  readonly map: string
  readonly key: string
}

export interface FormerResult {
  readonly written: readonly FormerKey[]
  readonly deleted: readonly FormerKey[]
  /** Of those written: how many held shared types of another program, which became plain values. */
  readonly flattened: number
}

interface Found {
  readonly entry: RestoredEntry
  readonly isFlattened: boolean
}

/** The entry in a form from which it can be restored, whatever its kind. */
const entryOf = (doc: Y.Doc, map: string, key: string): Found | undefined => {
  const form = formOf(doc, map, key)
  if (form) {
    const types = form.types.size > 0 ? { types: Object.fromEntries(form.types) } : {}
    const entry = { key, value: form.value, kind: 'raw', ...types } as const
    return { entry, isFlattened: form.isFlattened }
  }
  const info = describeEntry(doc, map, key)
  if (!info || info.layout === 'plain') return undefined
  return { entry: { key, value: info.value, kind: info.layout }, isFlattened: false }
}

const isSame = (a: Found, b: Found | undefined): boolean =>
  b !== undefined &&
  a.entry.kind === b.entry.kind &&
  isSameJson(a.entry.value, b.entry.value) &&
  isSameJson(a.entry.types ?? {}, b.entry.types ?? {})

const chosenKeys = (doc: Y.Doc, map: string, { key, prefix = '' }: FormerOptions): string[] => {
  const keys = keysOf(doc, map)
  return keys.filter((each) => (key === undefined || each === key) && each.startsWith(prefix))
}

const mapsOf = (former: Y.Doc, doc: Y.Doc, { map, exact }: FormerOptions): string[] => {
  if (map !== undefined) return [map]
  const names = [former, ...(exact ? [doc] : [])].flatMap((each) => listMaps(each))
  return [...new Set(names.map(({ name }) => name))].sort()
}

/** What a batch must write: it may have changed since the keys were listed. */
const changedOf = (former: Y.Doc, doc: Y.Doc, map: string, keys: readonly string[]): Found[] =>
  keys.flatMap((key) => {
    const found = entryOf(former, map, key)
    return found && !isSame(found, entryOf(doc, map, key)) ? [found] : []
  })

/**
 * Resolves when all is written. `pause` is awaited between batches, so that the program can do other
 * things. Each batch of 100 keys is a transaction. Rejects with a Failure if the document is read-only
 * here, and for an entry that cannot be restored; earlier batches remain.
 */
export const restoreFormer = async (
  doc: Y.Doc,
  former: Y.Doc,
  options: FormerOptions,
  pause: () => Promise<void>,
): Promise<FormerResult> => {
  const { exact = false, dryRun = false } = options
  if (!dryRun) checkWritable(doc)
  const written: FormerKey[] = []
  const deleted: FormerKey[] = []
  let flattened = 0
  for (const map of mapsOf(former, doc, options)) {
    const keys = chosenKeys(former, map, options)
    for (let start = 0; start < keys.length; start += MAX_AT_ONCE) {
      const changed = changedOf(former, doc, map, keys.slice(start, start + MAX_AT_ONCE))
      const entries = changed.map(({ entry }) => entry)
      if (!dryRun && entries.length > 0) restoreEntries(doc, map, entries)
      for (const { entry, isFlattened } of changed) {
        written.push({ map, key: entry.key })
        if (isFlattened) flattened++
      }
      await pause()
    }
    if (!exact) continue
    const then = new Set(keys)
    const added = chosenKeys(doc, map, options).filter((key) => !then.has(key))
    for (let start = 0; start < added.length; start += MAX_AT_ONCE) {
      const some = added.slice(start, start + MAX_AT_ONCE)
      if (!dryRun) deleteEntries(doc, map, some)
      for (const key of some) deleted.push({ map, key })
      await pause()
    }
  }
  return { written, deleted, flattened }
}
