/**
 * The lifecycle of a transport, which can be opened, closed and opened again. An `open` during a
 * `close` waits for its end, so two openings never overlap.
 *
 * ```ts
 * await lifecycle.open(async (opening) => { await connect(); if (opening.isOver) throw lifecycle.closed() })
 * lifecycle.current       // the opening; undefined once `close` was called
 * await lifecycle.close(() => disconnect())
 * ```
 */
import { Failure } from '../errors.ts'

export interface Opening {
  /** Was it closed? Work that began in this opening must not continue in the next one. */
  readonly isOver: boolean
}

export class Lifecycle {
  /** What is opened, for messages: `the mailbox "a"`. */
  readonly #what: string
  #current: { isOver: boolean; readonly started: Promise<void> } | undefined
  #closed: Promise<unknown> = Promise.resolve()

  constructor(what: string) {
    this.#what = what
  }

  /** The opening that has started, or is starting. */
  get current(): Opening | undefined {
    return this.#current
  }

  /**
   * Runs `start` once the previous opening has closed. `start` must check `isOver` after each wait;
   * if it is true, `start` must clean up and reject. Rejects with `already_exists` while another
   * opening lasts, and with what `start` rejects with: then it counts as closed.
   */
  async open(start: (opening: Opening) => Promise<void>): Promise<void> {
    if (this.#current) {
      throw new Failure('already_exists', `${this.#what} is open already`, {
        hint: 'close it first, or create another one',
      })
    }
    const previous = this.#closed // read now: a `close` of this opening replaces it
    const run = async (): Promise<void> => {
      await previous
      if (opening.isOver) throw this.closed()
      await start(opening)
    }
    const started = Promise.resolve().then(run)
    const opening = { isOver: false, started }
    this.#current = opening
    try {
      await started
    } catch (error) {
      opening.isOver = true
      if (this.#current === opening) this.#current = undefined
      throw error
    }
  }

  /**
   * Calls `stop` at once, even while the opening is still starting. Resolves when `stop`, the start
   * and every earlier close have settled. May be called twice.
   */
  close(stop: () => Promise<void>): Promise<void> {
    const opening = this.#current
    this.#current = undefined
    if (opening) opening.isOver = true
    const parts = [this.#closed, opening?.started, stop()]
    const closed = Promise.allSettled(parts).then(() => undefined)
    this.#closed = closed
    return closed
  }

  /** The Failure for a call that needs an open transport. */
  closed(): Failure {
    return new Failure('closed', `${this.#what} is not open`, { hint: 'open it', isLocal: true })
  }
}
