/**
 * What the document still knows about the history of an entry. A `Y.Map` keeps who overwrote a
 * value, but not the value; a hot key keeps only what still counts. A document without garbage
 * collection (`gc: false`) keeps everything.
 *
 * ```js
 * historyOf(doc, 'state', 'k')   // [{ writer: 7, clock: 12, current: true, kind: 'set', value: 1 }, …]
 * ```
 */
import * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'
import type { View } from './cell.ts'
import { viewEntry } from './entries.ts'
import { hotOf } from './hot.ts'
import {
  compareElements,
  decodeElement,
  type HotElement,
  type HotMark,
  type HotPart,
} from './hot-element.ts'
import type { HotIndex } from './hot-index.ts'
import { msOfStamp } from './hybrid-clock.ts'
import { jsonForm } from './json-form.ts'
import { isShownKey } from './names.ts'
import { plainItem } from './plain.ts'

export interface Version {
  readonly writer: number
  readonly clock: number
  /** Is it part of the visible value? */
  readonly current: boolean
  readonly kind: 'set' | 'increment' | 'append'
  /** The value that was set, the sum of this writer's increments, or the item; absent if it is forgotten. */
  readonly value?: unknown
  /** For an increment: this writer's sum before it. Absent if that was nothing, or is forgotten. */
  readonly before?: number
  /** Unix milliseconds of the writer's clock; absent for a plain entry. */
  readonly at?: number
  /** Consecutive versions of one writer of which only the number is known; absent: one. */
  readonly count?: number
}

/** A mark of when an entry ends is no version of it. */
type Written = Exclude<HotElement, HotMark>

const KINDS = { v: 'set', '+': 'increment', '>': 'append' } as const

const isCurrent = ({ hot, parts, items }: View, { client, clock }: HotElement): boolean =>
  [hot, ...parts, ...items].some((used) => used?.client === client && used.clock === clock)

/** The elements of a key, including deleted ones whose content is still there. */
function* elementsOf(index: HotIndex, map: string, key: string): Generator<Written> {
  for (const array of index.arrays()) {
    for (const item of yjsInner.items(array)) {
      if (!(item.content instanceof Y.ContentAny)) continue
      const { client, clock } = item.id
      for (const [i, content] of item.content.arr.entries()) {
        const element = decodeElement(client, clock + i, content)
        if (element?.map === map && element.key === key && element.kind !== 'x') yield element
      }
    }
  }
}

/** The part that each part has replaced, if the document still has it. */
const partsBefore = (elements: readonly HotElement[]): ReadonlyMap<HotElement, HotPart> => {
  const before = new Map<HotElement, HotPart>()
  /** By writer and base. */
  const last = new Map<string, HotPart>()
  for (const element of elements.toSorted((a, b) => a.clock - b.clock)) {
    if (element.kind !== '+') continue
    const id = `${element.client} ${element.base}`
    const replaced = last.get(id)
    if (replaced) before.set(element, replaced)
    last.set(id, element)
  }
  return before
}

const hotVersion = (
  element: Written,
  view: View | undefined,
  before: HotPart | undefined,
): Version => ({
  writer: element.client,
  clock: element.clock,
  current: view !== undefined && isCurrent(view, element),
  kind: KINDS[element.kind],
  value: element.value,
  ...(before && { before: before.value }),
  at: msOfStamp(element.stamp),
})

/** Deleted shared types are empty, and collected content is gone. */
const valueOfItem = ({ content, deleted, length }: Y.Item): { value?: unknown } => {
  if (content instanceof Y.ContentDeleted || (deleted && content instanceof Y.ContentType))
    return {}
  return { value: jsonForm(content.getContent()[length - 1]) }
}

/**
 * The versions of an entry, as far as the document knows them, newest first: hot ones by stamp,
 * then plain ones in the order in which they replaced each other. Visits all hot elements.
 */
export const historyOf = (doc: Y.Doc, map: string, key: string): Version[] => {
  if (!isShownKey(key)) return []
  const view = viewEntry(doc, map, key)
  const elements = [...elementsOf(hotOf(doc), map, key)]
  const before = partsBefore(elements)
  const versions = elements
    .toSorted((a, b) => compareElements(b, a))
    .map((element) => hotVersion(element, view, before.get(element)))
  const isAdded = view !== undefined && view.hot === undefined
  const first = plainItem(doc, map, key) ?? null
  for (let item = first; item !== null; item = item.left) {
    versions.push({
      writer: item.id.client,
      clock: item.id.clock + item.length - 1,
      current: isAdded && !item.deleted,
      kind: 'set',
      ...valueOfItem(item),
      ...(item.length > 1 && { count: item.length }),
    })
  }
  return versions
}
