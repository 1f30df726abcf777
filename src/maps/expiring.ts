/**
 * Ends entries whose time is over. Readers see that by themselves. Observers hear of it by an
 * empty transaction, as of `Ripening`; then the entry is deleted from the document: at once by the
 * writer of its mark, and after a margin by whoever still has it.
 *
 * ```js
 * const expiring = new Expiring(index)
 * for (const cell of index.marked.keys()) expiring.note(cell)
 * ```
 */
import * as Y from 'yjs'
import { guardTransactions } from '../../crdt/index.ts'
import { type Cell, isOver } from './cell.ts'
import { DueQueue } from './due-queue.ts'
import type { HotElement, HotMark } from './hot-element.ts'
import type { HotIndex } from './hot-index.ts'
import { deleteElements } from './hot-writer.ts'
import { MAX_AHEAD_MS } from './hybrid-clock.ts'
import { makePlainRoot, plainEntry } from './plain.ts'
import { isReadOnly } from './read-only.ts'
import { TIME_PASSED } from './time-passed.ts'

/** The origin of transactions that delete entries whose time is over; they change nothing visible. */
export const EXPIRE = Symbol('pilot-gossip expire')

/**
 * Milliseconds after the end of an entry before an agent deletes what another has marked: as much as
 * the clock of an agent may be ahead, so that no entry is gone while its writer still shows it. A
 * larger value leaves more in the document of writers that have gone.
 */
export const DELETE_MARGIN_MS = MAX_AHEAD_MS

/**
 * Milliseconds over which agents spread these deletes, by writer id: mostly one of them deletes, and
 * the others hear of it. In a swarm of 1,000 there are still some 15 in a second.
 */
const DELETE_SPREAD_MS = 60_000

/**
 * Milliseconds between two looks. What ends within the lower bound is reported together, as writes
 * of 20 ms are sent together. The upper one is within what timers can wait.
 */
const MIN_WAIT_MS = 20
const MAX_WAIT_MS = 24 * 60 * 60_000

/** Entries that one look ends; a million that end at once must not stop the program for seconds. */
const MAX_AT_ONCE = 5_000

/** Queued cells without marks are forgotten when there are this many more than cells with marks. */
const SPARE = 1_000

export class Expiring {
  readonly #index: HotIndex
  readonly #queue = new DueQueue<Cell>()
  /** When each cell is looked at next. Its mark may be later by then. */
  readonly #queued = new Map<Cell, number>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(index: HotIndex) {
    this.#index = index
  }

  /** Looks at the cell when its entry ends, if it does. */
  note(cell: Cell): void {
    const { doc } = this.#index
    const { end } = cell.view(plainEntry(doc, cell.map, cell.key))
    if (!end) return
    this.#push(end.value, cell)
    if (this.#queue.size > 2 * this.#index.marked.size + SPARE) this.#forgetUnmarked()
    this.start()
  }

  /** Waits for the first end. Call it, too, when the clock was replaced. */
  start(): void {
    const { first } = this.#queue
    if (!first || this.#index.doc.isDestroyed) return
    const now = this.#index.clock.now()
    const wait = Math.min(Math.max(first.at - now, MIN_WAIT_MS), MAX_WAIT_MS)
    // A timer that fires too early looks, and waits again.
    if (this.#timer !== undefined && this.#timerAt <= now + wait) return
    this.end()
    this.#timerAt = now + wait
    this.#timer = setTimeout(() => this.look(), wait)
    // In a browser a timer is a number.
    if (typeof this.#timer === 'object') this.#timer.unref()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#timerAt = Number.POSITIVE_INFINITY
  }

  /** Ends what is over now. */
  look(): void {
    this.end()
    const index = this.#index
    const { doc } = index
    if (doc.isDestroyed) return
    const done = this.#takeOver()
    // No caller is there to catch what listeners throw.
    const guard = guardTransactions(doc)
    // First without deleting: observers hear of it in the same way everywhere.
    if (index.hasTouched) guard.run(() => Y.transact(doc, () => undefined, TIME_PASSED, false))
    if (done.length > 0) guard.run(() => this.#delete(done))
    guard.end()
    this.start()
  }

  /** Touches the cells that are over, and returns those to be deleted here and now. */
  #takeOver(): Cell[] {
    const index = this.#index
    const { now } = index.clock
    const done: Cell[] = []
    for (let left = MAX_AT_ONCE; left > 0; left--) {
      const { first } = this.#queue
      if (!first || first.at > now()) break
      this.#queue.pop()
      if (this.#queued.get(first.what) === first.at) this.#queued.delete(first.what)
      const { map, key } = first.what
      const cell = index.cellOf(map, key)
      const view = cell?.view(plainEntry(index.doc, map, key))
      if (!cell || !view?.end) continue
      if (!isOver(view, now)) {
        this.#push(view.end.value, cell)
        continue
      }
      index.touch(cell)
      if (isReadOnly(index.doc)) continue
      const at = this.#deleteAt(view.end)
      if (at <= now()) done.push(cell)
      else this.#push(at, cell)
    }
    return done
  }

  /** When this program deletes what that mark ends. */
  #deleteAt({ client, value }: HotMark): number {
    const { clientID } = this.#index.doc
    return client === clientID ? value : value + DELETE_MARGIN_MS + (clientID % DELETE_SPREAD_MS)
  }

  #delete(cells: readonly Cell[]): void {
    const index = this.#index
    const { doc } = index
    const { now } = index.clock
    doc.transact((transaction) => {
      const elements: HotElement[] = []
      for (const cell of cells) {
        const { map, key } = cell
        // An observer may have written it again.
        const view = index.cellOf(map, key)?.view(plainEntry(doc, map, key))
        if (!view || !isOver(view, now)) continue
        elements.push(...index.cellOf(map, key)!.elements)
        if (view.plain) makePlainRoot(doc, map).delete(key)
      }
      deleteElements(index, transaction, elements)
    }, EXPIRE)
  }

  #push(at: number, cell: Cell): void {
    const known = this.#queued.get(cell)
    if (known !== undefined && known <= at) return
    this.#queued.set(cell, at)
    this.#queue.push(at, cell)
  }

  #forgetUnmarked(): void {
    const queued = [...this.#queued].filter(([cell]) => this.#index.marked.has(cell))
    this.#queue.clear()
    this.#queued.clear()
    for (const [cell, at] of queued) this.#push(at, cell)
  }
}
