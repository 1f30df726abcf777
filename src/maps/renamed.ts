/**
 * Adapts hot entries when some of a writer's structs move to another id (see `crdt/rename.ts`):
 * elements refer to values by the old ids, each writer has an array named after it, and each part
 * of a counter holds the whole sum of its writer.
 *
 * ```ts
 * const shared = partsOf(doc, writer)          // before the two writers diverged
 * replica.rename(clock, to, () => followRename(doc, writer, clock, to))
 * mergeCounts(doc, shared, writer)
 * ```
 */
import * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'
import type { Cell } from './cell.ts'
import { viewEntry } from './entries.ts'
import { hotOf, watchTransactions } from './hot.ts'
import type { HotPart, Id } from './hot-element.ts'
import { deleteElements, forgetTail } from './hot-writer.ts'
import { HOT_ROOT } from './names.ts'
import { incrementEntry } from './write.ts'

/** The index of an element's base in its content. */
const BASE = 5

/** Two arrays of one name would be one key, and one of them would be lost with its content. */
const renameArray = (doc: Y.Doc, writer: number, to: number): void => {
  const root = doc.share.get(HOT_ROOT)
  const item = root && yjsInner.entryItem(root, String(writer))
  if (!item || item.id.client !== to || item.left || item.origin) return
  yjsInner.moveEntryItem(root, item, String(to))
}

/** Call it while the structs of `writer` from `clock` on become those of `to`. */
export const followRename = (doc: Y.Doc, writer: number, clock: number, to: number): void => {
  if (!doc.share.has(HOT_ROOT)) return
  const index = hotOf(doc)
  renameArray(doc, writer, to)
  for (const array of index.arrays()) {
    for (const item of yjsInner.items(array)) {
      if (item.id.client !== to || !(item.content instanceof Y.ContentAny)) continue
      for (const content of item.content.arr as unknown[]) {
        const base = (Array.isArray(content) ? content[BASE] : undefined) as Id | undefined
        if (base?.[0] === writer && base[1] >= clock)
          (content as unknown[])[BASE] = [to, base[1] - clock]
      }
    }
  }
  forgetTail(index)
  index.rebuild()
}

/** The parts of counters that this writer has written. */
export const partsOf = (doc: Y.Doc, writer: number): HotPart[] => {
  // Reading it would attach listeners to the document.
  if (!doc.share.has(HOT_ROOT)) return []
  const index = hotOf(doc)
  const parts: HotPart[] = []
  for (const map of index.maps) {
    for (const cell of index.cellsOf(map).values()) {
      for (const element of cell.elements)
        if (element.kind === '+' && element.client === writer) parts.push(element)
    }
  }
  return parts
}

const isSameBase = (a: Id | undefined, b: Id | undefined): boolean =>
  a?.[0] === b?.[0] && a?.[1] === b?.[1]

/** A counter of which another writer's part may include what ours includes. */
interface Shared {
  readonly map: string
  readonly key: string
  readonly base: Id | undefined
  /** The sum from before the two writers diverged. */
  readonly before: number
  /** Our part as it was renamed: a peer may bring it back under the old id. */
  readonly renamed: HotPart | undefined
}

/** Subtracts from our part what the other writer's includes as well. Returns whether that was there. */
const subtract = (doc: Y.Doc, shared: Shared, writer: number): boolean => {
  const { map, key, base, before, renamed } = shared
  const parts = viewEntry(doc, map, key)?.parts ?? []
  const isOf = (client: number) => (part: HotPart) =>
    part.client === client && isSameBase(part.base, base)
  const theirs = parts.find(isOf(writer))
  if (!theirs || !parts.some(isOf(doc.clientID))) return false
  const both = theirs.stamp === renamed?.stamp ? renamed.value : before
  if (both !== 0) incrementEntry(doc, map, key, -both)
  return true
}

/** Deletes our copies of list items that come back under the old id. */
const removeDuplicates = (doc: Y.Doc, cells: readonly Cell[], writer: number): void => {
  const index = hotOf(doc)
  const duplicates = cells.flatMap(({ elements }) => {
    const items = [...elements].filter(({ kind }) => kind === '>')
    const theirs = new Set(items.filter((one) => one.client === writer).map(({ stamp }) => stamp))
    return items.filter(({ client, stamp }) => client === doc.clientID && theirs.has(stamp))
  })
  if (duplicates.length === 0) return
  doc.transact((transaction) => deleteElements(index, transaction, duplicates))
}

/**
 * Call it after a rename: what was written here as `writer` now belongs to the document's own id,
 * and `writer` is another program. `before` are the counter parts from before the two diverged. As
 * soon as the other's parts are visible, the shared amount is counted once; so is what comes back
 * of our own, if it had reached peers.
 */
export const mergeCounts = (doc: Y.Doc, before: readonly HotPart[], writer: number): void => {
  const renamed = partsOf(doc, doc.clientID)
  if (renamed.length === 0 && !doc.share.has(HOT_ROOT)) return
  let left = renamed.map(({ map, key, base }, i): Shared => {
    const old = before.find(
      (part) => part.map === map && part.key === key && isSameBase(part.base, base),
    )
    return { map, key, base, before: old?.value ?? 0, renamed: renamed[i] }
  })
  const update = (cells: readonly Cell[]): void => {
    if (doc.isDestroyed) return
    left = left.filter((shared) => !subtract(doc, shared, writer))
    removeDuplicates(doc, cells, writer)
  }
  watchTransactions(doc, (_, touched) => {
    const theirs = [...touched].filter(({ elements }) =>
      [...elements].some(({ client }) => client === writer),
    )
    if (theirs.length > 0) queueMicrotask(() => update(theirs))
  })
  update([])
}
