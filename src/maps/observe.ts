/**
 * Observing a map: after each transaction, what is seen under the keys that it touched is
 * compared with what was seen before. So a change is told once however it came about, and what
 * nobody sees (a value that lost is taken out) is not told.
 *
 * ```js
 * const end = observeEntries(doc, 'state', ({ key, value, old, writer }) => {})
 * observeEntries(doc, 'state', ({ value }) => {}, { key: 'task:7' })
 * ```
 */
import * as Y from 'yjs'
import { checkDoc } from '../yjs-copy.ts'
import { type Cell, type View, valueOfView } from './cell.ts'
import { keysOf, latestOf, viewEntry } from './entries.ts'
import { watchTransactions } from './hot.ts'
import type { HotElement } from './hot-element.ts'
import { isSameJson } from './json-value.ts'
import { type PlainEntry, plainRoot, type Root } from './plain.ts'

export interface EntryChange {
  readonly map: string
  readonly key: string
  readonly action: 'set' | 'delete'
  /** The new value; absent for `delete`. */
  readonly value?: unknown
  /** The value before; absent where there was none. */
  readonly old?: unknown
  /** Who wrote what is seen now. Nothing says who deleted an entry elsewhere: absent then. */
  readonly writer?: number
  /** Was it changed through this document, and not by an update of a peer? */
  readonly isLocal: boolean
}

export interface ObserveOptions {
  /** Look at this key alone: what it costs does not depend on how large the map is. Default all keys. */
  readonly key?: string | undefined
}

type Tell = (change: EntryChange) => void

interface Seen {
  readonly value: unknown
  readonly writer: number
  readonly base: HotElement | PlainEntry | undefined
  readonly added: readonly HotElement[]
}

const see = (view: View): Seen => {
  const { plain, hot, parts, items } = view
  const { client: writer } = latestOf(view) ?? plain!
  return { value: valueOfView(view), writer, base: hot ?? plain, added: [...parts, ...items] }
}

/** Is it made of the same entries? */
const isSame = (a: Seen | undefined, b: Seen | undefined): boolean =>
  a?.base?.client === b?.base?.client &&
  a?.base?.clock === b?.base?.clock &&
  a?.added.length === b?.added.length &&
  (a?.added.every((element, i) => element === b?.added[i]) ?? true)

/** The key under which a nested type of that root lies. */
const keyAbove = (type: Root, root: Root): string | undefined => {
  for (let item = type._item; item !== null; ) {
    const parent = item.parent
    if (!(parent instanceof Y.AbstractType)) return undefined
    if (parent._map === root._map) return item.parentSub ?? undefined
    item = parent._item
  }
  return undefined
}

/** What is seen of one map, or of one key of it, for all who observe that. */
class ObservedMap {
  readonly #tells = new Set<Tell>()
  readonly #doc: Y.Doc
  readonly #map: string
  /** Undefined: all of them. */
  readonly #key: string | undefined
  readonly #seen = new Map<string, Seen>()
  readonly #unwatch: () => void

  constructor(doc: Y.Doc, map: string, only: string | undefined) {
    this.#doc = doc
    this.#map = map
    this.#key = only
    for (const key of only === undefined ? keysOf(doc, map) : [only]) {
      const view = viewEntry(doc, map, key)
      if (view) this.#seen.set(key, see(view))
    }
    this.#unwatch = watchTransactions(doc, this.#watch)
  }

  begin(tell: Tell): void {
    this.#tells.add(tell)
  }

  /** Returns how many are left; after the last the map is watched no more. */
  end(tell: Tell): number {
    this.#tells.delete(tell)
    if (this.#tells.size === 0) this.#unwatch()
    return this.#tells.size
  }

  /** Notes what the transaction changed, and has it told when it is over. */
  readonly #watch = (transaction: Y.Transaction, touched: ReadonlySet<Cell>): void => {
    const changes = this.#changes(transaction, touched)
    if (changes.length === 0) return
    const tells = [...this.#tells]
    // Last of all listeners: when an observer throws, nobody else may miss the transaction.
    this.#doc.once('afterTransaction', () => this.#tell(tells, changes))
  }

  #tell(tells: readonly Tell[], changes: readonly EntryChange[]): void {
    const thrown: unknown[] = []
    for (const change of changes) {
      for (const tell of tells) {
        if (!this.#tells.has(tell)) continue
        try {
          tell(change)
        } catch (error) {
          thrown.push(error)
        }
      }
    }
    if (thrown.length > 0) throw thrown[0]
  }

  #changes(transaction: Y.Transaction, touched: ReadonlySet<Cell>): EntryChange[] {
    const changes: EntryChange[] = []
    const { written, nested } = this.#touchedKeys(transaction, touched)
    for (const key of new Set([...written, ...nested])) {
      if (this.#key !== undefined && key !== this.#key) continue
      const before = this.#seen.get(key)
      const view = viewEntry(this.#doc, this.#map, key)
      const now = view && see(view)
      if (isSame(before, now) && !(nested.has(key) && isOther(before, now))) continue
      if (now) this.#seen.set(key, now)
      else this.#seen.delete(key)
      const { local: isLocal } = transaction
      changes.push({
        map: this.#map,
        key,
        ...(now
          ? { action: 'set', value: now.value, writer: now.writer }
          : { action: 'delete', ...(isLocal && { writer: this.#doc.clientID }) }),
        ...(before && { old: before.value }),
        isLocal,
      })
    }
    return changes
  }

  #touchedKeys({ changed }: Y.Transaction, touched: ReadonlySet<Cell>) {
    const written = new Set<string>()
    /** Keys whose value is a shared type that was changed. */
    const nested = new Set<string>()
    for (const { map, key } of touched) if (map === this.#map) written.add(key)
    const root = plainRoot(this.#doc, this.#map)
    if (!root) return { written, nested }
    for (const [type, subs] of changed) {
      if (type._map === root._map) {
        for (const sub of subs) if (sub !== null) written.add(sub)
      } else {
        const key = keyAbove(type, root)
        if (key !== undefined) nested.add(key)
      }
    }
    return { written, nested }
  }
}

const isOther = (a: Seen | undefined, b: Seen | undefined): boolean =>
  !isSameJson(a?.value, b?.value)

/** By map, or by map and key, as JSON. */
const observedMaps = new WeakMap<Y.Doc, Map<string, ObservedMap>>()

/**
 * Calls `tell` for each change of what is seen under the map's keys, from here or elsewhere, when
 * the transaction is over; several changes of a key in it are one. Returns the end of it. What
 * `tell` throws comes out of the transaction, after all others were told. To tell what was before,
 * what is seen now is remembered: of all keys, unless one is named.
 */
export const observeEntries = (
  doc: Y.Doc,
  map: string,
  tell: (change: EntryChange) => void,
  { key }: ObserveOptions = {},
): (() => void) => {
  checkDoc(doc)
  const id = JSON.stringify([map, key])
  const maps = observedMaps.get(doc) ?? new Map<string, ObservedMap>()
  observedMaps.set(doc, maps)
  const observed = maps.get(id) ?? new ObservedMap(doc, map, key)
  maps.set(id, observed)
  // One function may observe twice, and end each by itself.
  const own = (change: EntryChange): void => tell(change)
  observed.begin(own)
  return () => {
    if (observed.end(own) === 0 && maps.get(id) === observed) maps.delete(id)
  }
}
