/**
 * What hot entries must follow when a writer's elements are given to another id (see
 * `crdt/rename.ts`): elements name values by the ids that these had, each writer has an array of its
 * own name, and each part of a counter holds all that its writer has added.
 *
 * ```ts
 * const shared = partsOf(doc, writer)          // before the two went apart
 * replica.rename(clock, to, () => followRename(doc, writer, clock, to))
 * subtractShared(doc, shared, writer)
 * ```
 */
import * as Y from 'yjs'
import { isSeen } from './cell.ts'
import { viewEntry } from './entries.ts'
import { hotOf, watchTransactions } from './hot.ts'
import type { HotPart, Id } from './hot-element.ts'
import { forgetTail } from './hot-writer.ts'
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

/** Both have what they had added together: takes it off ours. Returns whether that was so. */
const subtract = (doc: Y.Doc, { map, key, value, base }: HotPart, writer: number): boolean => {
  const view = viewEntry(doc, map, key)
  if (!view || !isSeen(view)) return false
  const isOf = (client: number) => (part: HotPart) =>
    part.client === client && isSameBase(part.base, base)
  if (!view.parts.some(isOf(writer)) || !view.parts.some(isOf(doc.clientID))) return false
  incrementEntry(doc, map, key, -value)
  return true
}

/**
 * `writer` is another now, and the document's own writer was the same when `shared` were its parts.
 * As soon as a part of that other is seen beside ours, what both hold is taken off ours.
 */
export const subtractShared = (doc: Y.Doc, shared: readonly HotPart[], writer: number): void => {
  let left = shared.filter(({ value }) => value !== 0)
  if (left.length === 0) return
  const look = (): void => {
    if (!doc.isDestroyed) left = left.filter((part) => !subtract(doc, part, writer))
    if (left.length === 0) stop()
  }
  const stop = watchTransactions(doc, (_, touched) => {
    const isTouched = ({ map, key }: HotPart): boolean =>
      [...touched].some((cell) => cell.map === map && cell.key === key)
    if (left.some(isTouched)) queueMicrotask(look)
  })
  look()
}
