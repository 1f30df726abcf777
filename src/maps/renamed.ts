/**
 * What hot entries must follow when a writer's elements are given to another id (see
 * `crdt/rename.ts`): elements name values by the ids that these had, each writer has an array of its
 * own name, and each part of a counter holds all that its writer has added.
 *
 * ```ts
 * const shared = partsOf(doc, writer)          // before the two went apart
 * replica.rename(clock, to, () => followRename(doc, writer, clock, to))
 * mergeCounts(doc, shared, writer)
 * ```
 */
import * as Y from 'yjs'
import type { Cell } from './cell.ts'
import { viewEntry } from './entries.ts'
import { hotOf, watchTransactions } from './hot.ts'
import type { HotPart, Id } from './hot-element.ts'
import { deleteElements, forgetTail } from './hot-writer.ts'
import { HOT_ROOT } from './names.ts'
import { incrementEntry } from './write.ts'

/** The place of an element's base in its content. */
const BASE = 5

/** Two of one name would be one key, and one of the arrays lost with all that is in it. */
const renameArray = (doc: Y.Doc, writer: number, to: number): void => {
  const map = doc.share.get(HOT_ROOT)?._map
  const item = map?.get(String(writer))
  if (!map || !item || item.id.client !== to || item.left || item.origin) return
  map.delete(String(writer))
  item.parentSub = String(to)
  map.set(item.parentSub, item)
}

/** To be called while the structs of `writer` from `clock` on become those of `to`. */
export const followRename = (doc: Y.Doc, writer: number, clock: number, to: number): void => {
  if (!doc.share.has(HOT_ROOT)) return
  const index = hotOf(doc)
  renameArray(doc, writer, to)
  for (const array of index.arrays()) {
    for (let item = array._start; item !== null; item = item.right) {
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

/** The parts of counters that are the writer's. */
export const partsOf = (doc: Y.Doc, writer: number): HotPart[] => {
  // To look at it is to listen to the document from then on.
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

/** A counter of which another's part may hold what ours holds. */
interface Shared {
  readonly map: string
  readonly key: string
  readonly base: Id | undefined
  /** What the two had added when they were one. */
  readonly before: number
  /** Our part as it was renamed: another may bring it back under the old id. */
  readonly renamed: HotPart | undefined
}

/** Takes off ours what the other's part holds, too. Returns whether it was there. */
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

/** Items of lists that come back under the old id: ours are taken out. */
const removeEchoes = (doc: Y.Doc, cells: readonly Cell[], writer: number): void => {
  const index = hotOf(doc)
  const echoes = cells.flatMap(({ elements }) => {
    const items = [...elements].filter(({ kind }) => kind === '>')
    const theirs = new Set(items.filter((one) => one.client === writer).map(({ stamp }) => stamp))
    return items.filter(({ client, stamp }) => client === doc.clientID && theirs.has(stamp))
  })
  if (echoes.length === 0) return
  doc.transact((transaction) => deleteElements(index, transaction, echoes))
}

/**
 * What was written here as `writer` is the document's own writer's now, and `writer` is another.
 * `before` are the parts of counters from when they were one. As soon as the other's are seen, what
 * both hold is counted once; and so is what comes back of ours, where peers have been shown it.
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
  const look = (cells: readonly Cell[]): void => {
    if (doc.isDestroyed) return
    left = left.filter((shared) => !subtract(doc, shared, writer))
    removeEchoes(doc, cells, writer)
  }
  watchTransactions(doc, (_, touched) => {
    const theirs = [...touched].filter(({ elements }) =>
      [...elements].some(({ client }) => client === writer),
    )
    if (theirs.length > 0) queueMicrotask(() => look(theirs))
  })
  look([])
}
