/**
 * All hot elements of one key, and the view of them: which value won, which parts or items add to it,
 * and when it ends.
 *
 * A value whose stamp is too far ahead of this document's clock loses against every other one until
 * its time has come. Replicas whose clocks differ may then show different values, but no longer than
 * their clocks differ: a value counts as lost for good (see `sweep.ts`) only if it loses by its stamp
 * alone, which is the same everywhere.
 *
 * ```js
 * const { value, parts, items } = cell.view(plain)
 * ```
 */
import {
  compareElements,
  type HotElement,
  type HotItem,
  type HotMark,
  type HotPart,
  type HotValue,
} from './hot-element.ts'
import { type PlainEntry, valueOfPlain } from './plain.ts'
import { sumOf } from './sum.ts'

/** The visible content of a key. Without a value, parts and items there is no entry. */
export interface View {
  readonly plain: PlainEntry | undefined
  /** The value that won; it takes precedence over the plain one. */
  readonly hot: HotValue | undefined
  /** The amounts that add to a number (or to nothing), one per writer. Empty if there are items. */
  readonly parts: readonly HotPart[]
  /** The items that follow an array (or nothing), in order. The array grows while the rest of the view is unchanged. */
  readonly items: readonly HotItem[]
  /** The latest mark of when all of this ends; absent: never. */
  readonly end?: HotMark | undefined
}

/** One increment of a counter, or several that arrived as one. */
export interface Step {
  readonly part: HotPart
  /** Everything that the same writer had added to the same value before; undefined: nothing. */
  readonly before: number | undefined
}

const NOTHING: readonly never[] = []

export class Cell {
  readonly map: string
  readonly key: string
  /** The only element, as most keys have it, or a set of them: a set alone takes 200 bytes. */
  #elements: HotElement | Set<HotElement> | undefined
  readonly #horizon: () => number
  /** Cached for one plain entry. */
  #view: View | undefined
  /** The lowest stamp of a value that would take precedence if its time had come. */
  #due = Number.POSITIVE_INFINITY
  /** Values and parts added, and parts removed, since `settle`; most keys have none. */
  #added: (HotValue | HotPart)[] | undefined
  #removed: HotPart[] | undefined

  /** Stamps beyond `horizon` are too far ahead. */
  constructor(map: string, key: string, horizon: () => number) {
    this.map = map
    this.key = key
    this.#horizon = horizon
  }

  get elements(): Iterable<HotElement> {
    const elements = this.#elements
    if (elements === undefined) return NOTHING
    return elements instanceof Set ? elements : [elements]
  }

  get size(): number {
    const elements = this.#elements
    if (elements === undefined) return 0
    return elements instanceof Set ? elements.size : 1
  }

  /** Is there one value and nothing else? Then it is what the key shows. */
  get isOneValue(): boolean {
    const elements = this.#elements
    return elements !== undefined && !(elements instanceof Set) && elements.kind === 'v'
  }

  add(element: HotElement): void {
    const elements = this.#elements
    if (elements === undefined) this.#elements = element
    else if (elements instanceof Set) elements.add(element)
    else if (elements !== element) this.#elements = new Set([elements, element])
    if (element.kind === 'v' || element.kind === '+') {
      // An array that grows from none has room for 17.
      if (this.#added) this.#added.push(element)
      else this.#added = [element]
    }
    if (!this.#view || !isNextItem(element, this.#view)) this.#view = undefined
    // A list nearly always grows at its end: sorting it again would cost its whole length each time.
    else (this.#view.items as HotItem[]).push(element)
  }

  remove(element: HotElement): void {
    const elements = this.#elements
    if (elements instanceof Set) elements.delete(element)
    else if (elements === element) this.#elements = undefined
    if (element.kind === '+') {
      this.#removed ??= []
      this.#removed.push(element)
    }
    this.#view = undefined
  }

  /** Has the visible value been added since `settle`? */
  get hasNewValue(): boolean {
    const hot = this.#view?.hot
    return hot !== undefined && (this.#added?.includes(hot) ?? false)
  }

  /**
   * The increments of the visible value since `settle`, in the order of their stamps. Increments of
   * one writer that arrived as one are one step.
   */
  steps(view: View): Step[] {
    const { hot, plain, parts } = view
    if (parts.length === 0 || this.#added === undefined) return []
    const isHere = (element: HotElement): element is HotPart =>
      element.kind === '+' && addsTo(element, hot ?? plain)
    const added = this.#added.filter(isHere).sort(compareElements)
    const all = [...this.elements, ...(this.#removed ?? [])].filter(isHere)
    return added.map((part) => {
      let before: HotPart | undefined
      for (const other of all) {
        if (other.client !== part.client || other.clock >= part.clock) continue
        if (!before || before.clock < other.clock) before = other
      }
      return { part, before: before?.value }
    })
  }

  /** Ends a transaction: its additions and removals are no longer new. */
  settle(): void {
    this.#added = undefined
    this.#removed = undefined
  }

  /** The visible content, given the plain entry of the same key. */
  view(plain: PlainEntry | undefined): View {
    const known = this.#view
    if (
      known &&
      known.plain?.clock === plain?.clock &&
      known.plain?.client === plain?.client &&
      !(this.#due < Number.POSITIVE_INFINITY && this.#due <= this.#horizon())
    ) {
      return known
    }
    const hot = valueBelow(this.elements, Number.POSITIVE_INFINITY)
    const horizon = hot ? this.#horizon() : 0
    const present = hot && hot.stamp > horizon ? valueBelow(this.elements, horizon) : undefined
    this.#due = present ? dueOf(this.elements, horizon) : Number.POSITIVE_INFINITY
    this.#view = viewOf(this, plain, present ?? hot)
    return this.#view
  }

  /** The same if the time of all values had come: what will be visible at last. */
  lastView(plain: PlainEntry | undefined): View {
    const view = this.view(plain)
    if (this.#due === Number.POSITIVE_INFINITY) return view
    return viewOf(this, plain, valueBelow(this.elements, Number.POSITIVE_INFINITY))
  }

  /** Call it when the clock was replaced. */
  forgetTime(): void {
    this.#view = undefined
  }
}

/** Does it add to the visible value? */
const addsTo = (
  { base: of }: HotPart | HotItem | HotMark,
  base: HotValue | PlainEntry | undefined,
): boolean =>
  of === undefined ? base === undefined : of[0] === base?.client && of[1] === base.clock

const isNextItem = (element: HotElement, { hot, plain, items }: View): element is HotItem => {
  const last = items.at(-1)
  return (
    element.kind === '>' &&
    last !== undefined &&
    addsTo(element, hot ?? plain) &&
    compareElements(element, last) > 0
  )
}

/** The highest value whose stamp is not beyond `horizon`. */
const valueBelow = (elements: Iterable<HotElement>, horizon: number): HotValue | undefined => {
  let hot: HotValue | undefined
  for (const element of elements) {
    if (element.kind !== 'v' || element.stamp > horizon) continue
    if (!hot || compareElements(element, hot) > 0) hot = element
  }
  return hot
}

/** The lowest stamp of a value beyond `horizon`. */
const dueOf = (elements: Iterable<HotElement>, horizon: number): number => {
  let due = Number.POSITIVE_INFINITY
  for (const { kind, stamp } of elements) {
    if (kind === 'v' && stamp > horizon && stamp < due) due = stamp
  }
  return due
}

const viewOf = (
  { elements, size }: Cell,
  plain: PlainEntry | undefined,
  hot: HotValue | undefined,
): View => {
  if (hot && size === 1) return { plain, hot, parts: NOTHING, items: NOTHING }
  const value = hot ? hot.value : valueOfPlain(plain)
  const base = hot ?? plain
  const items: HotItem[] = []
  const parts = new Map<number, HotPart>()
  let mark: HotMark | undefined
  for (const element of elements) {
    if (element.kind === 'v' || !addsTo(element, base)) continue
    if (element.kind === '>') items.push(element)
    else if (element.kind === 'x') {
      if (!mark || compareElements(element, mark) > 0) mark = element
    } else {
      // A writer replaces its part by a later one. If both are present, the older is about to be deleted.
      const other = parts.get(element.client)
      if (!other || other.clock < element.clock) parts.set(element.client, element)
    }
  }
  if (items.length > 0 && (base === undefined || Array.isArray(value))) {
    return { plain, hot, parts: NOTHING, items: items.sort(compareElements), end: mark }
  }
  const isCounter = base === undefined || typeof value === 'number'
  // A mark of nothing does not count.
  const end = base === undefined && parts.size === 0 ? undefined : mark
  return {
    plain,
    hot,
    parts: isCounter ? [...parts.values()].sort((a, b) => a.client - b.client) : NOTHING,
    items: NOTHING,
    end,
  }
}

/** The value with everything that adds to it; undefined if there is no entry. */
export const valueOfView = ({ plain, hot, parts, items }: View): unknown => {
  const value = hot ? hot.value : valueOfPlain(plain)
  if (items.length > 0) {
    const list: unknown[] = Array.isArray(value) ? [...value] : []
    for (const item of items) list.push(item.value)
    return list
  }
  if (parts.length === 0) return value
  // In the same order everywhere, since sums of fractions depend on it.
  return sumOf(
    typeof value === 'number' ? value : 0,
    parts.map((part) => part.value),
  )
}

/** Is there an entry? Cheaper than `valueOfView`. */
export const isSeen = ({ plain, hot, parts, items }: View): boolean =>
  hot !== undefined || plain !== undefined || parts.length > 0 || items.length > 0

/** Has its time ended? Then the map does not show it, though it may still be in the document. */
export const isOver = ({ end }: View, now: () => number): boolean =>
  end !== undefined && end.value <= now()
