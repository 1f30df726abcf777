/**
 * The writing side of `restoreEntries`: puts values, counters and lists under keys, in one
 * transaction, and neighbours of one layout together.
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
import { latestOf, viewEntry } from './entries.ts'
import { hotOf } from './hot.ts'
import type { HotIndex } from './hot-index.ts'
import { appendElements, deleteElements } from './hot-writer.ts'
import { makePlainRoot } from './plain.ts'
import { type RawValue, setShared } from './raw-value.ts'
import { baseOf, elementsOf, replaceHot } from './write.ts'

export class Restoring {
  readonly #doc: Y.Doc
  readonly #map: string
  readonly #transaction: Y.Transaction
  readonly #index: HotIndex
  /** Values that wait for others, to be written with them. */
  readonly #plain = new Map<string, unknown>()
  readonly #hot = new Map<string, unknown>()

  constructor(doc: Y.Doc, map: string, transaction: Y.Transaction) {
    this.#doc = doc
    this.#map = map
    this.#transaction = transaction
    this.#index = hotOf(doc)
  }

  /** Is what is seen a list, to whose end items may be added? */
  static canAppend(view: View | undefined): boolean {
    return view !== undefined && (view.items.length > 0 || Array.isArray(baseOf(view).value))
  }

  set(key: string, value: unknown, isHot: boolean): void {
    this.#settle(key)
    ;(isHot ? this.#hot : this.#plain).set(key, value)
  }

  /** A value that is too deep for one becomes shared types. */
  setDeep(key: string, raw: RawValue): void {
    this.flush()
    deleteElements(this.#index, this.#transaction, elementsOf(this.#index.cellOf(this.#map, key)))
    setShared(makePlainRoot(this.#doc, this.#map), key, raw)
  }

  /** From 0 on, so that of two that restore it at once one counts, and not their sum. */
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

  /** To the end of what is seen, which `canAppend`. */
  append(key: string, items: readonly unknown[]): void {
    this.flush()
    if (items.length === 0) return
    const view = viewEntry(this.#doc, this.#map, key)
    const { id: base } = baseOf(view)
    let stamp = (view && latestOf(view)?.stamp) ?? 0
    const elements = items.map((value) => {
      stamp = Math.min(Math.max(this.#index.clock.next(), stamp + 1), Number.MAX_SAFE_INTEGER)
      return { map: this.#map, key, stamp, kind: '>', value, base } as const
    })
    appendElements(this.#index, this.#transaction, elements)
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#hot.size > 0) replaceHot(this.#index, this.#transaction, this.#map, this.#hot)
    for (const [key, value] of this.#plain) makePlainRoot(this.#doc, this.#map).set(key, value)
    this.#hot.clear()
    this.#plain.clear()
  }

  /** A value that is then added to. */
  #begin(key: string, value: unknown): void {
    this.flush()
    replaceHot(this.#index, this.#transaction, this.#map, new Map([[key, value]]))
  }

  /** What waits for that key comes before what is written of it next. */
  #settle(key: string): void {
    if (this.#hot.has(key) || this.#plain.has(key)) this.flush()
  }
}
