/**
 * All hot elements of one key, and what is seen of them: which value won, and which parts or
 * items add to it.
 *
 * ```js
 * const { value, parts, items } = cell.view(plain)
 * ```
 */
import {
  compareElements,
  type HotElement,
  type HotItem,
  type HotPart,
  type HotValue,
} from './hot-element.ts'
import { type PlainEntry, valueOfPlain } from './plain.ts'

/** What is seen under a key. Without a value, parts and items there is nothing. */
export interface View {
  readonly plain: PlainEntry | undefined
  /** The value that won; it goes before the plain one. */
  readonly hot: HotValue | undefined
  /** What adds to a number (or to nothing), by writer. Empty where there are items. */
  readonly parts: readonly HotPart[]
  /** What follows an array (or nothing), in order. Grows while the view is the same. */
  readonly items: readonly HotItem[]
}

/** One time that a counter was added to, as far as it came to be known by itself. */
export interface Step {
  readonly part: HotPart
  /** All that the same writer had added to the same value before; undefined: nothing. */
  readonly before: number | undefined
}

const NOTHING: readonly never[] = []

export class Cell {
  readonly map: string
  readonly key: string
  readonly elements = new Set<HotElement>()
  /** Made when it is asked for, of that plain entry's id. */
  #view: View | undefined
  /** Values and parts that came, and parts that went, since `settle`; of most keys there are none. */
  #came: (HotValue | HotPart)[] | undefined
  #went: HotPart[] | undefined

  constructor(map: string, key: string) {
    this.map = map
    this.key = key
  }

  add(element: HotElement): void {
    this.elements.add(element)
    if (element.kind !== '>') {
      this.#came ??= []
      this.#came.push(element)
    }
    if (!this.#view || !isNextItem(element, this.#view)) this.#view = undefined
    // A list grows at its end nearly always: to sort it all again would cost its length each time.
    else (this.#view.items as HotItem[]).push(element)
  }

  remove(element: HotElement): void {
    this.elements.delete(element)
    if (element.kind === '+') {
      this.#went ??= []
      this.#went.push(element)
    }
    this.#view = undefined
  }

  /** Is the value that is seen one that came since `settle`? */
  get hasNewValue(): boolean {
    const hot = this.#view?.hot
    return hot !== undefined && (this.#came?.includes(hot) ?? false)
  }

  /**
   * What was added, since `settle`, to the value that is seen now; in the order of the stamps. A
   * writer's steps that came as one are one.
   */
  steps(view: View): Step[] {
    const { hot, plain, parts } = view
    if (parts.length === 0 || this.#came === undefined) return []
    const isHere = (element: HotElement): element is HotPart =>
      element.kind === '+' && addsTo(element, hot ?? plain)
    const came = this.#came.filter(isHere).sort(compareElements)
    const all = [...this.elements, ...(this.#went ?? [])].filter(isHere)
    return came.map((part) => {
      let before: HotPart | undefined
      for (const other of all) {
        if (other.client !== part.client || other.clock >= part.clock) continue
        if (!before || before.clock < other.clock) before = other
      }
      return { part, before: before?.value }
    })
  }

  /** What came and went is known by now. */
  settle(): void {
    this.#came = undefined
    this.#went = undefined
  }

  /** What is seen where `plain` is the plain entry of that key. */
  view(plain: PlainEntry | undefined): View {
    const known = this.#view
    if (known && known.plain?.clock === plain?.clock && known.plain?.client === plain?.client) {
      return known
    }
    this.#view = viewOf(this.elements, plain)
    return this.#view
  }
}

/** Does it add to the value that is seen? */
const addsTo = (
  { base: of }: HotPart | HotItem,
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

const viewOf = (elements: ReadonlySet<HotElement>, plain: PlainEntry | undefined): View => {
  let hot: HotValue | undefined
  for (const element of elements) {
    if (element.kind === 'v' && (!hot || compareElements(element, hot) > 0)) hot = element
  }
  if (hot && elements.size === 1) return { plain, hot, parts: NOTHING, items: NOTHING }
  const value = hot ? hot.value : valueOfPlain(plain)
  const base = hot ?? plain
  const items: HotItem[] = []
  const parts = new Map<number, HotPart>()
  for (const element of elements) {
    if (element.kind === 'v' || !addsTo(element, base)) continue
    if (element.kind === '>') items.push(element)
    else {
      // Its writer replaces a part by a later one. Where both are here the older is on its way out.
      const other = parts.get(element.client)
      if (!other || other.clock < element.clock) parts.set(element.client, element)
    }
  }
  if (items.length > 0 && (base === undefined || Array.isArray(value))) {
    return { plain, hot, parts: NOTHING, items: items.sort(compareElements) }
  }
  const isCounter = base === undefined || typeof value === 'number'
  return {
    plain,
    hot,
    parts: isCounter ? [...parts.values()].sort((a, b) => a.client - b.client) : NOTHING,
    items: NOTHING,
  }
}

/** The value with all that adds to it; undefined where there is nothing. */
export const valueOfView = ({ plain, hot, parts, items }: View): unknown => {
  const value = hot ? hot.value : valueOfPlain(plain)
  if (items.length > 0) {
    const list: unknown[] = Array.isArray(value) ? [...value] : []
    for (const item of items) list.push(item.value)
    return list
  }
  if (parts.length === 0) return value
  // In the same order everywhere: sums of fractions depend on it.
  return parts.reduce((sum, part) => sum + part.value, typeof value === 'number' ? value : 0)
}

/** Whether there is a value, without making it. */
export const isSeen = ({ plain, hot, parts, items }: View): boolean =>
  hot !== undefined || plain !== undefined || parts.length > 0 || items.length > 0
