/**
 * Reports values whose stamps were too far ahead when their time has come: they may be visible then.
 * Readers see that by themselves; observers hear of it by an empty transaction.
 *
 * ```js
 * const ripening = new Ripening(index)
 * if (index.hasAhead) ripening.start()
 * ```
 */
import * as Y from 'yjs'
import { guardTransactions } from '../../crdt/index.ts'
import type { HotIndex } from './hot-index.ts'
import { TIME_PASSED } from './time-passed.ts'

/**
 * Milliseconds between two looks. Such values are rare, and come from broken clocks: an observer may
 * hear of one a minute late. Each look costs as much as there are of them, which a hostile writer
 * decides. The upper bound keeps the time within what timers can wait.
 */
const MIN_WAIT_MS = 60_000
const MAX_WAIT_MS = 24 * 60 * 60_000

export class Ripening {
  readonly #index: HotIndex
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(index: HotIndex) {
    this.#index = index
  }

  /** Looks when the first value is due. Does nothing if it waits already. */
  start(): void {
    if (this.#timer !== undefined || this.#index.doc.isDestroyed) return
    this.#wait(MIN_WAIT_MS)
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Reports what is due now. */
  look(): void {
    this.end()
    const { doc } = this.#index
    if (doc.isDestroyed) return
    const next = this.#index.ripen()
    if (next !== undefined) this.#wait(next)
    if (!this.#index.hasTouched) return
    // No caller is there to catch what listeners throw.
    const guard = guardTransactions(doc)
    guard.run(() => Y.transact(doc, () => undefined, TIME_PASSED, false))
    guard.end()
  }

  #wait(ms: number): void {
    const wait = Math.min(Math.max(ms, MIN_WAIT_MS), MAX_WAIT_MS)
    this.#timer = setTimeout(() => this.look(), wait)
    this.#timer.unref()
  }
}
