/**
 * The writing side of `restoreEntries`: writes values, counters and lists in one transaction, with
 * neighbours of one layout together.
 *
 * ```ts
 * const restoring = new Restoring(doc, 'state', transaction)
 * restoring.setList('log', ['started'])
 * restoring.append('log', ['done'])
 * restoring.flush()
 * ```
 */
import type * as Y from 'yjs'
import type { View } from './cell.ts'
import { viewEntry } from './entries.ts'
import { hotOf } from './hot.ts'
import type { HotIndex } from './hot-index.ts'
import { appendElements, deleteElements } from './hot-writer.ts'
import { makePlainRoot } from './plain.ts'
import { type RawValue, setShared } from './raw-value.ts'
import { baseOf, elementsOf, replaceHot, replacePlain, stampAfter } from './write.ts'

export class Restoring {
  readonly #doc: Y.Doc
  readonly #map: string
  readonly #transaction: Y.Transaction
  readonly #index: HotIndex
  /** Values that are collected, to be written together. */
  readonly #plain = new Map<string, unknown>()
  readonly #hot = new Map<string, unknown>()

  constructor(doc: Y.Doc, map: string, transaction: Y.Transaction) {
    this.#doc = doc
    this.#map = map
    this.#transaction = transaction
    this.#index = hotOf(doc)
  }

  /** Is the visible value a list to which items can be appended? */
  static canAppend(view: View | undefined): boolean {
    return view !== undefined && (view.items.length > 0 || Array.isArray(baseOf(view).value))
  }

  set(key: string, value: unknown, isHot: boolean): void {
    this.#settle(key)
    ;(isHot ? this.#hot : this.#plain).set(key, value)
  }

  /** A value that is too deep becomes shared types. */
  setDeep(key: string, raw: RawValue): void {
    this.flush()
    deleteElements(this.#index, this.#transaction, elementsOf(this.#index.cellOf(this.#map, key)))
    setShared(makePlainRoot(this.#doc, this.#map), key, raw)
  }

  /** Starts at 0, so that of two concurrent restores one counts, and not their sum. */
  setCounter(key: string, value: number): void {
    this.#begin(key, 0)
    const { id: base } = baseOf(viewEntry(this.#doc, this.#map, key))
    const stamp = this.#index.clock.next()
    const part = { map: this.#map, key, stamp, kind: '+', value, base } as const
    appendElements(this.#index, this.#transaction, [part])
  }

  setList(key: string, items: readonly unknown[]): void {
    this.#begin(key, [])
    this.append(key, items)
  }

  /** Appends to the visible list; check `canAppend` first. */
  append(key: string, items: readonly unknown[]): void {
    this.flush()
    if (items.length === 0) return
    const view = viewEntry(this.#doc, this.#map, key)
    const { id: base } = baseOf(view)
    let stamp = stampAfter(this.#index, view) - 1
    const elements = items.map((value) => {
      stamp = Math.max(this.#index.clock.next(), stamp + 1)
      return { map: this.#map, key, stamp, kind: '>', value, base } as const
    })
    appendElements(this.#index, this.#transaction, elements)
  }

  /** Writes the collected values. */
  flush(): void {
    if (this.#hot.size > 0) replaceHot(this.#index, this.#transaction, this.#map, this.#hot)
    for (const [key, value] of this.#plain)
      replacePlain(this.#index, this.#transaction, this.#map, key, value)
    this.#hot.clear()
    this.#plain.clear()
  }

  /** Writes the value that parts or items then add to. */
  #begin(key: string, value: unknown): void {
    this.flush()
    replaceHot(this.#index, this.#transaction, this.#map, new Map([[key, value]]))
  }

  /** A collected value of that key must be written before its next one. */
  #settle(key: string): void {
    if (this.#hot.has(key) || this.#plain.has(key)) this.flush()
  }
}
