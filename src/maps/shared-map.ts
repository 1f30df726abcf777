/**
 * A map that many agents read and write at the same time, as an object: typed, with counters and
 * lists that lose nothing, and told of every change.
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
 * The type is a promise of this program: a peer may have written anything. It comes as JSON all the
 * same: a bigint as its digits, bytes as base64, shared types as their `toJSON` gives them.
 *
 * Values are copies, going in and coming out: what is done to them changes nothing in the map.
 */
import type * as Y from 'yjs'
import type { Json } from '../../crdt/index.ts'
import { checkDoc } from '../yjs-copy.ts'
import {
  appendEntry,
  checkEntry,
  checkUnlost,
  copyJson,
  deleteEntry,
  type EntryChange,
  hasEntry,
  incrementEntry,
  keysOf,
  limitValues,
  type ObserveOptions,
  observeEntries,
  readEntry,
  sizeOf,
  writeEntry,
} from './index.ts'
import type { Keepable } from './keepable.ts'
import { type UntilOptions, waitUntil } from './until.ts'

/** The items of those of the types that are arrays. */
type ItemOf<T> = T extends readonly (infer Item)[] ? Item : never

export interface SharedMapChange<T> {
  readonly key: string
  readonly action: 'set' | 'delete'
  /** What is there now; absent for `delete`. */
  readonly value?: T
  /** What was there before; absent where there was nothing. */
  readonly old?: T
  /** The id of the writer of what is there now; absent for what was deleted elsewhere. */
  readonly writer?: number
  /** Was it changed through this document, and not by an update of a peer? */
  readonly isLocal: boolean
}

export interface SharedMapOptions {
  /** Write all keys in the layout for those that are overwritten all day; other Yjs programs cannot read it. Default false. */
  readonly hot?: boolean
  /** What `flushed` waits for; default nothing. */
  readonly flushed?: () => Promise<void>
  /** UTF-8 bytes of a value's JSON that programs on this document may write; default 8 MiB. */
  readonly maxValueBytes?: number
  /** What `close` does besides ending all observers; default nothing. */
  readonly close?: () => Promise<void>
}

export class SharedMap<T extends Keepable<T> = Json> implements Iterable<[key: string, value: T]> {
  readonly doc: Y.Doc
  readonly name: string
  readonly #options: SharedMapOptions
  /** The ends of all observers and waits, also of its siblings'. */
  readonly #ends = new Set<() => void>()
  /** Those of the map whose sibling this is. */
  #endsAbove: Set<() => void> | undefined

  /**
   * The map `name` of `doc`; it begins to exist with its first entry. A Failure (invalid_argument)
   * for a name that cannot be used, and for a document of another copy of Yjs.
   */
  constructor(doc: Y.Doc, name: string, options: SharedMapOptions = {}) {
    checkDoc(doc)
    checkEntry(name, 'k', null) // for the name's sake
    if (options.maxValueBytes !== undefined) limitValues(doc, options.maxValueBytes)
    this.doc = doc
    this.name = name
    this.#options = options
  }

  /** How many keys there are. Counts them all. */
  get size(): number {
    return sizeOf(this.doc, this.name)
  }

  /** The value; undefined where there is none. */
  get(key: string): T | undefined {
    return copyJson(readEntry(this.doc, this.name, key)) as T | undefined
  }

  /** Is there an entry of that key? */
  has(key: string): boolean {
    return hasEntry(this.doc, this.name, key)
  }

  /**
   * Writes a value. Throws a TypeError that names the place of what JSON cannot keep
   * (`value.items[3].at is a Date, which JSON cannot keep`), and a Failure (invalid_argument) for
   * a key that cannot be used or a value that is longer than `maxValueBytes`.
   */
  set(key: string, value: T): this {
    writeEntry(this.doc, this.name, key, value, { hot: this.#options.hot ?? false })
    return this
  }

  /** Returns whether there was such a key. */
  delete(key: string): boolean {
    return deleteEntry(this.doc, this.name, key)
  }

  /**
   * Writes what `change` makes of the value; of undefined where there is none. Where it returns
   * undefined the key is deleted. Returns what it returned. Of two updates at the same time in
   * different places one wins as a whole: use `increment` and `append` where both must count.
   * A Failure (invalid_argument) where it would keep what is shown of something that JSON has no word
   * for, a bigint of another program: that would be lost.
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
   * Adds to a number, which is 0 where there is none, and returns the sum. Nothing that others add
   * at the same time is lost. A Failure (invalid_argument) where the value is no number, a
   * TypeError where `by` is no finite one.
   */
  increment(this: number extends T ? SharedMap<T> : never, key: string, by = 1): number {
    return incrementEntry(this.doc, this.name, key, by)
  }

  /**
   * Adds to the end of an array, which is empty where there is none, and returns its length.
   * Nothing that others append at the same time is lost. A Failure (invalid_argument) where the
   * value is no array; otherwise throws as `set` does.
   */
  append(key: string, item: ItemOf<T>): number {
    return appendEntry(this.doc, this.name, key, item)
  }

  /** Sorted. */
  keys(): string[] {
    return keysOf(this.doc, this.name)
  }

  /** In order of the keys. */
  values(): T[] {
    return this.keys().map((key) => this.get(key) as T)
  }

  /** In order of the keys. */
  entries(): [key: string, value: T][] {
    return this.keys().map((key) => [key, this.get(key) as T])
  }

  /** Keys with their values, in no order. */
  [Symbol.iterator](): IterableIterator<[key: string, value: T]> {
    return this.entries()[Symbol.iterator]()
  }

  /** All entries, sorted by key, as an object of its own keys; safe against any key. */
  toJSON(): Record<string, T> {
    return Object.fromEntries(this.entries())
  }

  /**
   * Calls `tell` for each change, from here or elsewhere, after the transaction it came with;
   * several changes of a key in one transaction are one. Returns the end of it. What `tell`
   * throws comes out of the call that made the change.
   *
   * Remembers what is there, to tell what was before: of the whole map, unless a `key` is named.
   */
  observe(tell: (change: SharedMapChange<T>) => void, options: ObserveOptions = {}): () => void {
    const observer = ({ map: _, ...change }: EntryChange): void =>
      tell(copyJson(change) as SharedMapChange<T>)
    const stop = observeEntries(this.doc, this.name, observer, options)
    const end = (): void => {
      this.#forget(end)
      stop()
    }
    this.#remember(end)
    return end
  }

  /**
   * Resolves when `isSo`: looks at once, and again after each change of this map or of another of
   * the same document. Rejects with a Failure, `timeout` when it takes longer or `closed` when the
   * map is closed meanwhile; with the reason of `signal`; and with what `isSo` throws.
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
   * Another map of the same document and agent; `flushed` waits for the same disk. Its `close`
   * ends its own observers and waits, no more; those that are left end with the map it came from.
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
   * Makes all changes within `change` one: peers get them together, observers are called once
   * after it. Nothing is undone when it throws. Returns what it returned.
   */
  transact<R>(change: () => R): R {
    return this.doc.transact(change)
  }

  /** Resolves when all that was written so far is on disk, at once where nothing is kept. Rejects with a Failure when the disk refuses. */
  async flushed(): Promise<void> {
    await this.#options.flushed?.()
  }

  /**
   * Ends all observers and waits, also those of its siblings; then what the map was opened with:
   * its agent stops. A sibling's ends its own alone.
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
