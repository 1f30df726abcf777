/**
 * Finds the hot elements of a document by map and key. Built from the document at its first use, it
 * then follows each transaction. Elements are identified by their Yjs ids, because Yjs merges
 * neighbouring items.
 *
 * ```js
 * const index = new HotIndex(doc, Date.now)
 * index.cellOf('state', 'k')?.elements
 * ```
 */
import * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'
import { Cell } from './cell.ts'
import { GoneElements } from './gone.ts'
import { decodeElement, type HotElement } from './hot-element.ts'
import { boundRun, cutRun, MAX_RUN, type RunPlace } from './hot-run.ts'
import { HybridClock, msOfStamp } from './hybrid-clock.ts'
import { HOT_ROOT } from './names.ts'
import type { Root } from './plain.ts'

const NO_CELLS: ReadonlyMap<string, Cell> = new Map()

const setIfMissing = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  const found = map.get(key)
  if (found !== undefined) return found
  const made = make()
  map.set(key, made)
  return made
}

export class HotIndex {
  readonly doc: Y.Doc
  readonly gone = new GoneElements()
  clock: HybridClock
  readonly #maps = new Map<string, Map<string, Cell>>()
  readonly #byId = new Map<number, Map<number, HotElement>>()
  /** Runs that came too long and wait for a transaction to be cut in. */
  #long: RunPlace[] = []
  /** Cells that changed since `takeTouched`. */
  #touched = new Set<Cell>()
  /** Values whose stamps are too far ahead. */
  readonly #ahead = new Set<HotElement>()
  /** Cells with marks, and how many each has. */
  readonly #marks = new Map<Cell, number>()
  readonly #horizon = (): number => this.clock.horizon()

  constructor(doc: Y.Doc, now: () => number) {
    this.doc = doc
    this.clock = new HybridClock(now)
    this.rebuild()
  }

  /** Reads all elements again, after their ids have changed. */
  rebuild(): void {
    this.#maps.clear()
    this.#byId.clear()
    this.#marks.clear()
    this.#long = []
    this.#ahead.clear()
    for (const array of this.arrays()) {
      for (const item of yjsInner.items(array)) this.#addItem(item)
    }
    for (const cell of this.takeTouched()) cell.settle()
  }

  /** Takes the time from another clock. */
  useClock(now: () => number): void {
    this.clock = new HybridClock(now)
    this.#ahead.clear()
    for (const ids of this.#byId.values()) for (const element of ids.values()) this.#see(element)
    for (const cells of this.#maps.values()) for (const cell of cells.values()) cell.forgetTime()
  }

  /**
   * Touches the cells of values whose time has come. Returns the milliseconds until that of the next
   * one; undefined if there is none.
   */
  ripen(): number | undefined {
    const horizon = this.#horizon()
    let next = Number.POSITIVE_INFINITY
    for (const element of this.#ahead) {
      if (element.stamp > horizon) {
        next = Math.min(next, element.stamp)
        continue
      }
      this.#ahead.delete(element)
      this.clock.see(element.stamp)
      const cell = this.cellOf(element.map, element.key)
      if (cell) this.#touched.add(cell)
    }
    return this.#ahead.size > 0 ? msOfStamp(next) - msOfStamp(horizon) : undefined
  }

  /** Have cells changed since `takeTouched`? */
  get hasTouched(): boolean {
    return this.#touched.size > 0
  }

  /** Are there values whose stamps are too far ahead? */
  get hasAhead(): boolean {
    return this.#ahead.size > 0
  }

  #see(element: HotElement): void {
    if (!this.clock.see(element.stamp) && element.kind === 'v') this.#ahead.add(element)
  }

  /** The cells with marks of when their entry ends. */
  get marked(): { readonly size: number; has(cell: Cell): boolean; keys(): Iterable<Cell> } {
    return this.#marks
  }

  /** Reports the cell as changed, though only the time has. */
  touch(cell: Cell): void {
    this.#touched.add(cell)
  }

  /** The names of maps with hot elements. */
  get maps(): Iterable<string> {
    return this.#maps.keys()
  }

  /** The cells of a map, by key; none is empty. */
  cellsOf(map: string): ReadonlyMap<string, Cell> {
    return this.#maps.get(map) ?? NO_CELLS
  }

  cellOf(map: string, key: string): Cell | undefined {
    return this.#maps.get(map)?.get(key)
  }

  /** The arrays that hold the elements, one per writer. */
  *arrays(): Generator<Y.Array<unknown>> {
    const root = this.#root
    if (!root) return
    for (const item of yjsInner.entryItems(root).values()) {
      if (item.deleted || !(item.content instanceof Y.ContentType)) continue
      if (item.content.type instanceof Y.Array) yield item.content.type
    }
  }

  /** Is the item a hot element? */
  holds(item: Y.Item): boolean {
    const root = this.#root
    return root !== undefined && isElementOf(item, root)
  }

  /** The elements that a writer has written, into whatever array. */
  elementsOf(writer: number): Iterable<HotElement> {
    return this.#byId.get(writer)?.values() ?? []
  }

  /** The last element of each writer. */
  *lastIds(): Generator<{ readonly client: number; readonly clock: number }> {
    for (const [client, ids] of this.#byId) {
      let clock = 0
      for (const other of ids.keys()) if (other > clock) clock = other
      yield { client, clock }
    }
  }

  /** Ignores a known element. */
  add(element: HotElement): void {
    const { client, clock, map, key } = element
    const ids = setIfMissing(this.#byId, client, () => new Map<number, HotElement>())
    if (ids.has(clock)) return
    ids.set(clock, element)
    const cells = setIfMissing(this.#maps, map, () => new Map<string, Cell>())
    const cell = setIfMissing(cells, key, () => new Cell(map, key, this.#horizon))
    cell.add(element)
    if (element.kind === 'x') this.#marks.set(cell, (this.#marks.get(cell) ?? 0) + 1)
    this.#touched.add(cell)
    this.#see(element)
  }

  remove(element: HotElement): void {
    const { client, clock, map, key } = element
    const ids = this.#byId.get(client)
    if (!ids?.delete(clock)) return
    this.#ahead.delete(element)
    this.gone.add(element)
    if (ids.size === 0) this.#byId.delete(client)
    const cells = this.#maps.get(map)
    const cell = cells?.get(key)
    if (!cells || !cell) return
    cell.remove(element)
    if (element.kind === 'x') this.#unmark(cell)
    this.#touched.add(cell)
    if (cell.size > 0) return
    cells.delete(key)
    if (cells.size === 0) this.#maps.delete(map)
  }

  #unmark(cell: Cell): void {
    const left = (this.#marks.get(cell) ?? 0) - 1
    if (left > 0) this.#marks.set(cell, left)
    else this.#marks.delete(cell)
  }

  /** The cells that changed since the last call. One that has become empty is no longer in the index. */
  takeTouched(): ReadonlySet<Cell> {
    const touched = this.#touched
    if (touched.size > 0) this.#touched = new Set()
    return touched
  }

  /**
   * Applies a transaction, finished or not. Ignores known elements, so it may be called again.
   * Costs nothing if the transaction changed no hot element.
   */
  absorb(transaction: Y.Transaction): void {
    const root = this.#root
    if (!root || !isTouching(transaction, root)) return
    for (const client of yjsInner.writers(this.doc)) {
      const structs = yjsInner.storedStructs(this.doc, client)!
      const before = transaction.beforeState.get(client) ?? 0
      const last = structs.at(-1)
      if (!last || last.id.clock + last.length <= before) continue
      for (let i = Y.findIndexSS(structs, before); i < structs.length; i++) {
        const struct = structs[i]
        if (struct instanceof Y.Item && isElementOf(struct, root)) this.#addItem(struct)
      }
    }
    for (const [client, runs] of transaction.deleteSet.clients) {
      for (const { clock, len } of runs) this.#removeRun(client, clock, clock + len)
    }
    if (this.#long.length === 0) return
    for (const run of this.#long) cutRun(transaction, run)
    this.#long = []
  }

  get #root(): Root | undefined {
    return this.doc.share.get(HOT_ROOT)
  }

  #addItem(item: Y.Item): void {
    if (item.deleted || !(item.content instanceof Y.ContentAny)) return
    const { client, clock } = item.id
    const { length } = item
    boundRun(item, item.content)
    if (length > MAX_RUN) this.#long.push({ client, clock, length })
    item.content.arr.forEach((content, i) => {
      const element = decodeElement(client, clock + i, content)
      if (element) this.add(element)
    })
  }

  /** A run may be much longer than the number of the writer's elements. */
  #removeRun(client: number, from: number, to: number): void {
    const ids = this.#byId.get(client)
    if (!ids) return
    const found: HotElement[] = []
    if (to - from <= ids.size) {
      for (let clock = from; clock < to; clock++) {
        const element = ids.get(clock)
        if (element) found.push(element)
      }
    } else {
      for (const [clock, element] of ids) if (clock >= from && clock < to) found.push(element)
    }
    for (const element of found) this.remove(element)
  }
}

/** Is it in an array directly below the root? */
const isElementOf = ({ parent }: Y.Item, root: Root): boolean =>
  parent instanceof Y.Array && yjsInner.holderOf(parent)?.parent === root

const isTouching = ({ changed }: Y.Transaction, root: Root): boolean => {
  for (const type of changed.keys()) {
    if (yjsInner.isSameType(type, root) || yjsInner.holderOf(type)?.parent === root) return true
  }
  return false
}
