/**
 * A map that many agents read and write at the same time: typed, observable, with counters and lists
 * in which all concurrent changes count.
 *
 * ```ts
 * type Task = { owner: string; done: boolean }
 * const tasks = new SharedMap<Task>(doc, 'tasks')
 * tasks.set('7', { owner: 'a', done: false })
 * tasks.update('7', (task) => ({ owner: task?.owner ?? 'a', done: true }))
 * const end = tasks.observe(({ key, value, writer }) => {})
 * for (const [key, task] of tasks) {}
 * await tasks.until(() => tasks.values().every(({ done }) => done), { timeout: 60_000 })
 * const claims = tasks.sibling<string>('claims', { hot: true })
 * ```
 *
 * The type is an assumption of this program: peers may write other values. They are read as JSON, a
 * bigint as its digits, bytes as base64, shared types as the result of their `toJSON`.
 *
 * Values are copied when they are written and read: changing one does not change the map.
 */
import type * as Y from 'yjs'
import type { Json } from '../../crdt/index.ts'
import { checkDoc } from '../yjs-copy.ts'
import {
  appendEntry,
  type Claim,
  type ClaimOptions,
  type Conditions,
  checkConditions,
  checkEntry,
  checkUnlost,
  claimKey,
  copyJson,
  deleteEntries,
  deleteEntry,
  type EntryChange,
  expireEntry,
  expiryOf,
  hasEntry,
  incrementEntry,
  limitValues,
  makeReadOnly,
  type ObserveOptions,
  observeEntries,
  persistEntry,
  readEntry,
  type Selection,
  selectKeys,
  sizeOf,
  versionOf,
  writeEntries,
  writeEntry,
} from './index.ts'
import type { Keepable } from './keepable.ts'
import { type UntilOptions, waitUntil } from './until.ts'

/** The item types of those of the types that are arrays. */
type ItemOf<T> = T extends readonly (infer Item)[] ? Item : never

export interface SharedMapChange<T> {
  readonly key: string
  readonly action: 'set' | 'delete'
  /** The new value; absent for `delete`. */
  readonly value?: T
  /** The previous value; absent if there was none. */
  readonly old?: T
  /** The writer id of the new value; absent if another agent deleted the key. */
  readonly writer?: number
  /** The address of the peer that brought the change, which need not have made it. Absent if it was made here. */
  readonly from?: string
  /** Was the change made in this document, and not by an update of a peer? */
  readonly isLocal: boolean
}

export interface SetOptions extends Conditions {
  /** Milliseconds after which the entry ends, 1 to ten years; it is then hot. Default: it stays until it is deleted. */
  readonly ttlMs?: number | undefined
}

export interface SharedMapOptions {
  /** Write all keys as hot entries, for keys that are overwritten often. Other Yjs programs cannot read those. Default false. */
  readonly hot?: boolean
  /** What `flushed` waits for; default: nothing. */
  readonly flushed?: () => Promise<void>
  /** Maximum of a value's JSON in UTF-8 bytes, for all maps of the document; default 8 MiB. */
  readonly maxValueBytes?: number
  /** Does this program only read the maps of the document? Writes fail with `permission_denied`. Default false. */
  readonly readOnly?: boolean
  /** What `close` does after it has ended all observers; default: nothing. */
  readonly close?: () => Promise<void>
}

export class SharedMap<T extends Keepable<T> = Json> implements Iterable<[key: string, value: T]> {
  readonly doc: Y.Doc
  readonly name: string
  readonly #options: SharedMapOptions
  /** Functions that end the observers and waits of this map and its siblings. */
  readonly #ends = new Set<() => void>()
  /** Those of the map from which this one was opened. */
  #endsAbove: Set<() => void> | undefined

  /**
   * The map `name` of `doc`, which exists from its first entry on. Throws a Failure (invalid_argument)
   * for an invalid name and for a document of another copy of Yjs.
   */
  constructor(doc: Y.Doc, name: string, options: SharedMapOptions = {}) {
    checkDoc(doc)
    checkEntry(name, 'k', null) // checks the name
    if (options.maxValueBytes !== undefined) limitValues(doc, options.maxValueBytes)
    if (options.readOnly) makeReadOnly(doc)
    this.doc = doc
    this.name = name
    this.#options = options
  }

  /** The number of keys. Counts them all. */
  get size(): number {
    return sizeOf(this.doc, this.name)
  }

  /** The value; undefined if there is none. */
  get(key: string): T | undefined {
    return copyJson(readEntry(this.doc, this.name, key)) as T | undefined
  }

  /** Is there an entry of that key? */
  has(key: string): boolean {
    return hasEntry(this.doc, this.name, key)
  }

  /** Names the last write of a key, for the condition `ifVersion`; undefined if there is no such key. */
  versionOf(key: string): string | undefined {
    return versionOf(this.doc, this.name, key)
  }

  /**
   * Writes a value. Throws a TypeError that names the first part that JSON cannot keep
   * (`value.items[3].at is a Date, which JSON cannot keep`), and a Failure (invalid_argument) for an
   * invalid key, a value that is longer than `maxValueBytes`, or a time to live that is not usable.
   * A value without one stays, also if the value before it would have ended.
   *
   * With conditions that do not hold it writes nothing and throws a Failure (conflict). They are
   * checked in this document: of what others write at the same moment one wins, as always.
   */
  set(key: string, value: T, { ttlMs, ...conditions }: SetOptions = {}): this {
    const { hot = false } = this.#options
    checkConditions(this.doc, this.name, key, conditions)
    writeEntry(this.doc, this.name, key, value, { hot, ttlMs })
    return this
  }

  /** Writes many entries in one transaction: all of them, or none if `set` would refuse one. */
  setAll(entries: Iterable<readonly [key: string, value: T]>): this {
    writeEntries(this.doc, this.name, entries, { hot: this.#options.hot ?? false })
    return this
  }

  /**
   * Ends the entry after that many milliseconds, 1 to ten years: it is then as if it had been deleted.
   * Additions to a counter or a list do not change that. Returns whether there is such a key. Throws a
   * Failure (invalid_argument) for another time.
   */
  expire(key: string, ttlMs: number): boolean {
    return expireEntry(this.doc, this.name, key, ttlMs)
  }

  /** Keeps the entry until it is deleted. Returns whether it would have ended. */
  persist(key: string): boolean {
    return persistEntry(this.doc, this.name, key)
  }

  /** When the entry ends, in Unix milliseconds; undefined if it does not, or if there is none. */
  expiresAt(key: string): number | undefined {
    return expiryOf(this.doc, this.name, key)
  }

  /** Returns whether there was such a key. */
  delete(key: string): boolean {
    return deleteEntry(this.doc, this.name, key)
  }

  /** Deletes the selected entries in one transaction. Returns their number. */
  deleteAll(selection: Selection): number {
    const { keys } = selectKeys(this.doc, this.name, selection)
    return deleteEntries(this.doc, this.name, keys)
  }

  /**
   * Calls `change` with the value, or with undefined if there is none, and writes its result; undefined
   * deletes the key. Returns the result. Of two concurrent updates one wins as a whole: use
   * `increment` and `append` if both must count. Throws a Failure (invalid_argument) if the result
   * would replace a value that JSON cannot hold, such as a bigint of another program, by its JSON.
   */
  update(key: string, change: (value: T | undefined) => T | undefined): T | undefined {
    const value = change(this.get(key))
    if (value === undefined) this.delete(key)
    else {
      checkUnlost(this.doc, this.name, key, value)
      this.set(key, value)
    }
    return value
  }

  /**
   * Adds to a number, which starts at 0, and returns the sum. Concurrent increments all count. Throws a
   * Failure (invalid_argument) if the value is not a number, and a TypeError if `by` is not finite.
   */
  increment(this: number extends T ? SharedMap<T> : never, key: string, by = 1): number {
    return incrementEntry(this.doc, this.name, key, by)
  }

  /**
   * Appends to an array, which starts empty, and returns its length. Concurrent appends all count.
   * Throws a Failure (invalid_argument) if the value is not an array, and otherwise as `set` does.
   */
  append(key: string, item: ItemOf<T>): number {
    return appendEntry(this.doc, this.name, key, item)
  }

  /**
   * Claims a key of this map, which holds nothing but claims, and resolves once the claim has settled.
   * Rejects with a Failure (taken) if another holder has it. Across a cut network two may hold it until
   * they meet; then that with the higher `fence` wins, and the `signal` of the other is aborted.
   */
  claim(key: string, options: ClaimOptions): Promise<Claim> {
    return claimKey(this.doc, this.name, key, options)
  }

  /**
   * The keys, sorted: all, or those that are selected. A selection costs what it returns. The cursor
   * of a page is the last key of the page before.
   */
  keys(selection: Selection = {}): string[] {
    return selectKeys(this.doc, this.name, selection).keys
  }

  /** In order of the keys. */
  values(): T[] {
    return this.keys().map((key) => this.get(key) as T)
  }

  /** In order of the keys: all, or those that are selected. */
  entries(selection: Selection = {}): [key: string, value: T][] {
    return this.keys(selection).map((key) => [key, this.get(key) as T])
  }

  /** Keys with their values, in no order. */
  [Symbol.iterator](): IterableIterator<[key: string, value: T]> {
    return this.entries()[Symbol.iterator]()
  }

  /** All entries as an object, sorted by key. Any key is safe, `__proto__` too. */
  toJSON(): Record<string, T> {
    return Object.fromEntries(this.entries())
  }

  /**
   * Calls the listener for each change, of this program or a peer, after its transaction. Several
   * changes of a key in one transaction are one call. Returns a function that ends the observer. What
   * the listener throws is thrown by the call that made the change.
   *
   * The observer keeps the values of the whole map, or of the `key`, `prefix` or `glob`, to report the
   * previous ones.
   */
  observe(
    listener: (change: SharedMapChange<T>) => void,
    options: ObserveOptions = {},
  ): () => void {
    const observer = ({ map: _, ...change }: EntryChange): void =>
      listener(copyJson(change) as SharedMapChange<T>)
    const stop = observeEntries(this.doc, this.name, observer, options)
    const end = (): void => {
      this.#forget(end)
      stop()
    }
    this.#remember(end)
    return end
  }

  /**
   * Resolves when `isSo` returns true. It is called at once and after each change of any map of the
   * document. Rejects with a Failure (`timeout`, or `closed` after `close`), with the reason of
   * `signal`, or with what `isSo` throws.
   */
  async until(isSo: (map: this) => boolean, options: UntilOptions = {}): Promise<void> {
    const { over, close } = waitUntil(this.doc, () => isSo(this), options)
    this.#remember(close)
    try {
      await over
    } finally {
      this.#forget(close)
    }
  }

  /**
   * Another map of the same document and agent, with the same `flushed`. Its `close` ends only its
   * own observers and waits. They also end with the map from which it was opened.
   */
  sibling<U extends Keepable<U> = Json>(
    name: string,
    { hot = false }: Pick<SharedMapOptions, 'hot'> = {},
  ): SharedMap<U> {
    const sibling = new SharedMap<U>(this.doc, name, { hot, flushed: () => this.flushed() })
    sibling.#endsAbove = this.#endsAbove ?? this.#ends
    return sibling
  }

  /**
   * Makes all changes in `change` one transaction: peers get them together, and observers are called
   * after it. Changes are not undone if it throws. Returns its result.
   */
  transact<R>(change: () => R): R {
    return this.doc.transact(change)
  }

  /** Resolves when everything written so far is on disk, at once without a store. Rejects with a Failure if the disk fails. */
  async flushed(): Promise<void> {
    await this.#options.flushed?.()
  }

  /**
   * Ends all observers and waits, also those of siblings, and stops the agent of an opened map. The
   * `close` of a sibling ends only its own.
   */
  async close(): Promise<void> {
    for (const end of [...this.#ends]) end()
    await this.#options.close?.()
  }

  #remember(end: () => void): void {
    this.#ends.add(end)
    this.#endsAbove?.add(end)
  }

  #forget(end: () => void): void {
    this.#ends.delete(end)
    this.#endsAbove?.delete(end)
  }
}
