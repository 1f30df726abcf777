/**
 * Observes a map: after each transaction, the visible entries of the touched keys are compared with
 * the previous ones. So each change is reported once, whatever caused it, and invisible changes
 * (the removal of a value that lost) are not.
 *
 * ```js
 * const end = observeEntries(doc, 'state', ({ key, value, old, writer }) => {})
 * observeEntries(doc, 'state', ({ value }) => {}, { key: 'task:7' })
 * ```
 */
import * as Y from 'yjs'
import { broughtBy, yjsInner } from '../../crdt/index.ts'
import { checkDoc } from '../yjs-copy.ts'
import { type Cell, type View, valueOfView } from './cell.ts'
import { latestOf, viewEntry } from './entries.ts'
import { watchTransactions } from './hot.ts'
import type { HotElement } from './hot-element.ts'
import { isSameJson } from './json-value.ts'
import { type PlainEntry, plainRoot, type Root } from './plain.ts'
import { matcherOf, selectedKeys } from './selection.ts'

export interface EntryChange {
  readonly map: string
  readonly key: string
  readonly action: 'set' | 'delete'
  /** The new value; absent for `delete`. */
  readonly value?: unknown
  /** The previous value; absent if there was none. */
  readonly old?: unknown
  /** The writer of the visible value. Absent if another agent deleted the entry: the document does not record who. */
  readonly writer?: number
  /**
   * The address of the peer that brought the change. It may have passed on what another one made.
   * Absent if it was made through this document, or was in an update that no peer sent.
   */
  readonly from?: string
  /** Was it changed through this document, and not by an update of a peer? */
  readonly isLocal: boolean
}

export interface ObserveOptions {
  /** Observe only this key, at a cost that does not depend on the size of the map. Default: all keys. */
  readonly key?: string | undefined
  /** Observe only keys that begin with this. */
  readonly prefix?: string | undefined
  /** Observe only keys of this pattern: `*` stands for any characters, `?` for one. */
  readonly glob?: string | undefined
}

type Listener = (change: EntryChange) => void

interface Seen {
  readonly value: unknown
  readonly writer: number
  readonly clock: number
  readonly base: HotElement | PlainEntry | undefined
  readonly added: readonly HotElement[]
}

const see = (view: View): Seen => {
  const { plain, hot, parts, items } = view
  const { client: writer, clock } = latestOf(view) ?? plain!
  return {
    value: valueOfView(view),
    writer,
    clock,
    base: hot ?? plain,
    added: [...parts, ...items],
  }
}

/** Does it consist of the same elements? */
const isSame = (a: Seen | undefined, b: Seen | undefined): boolean =>
  a?.base?.client === b?.base?.client &&
  a?.base?.clock === b?.base?.clock &&
  a?.added.length === b?.added.length &&
  (a?.added.every((element, i) => element === b?.added[i]) ?? true)

/** The key in that root under which a nested type lies. */
const keyAbove = (type: Root, root: Root): string | undefined => {
  for (let item = yjsInner.holderOf(type); item !== null; ) {
    const parent = item.parent
    if (!(parent instanceof Y.AbstractType)) return undefined
    if (yjsInner.isSameType(parent, root)) return item.parentSub ?? undefined
    item = yjsInner.holderOf(parent)
  }
  return undefined
}

/** The visible entries of one map, or of one key of it, shared by its observers. */
class ObservedMap {
  readonly #listeners = new Set<Listener>()
  readonly #doc: Y.Doc
  readonly #map: string
  readonly #isOfInterest: (key: string) => boolean
  readonly #seen = new Map<string, Seen>()
  readonly #unwatch: () => void

  constructor(doc: Y.Doc, map: string, options: ObserveOptions) {
    const { key: only } = options
    this.#doc = doc
    this.#map = map
    this.#isOfInterest = only === undefined ? matcherOf(options) : (key) => key === only
    for (const key of only === undefined ? selectedKeys(doc, map, options) : [only]) {
      const view = viewEntry(doc, map, key)
      if (view) this.#seen.set(key, see(view))
    }
    this.#unwatch = watchTransactions(doc, this.#watch)
  }

  begin(listener: Listener): void {
    this.#listeners.add(listener)
  }

  /** Returns the number of remaining observers; without any, the map is no longer watched. */
  end(listener: Listener): number {
    this.#listeners.delete(listener)
    if (this.#listeners.size === 0) this.#unwatch()
    return this.#listeners.size
  }

  /** Collects the changes of the transaction, and reports them after it. */
  readonly #watch = (transaction: Y.Transaction, touched: ReadonlySet<Cell>): void => {
    const changes = this.#changes(transaction, touched)
    if (changes.length === 0) return
    const listeners = [...this.#listeners]
    // Last of all listeners: an observer that throws must not hide the transaction from another listener.
    this.#doc.once('afterTransaction', () => this.#report(listeners, changes))
  }

  #report(listeners: readonly Listener[], changes: readonly EntryChange[]): void {
    const thrown: unknown[] = []
    for (const change of changes) {
      for (const listener of listeners) {
        if (!this.#listeners.has(listener)) continue
        try {
          listener(change)
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
      if (!this.#isOfInterest(key)) continue
      const before = this.#seen.get(key)
      const view = viewEntry(this.#doc, this.#map, key)
      const now = view && see(view)
      if (isSame(before, now) && !(nested.has(key) && isOther(before, now))) continue
      if (now) this.#seen.set(key, now)
      else this.#seen.delete(key)
      const { local: isLocal } = transaction
      const last = now ?? before
      const id = last && { client: last.writer, clock: last.clock }
      const from = id && broughtBy(transaction, id, now ? 'set' : 'delete')
      changes.push({
        map: this.#map,
        key,
        ...(now
          ? { action: 'set', value: now.value, writer: now.writer }
          : { action: 'delete', ...(isLocal && { writer: this.#doc.clientID }) }),
        ...(before && { old: before.value }),
        ...(from !== undefined && { from }),
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
      if (yjsInner.isSameType(type, root)) {
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

/** By map and options, as JSON. */
const observedMaps = new WeakMap<Y.Doc, Map<string, ObservedMap>>()

/**
 * Calls `listener` after each transaction, for each change of a visible entry, local or not;
 * several changes of one key are one. Returns a function that ends the observer. An error of a
 * listener is thrown by the transaction, after all other listeners were called. To report previous
 * values, it keeps the values of all keys, or of those that are named. Throws a Failure
 * (invalid_argument) for a prefix and a pattern together.
 */
export const observeEntries = (
  doc: Y.Doc,
  map: string,
  listener: (change: EntryChange) => void,
  { key, prefix, glob }: ObserveOptions = {},
): (() => void) => {
  checkDoc(doc)
  const id = JSON.stringify([map, key, prefix, glob])
  const maps = observedMaps.get(doc) ?? new Map<string, ObservedMap>()
  observedMaps.set(doc, maps)
  const observed = maps.get(id) ?? new ObservedMap(doc, map, { key, prefix, glob })
  maps.set(id, observed)
  // One function may be registered twice, and each registration ends by itself.
  const own = (change: EntryChange): void => listener(change)
  observed.begin(own)
  return () => {
    if (observed.end(own) === 0 && maps.get(id) === observed) maps.delete(id)
  }
}
