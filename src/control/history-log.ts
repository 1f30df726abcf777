/**
 * The latest changes that this agent has seen, of all maps, in memory. A `Y.Map` forgets the
 * values that were overwritten and never knew when; a hot key forgets who wrote before. This
 * remembers it for a while; a restart forgets it.
 *
 * ```ts
 * const log = new HistoryLog(agent.doc)
 * log.of('state', 'k') // [{ at: 1810000000000, action: 'set', value: 2, writer: 7, clock: 12 }, …]
 * ```
 */
import * as Y from 'yjs'
import { isFailure } from '../errors.ts'
import { describeEntry, type EntryInfo, watchTransactions } from '../maps/index.ts'

/** Changes that are remembered, of all keys together. Some 200 bytes each beside key and value. */
export const MAX_CHANGES = 4_096

/** Characters of their keys and values as JSON, together: what a document has forgotten is kept alive by them. */
export const MAX_CHARACTERS = 4 * 1024 * 1024

export interface SeenChange {
  /** Unix milliseconds of this agent's clock. */
  readonly at: number
  readonly action: 'set' | 'increment' | 'append' | 'delete'
  /** What the key had then; absent for `delete`, and for a list, which has it still. */
  readonly value?: unknown
  /** Absent where another agent has deleted it: the document does not say who. */
  readonly writer?: number
  readonly clock?: number
}

/** All fields are always there: a million of them are made in an import. */
interface Kept {
  readonly map: string
  readonly key: string
  readonly at: number
  readonly action: SeenChange['action']
  readonly value: unknown
  readonly writer: number | undefined
  readonly clock: number | undefined
  readonly characters: number
}

const ACTIONS = { plain: 'set', hot: 'set', counter: 'increment', list: 'append' } as const

/** The keys that changed, by map; a nested shared type's changes are not ours. */
const changedKeys = ({ changed }: Y.Transaction): [map: string, key: string][] => {
  const found: [string, string][] = []
  for (const [type, keys] of changed) {
    if (type._item !== null) continue
    const map = Y.findRootTypeKey(type)
    for (const key of keys) if (key !== null) found.push([map, key])
  }
  return found
}

/** Undefined, too, for a root that is no map, such as the one that holds the hot entries. */
const describe = (doc: Y.Doc, map: string, key: string): EntryInfo | 'none' | undefined => {
  try {
    return describeEntry(doc, map, key) ?? 'none'
  } catch (error) {
    if (isFailure(error, 'invalid_argument')) return undefined
    throw error
  }
}

const charactersOf = (value: unknown): number => {
  if (typeof value === 'string') return value.length
  return typeof value === 'object' && value !== null ? JSON.stringify(value).length : 8
}

export class HistoryLog {
  readonly #doc: Y.Doc
  readonly #now: () => number
  /** A ring: the change number n is at n modulo its length. */
  readonly #kept: (Kept | undefined)[] = new Array(MAX_CHANGES).fill(undefined)
  /** Numbers of the oldest change that is remembered, and of the next one to come. */
  #oldest = 0
  #next = 0
  #characters = 0

  /** Remembers from now on, as long as the document lives. */
  constructor(doc: Y.Doc, now: () => number = Date.now) {
    this.#doc = doc
    this.#now = now
    watchTransactions(doc, (transaction, touched) => {
      const hot = [...touched].map(({ map, key }): [string, string] => [map, key])
      const plain = changedKeys(transaction)
      const isBoth = hot.length > 0 && plain.length > 0
      const changed = isBoth ? unique([...hot, ...plain]) : [...hot, ...plain]
      for (const [map, key] of changed.slice(-MAX_CHANGES)) this.#add(map, key, transaction.local)
    })
  }

  /** The changes of that key, newest first. */
  of(map: string, key: string): SeenChange[] {
    const found: SeenChange[] = []
    for (let number = this.#next - 1; number >= this.#oldest; number--) {
      const kept = this.#kept[number % MAX_CHANGES]
      if (kept?.map !== map || kept.key !== key) continue
      const { at, action, value, writer, clock } = kept
      found.push({
        at,
        action,
        ...(value !== undefined && { value }),
        ...(writer !== undefined && { writer }),
        ...(clock !== undefined && { clock }),
      })
    }
    return found
  }

  #add(map: string, key: string, isLocal: boolean): void {
    const info = describe(this.#doc, map, key)
    if (info === undefined) return
    const isGone = info === 'none'
    const action = isGone ? 'delete' : ACTIONS[info.layout]
    // A list has all its items still, and to keep it again for each would cost its length each time.
    const value = isGone || action === 'append' ? undefined : info.value
    this.#keep({
      map,
      key,
      at: this.#now(),
      action,
      value,
      writer: isGone ? (isLocal ? this.#doc.clientID : undefined) : info.writer,
      clock: isGone ? undefined : info.clock,
      characters: key.length + charactersOf(value),
    })
  }

  #keep(change: Kept): void {
    if (this.#next - this.#oldest === MAX_CHANGES) this.#forgetOldest()
    this.#kept[this.#next++ % MAX_CHANGES] = change
    this.#characters += change.characters
    while (this.#characters > MAX_CHARACTERS) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const place = this.#oldest++ % MAX_CHANGES
    this.#characters -= this.#kept[place]?.characters ?? 0
    this.#kept[place] = undefined
  }
}

/** Each pair once: a key that was plain and becomes hot is touched as both. */
const unique = (pairs: readonly [string, string][]): [string, string][] => [
  ...new Map(pairs.map((pair) => [JSON.stringify(pair), pair])).values(),
]
