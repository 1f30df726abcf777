/**
 * The latest changes that this agent has seen, of all maps, in memory. A `Y.Map` forgets
 * overwritten values and has no times; a hot key forgets its earlier writers. This log remembers
 * both for a while, until a restart, and which peer brought each change.
 *
 * ```ts
 * const log = new HistoryLog(agent.doc)
 * log.of('state', 'k') // [{ at: 1810000000000, action: 'set', value: 2, writer: 7, clock: 12 }, …]
 * ```
 */
import * as Y from 'yjs'
import { broughtBy, yjsInner } from '../../crdt/index.ts'
import { isFailure } from '../errors.ts'
import {
  type Cell,
  deletedIn,
  describeEntry,
  type EntryInfo,
  stepsOf,
  watchTransactions,
} from '../maps/index.ts'
import { stringify } from './protocol.ts'

/** Changes of all keys together. Each costs some 200 bytes besides key and value. */
export const MAX_CHANGES = 4_096

/** Characters of their keys and values as JSON, together: the log keeps values alive that the document has forgotten. */
export const MAX_CHARACTERS = 4 * 1024 * 1024

export interface SeenChange {
  /** Unix milliseconds by this agent's clock. */
  readonly at: number
  readonly action: 'set' | 'increment' | 'append' | 'delete'
  /** The value of the key then, and for `delete` the one that was there; absent for a list, which still holds it. */
  readonly value?: unknown
  /** For an increment: the writer's sum with it, and before it. `before` is absent for the first one. */
  readonly total?: number
  readonly before?: number | undefined
  /** Absent if another agent has deleted the key: the document does not record who. */
  readonly writer?: number
  readonly clock?: number
  /** The peer that brought it first, which need not have made it. Absent if it was made here. */
  readonly from?: string
}

/** All fields are always there, so that all objects have one shape: an import makes a million of them. */
interface Kept {
  readonly map: string
  readonly key: string
  readonly at: number
  readonly action: SeenChange['action']
  readonly value: unknown
  readonly total: number | undefined
  readonly before: number | undefined
  readonly writer: number | undefined
  readonly clock: number | undefined
  readonly from: string | undefined
  readonly characters: number
}

/** With the cell of the key if its hot elements changed. */
type Changed = readonly [map: string, key: string, cell?: Cell]

/** The keys that changed, by map. Changes inside nested shared types do not count. */
const changedKeys = ({ changed }: Y.Transaction): Changed[] => {
  const found: Changed[] = []
  for (const [type, keys] of changed) {
    if (yjsInner.holderOf(type) !== null) continue
    const map = Y.findRootTypeKey(type)
    for (const key of keys) if (key !== null) found.push([map, key])
  }
  return found
}

/** Undefined, too, for a root that is not a map, such as the one that holds the hot entries. */
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
  return typeof value === 'object' && value !== null ? stringify(value).length : 8
}

/** Of a counter: the value that it starts from, or an increment. */
type Step = Omit<SeenChange, 'at' | 'action'> & Required<Pick<SeenChange, 'writer' | 'clock'>>

/** The peer that brought it, as a field; none if it was made here. */
const fromOf = (...what: Parameters<typeof broughtBy>): { readonly from?: string } => {
  const from = broughtBy(...what)
  return from === undefined ? {} : { from }
}

export class HistoryLog {
  readonly #doc: Y.Doc
  readonly #now: () => number
  /** A ring buffer: change n is at n modulo its length. */
  readonly #kept: (Kept | undefined)[] = new Array(MAX_CHANGES).fill(undefined)
  /** The numbers of the oldest change in it, and of the next one. */
  #oldest = 0
  #next = 0
  #characters = 0

  /** Records from now on, as long as the document lives. */
  constructor(doc: Y.Doc, now: () => number = Date.now) {
    this.#doc = doc
    this.#now = now
    watchTransactions(doc, (transaction, touched) => {
      const hot = [...touched].map((cell): Changed => [cell.map, cell.key, cell])
      const plain = changedKeys(transaction)
      const isBoth = hot.length > 0 && plain.length > 0
      const changed = isBoth ? unique([...hot, ...plain]) : [...hot, ...plain]
      const deletedOf = deletedIn(transaction)
      for (const each of changed.slice(-MAX_CHANGES)) this.#add(each, transaction, deletedOf)
    })
  }

  /** The changes of that key, newest first. */
  of(map: string, key: string): SeenChange[] {
    const found: SeenChange[] = []
    for (let number = this.#next - 1; number >= this.#oldest; number--) {
      const kept = this.#kept[number % MAX_CHANGES]
      if (kept?.map !== map || kept.key !== key) continue
      const { at, action, value, total, before, writer, clock, from } = kept
      found.push({
        at,
        action,
        ...(value !== undefined && { value }),
        ...(total !== undefined && { total }),
        ...(before !== undefined && { before }),
        ...(writer !== undefined && { writer }),
        ...(clock !== undefined && { clock }),
        ...(from !== undefined && { from }),
      })
    }
    return found
  }

  #add(
    [map, key, cell]: Changed,
    transaction: Y.Transaction,
    deletedOf: ReturnType<typeof deletedIn>,
  ): void {
    const info = describe(this.#doc, map, key)
    if (info === undefined) return
    if (info === 'none') {
      const deleted = deletedOf(map, key)
      this.#note(map, key, {
        action: 'delete',
        ...(deleted && 'value' in deleted && { value: deleted.value }),
        ...(transaction.local && { writer: this.#doc.clientID }),
        ...(deleted && fromOf(transaction, deleted, 'delete')),
      })
    } else if (info.layout === 'counter') {
      this.#addCounter(map, key, cell, transaction)
    } else {
      const action = info.layout === 'list' ? 'append' : 'set'
      const { writer, clock } = info
      // A list still has all its items. To keep it again for each would cost its length each time.
      this.#note(map, key, {
        action,
        value: action === 'set' ? info.value : undefined,
        writer,
        clock,
        ...fromOf(transaction, { client: writer, clock }, 'set'),
      })
    }
  }

  /** Each step by itself, after the value that they start from if that is new. */
  #addCounter(map: string, key: string, cell: Cell | undefined, transaction: Y.Transaction): void {
    const { base, steps } = stepsOf(this.#doc, map, key, cell)
    const noteStep = (action: 'set' | 'increment', step: Step): void => {
      const from = fromOf(transaction, { client: step.writer, clock: step.clock }, 'set')
      this.#note(map, key, { action, ...step, ...from })
    }
    if (base) noteStep('set', base)
    for (const step of steps) noteStep('increment', step)
  }

  #note(map: string, key: string, change: Omit<SeenChange, 'at'>): void {
    const { action, value, total, before, writer, clock, from } = change
    const characters = key.length + charactersOf(value)
    const at = this.#now()
    this.#keep({ map, key, at, action, value, total, before, writer, clock, from, characters })
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

/** Each key once, with its cell: a key that turns hot is touched as both. */
const unique = (changed: readonly Changed[]): Changed[] => {
  const found = new Map<string, Changed>()
  for (const each of changed) {
    const id = JSON.stringify([each[0], each[1]])
    if (!found.has(id)) found.set(id, each)
  }
  return [...found.values()]
}
