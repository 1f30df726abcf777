/**
 * The turns of a transport: it is opened, closed, and opened again, one after another. Whoever opens
 * it while it closes waits for the end of that, so that a turn never meets what another left.
 *
 * ```ts
 * await turns.begin(async (turn) => { await connect(); if (turn.isOver) throw closed() })
 * turns.now               // the turn; undefined once `end` was called
 * await turns.end(() => disconnect())
 * ```
 */
import { Failure } from '../errors.ts'

export interface Turn {
  /** Was it ended? What began in it must not go on in the next one. */
  readonly isOver: boolean
}

export class Turns {
  /** What is opened, for messages: `the mailbox "a"`. */
  readonly #what: string
  #now: { isOver: boolean; readonly begun: Promise<void> } | undefined
  #ended: Promise<unknown> = Promise.resolve()

  constructor(what: string) {
    this.#what = what
  }

  /** The turn that has begun, or begins. */
  get now(): Turn | undefined {
    return this.#now
  }

  /**
   * Runs `start` once the turn before has ended. It must look at `isOver` after each wait, tidy up
   * and reject then. Rejects with `already_exists` while another turn lasts, and as `start` does:
   * that turn is over, and the next one may begin.
   */
  async begin(start: (turn: Turn) => Promise<void>): Promise<void> {
    if (this.#now) {
      throw new Failure('already_exists', `${this.#what} is open already`, {
        hint: 'close it first, or make another one',
      })
    }
    const before = this.#ended // not its own end, which is waited for by the next one
    const run = async (): Promise<void> => {
      await before
      if (turn.isOver) throw this.closed()
      await start(turn)
    }
    const begun = Promise.resolve().then(run)
    const turn = { isOver: false, begun }
    this.#now = turn
    try {
      await begun
    } catch (error) {
      turn.isOver = true
      if (this.#now === turn) this.#now = undefined
      throw error
    }
  }

  /**
   * Ends the turn: `stop` runs at once, also while it begins. Resolves when that and all before has
   * come to its end. May be called twice.
   */
  end(stop: () => Promise<void>): Promise<void> {
    const turn = this.#now
    this.#now = undefined
    if (turn) turn.isOver = true
    const parts = [this.#ended, turn?.begun, stop()]
    const ended = Promise.allSettled(parts).then(() => undefined)
    this.#ended = ended
    return ended
  }

  /** What to throw where there is no turn. */
  closed(): Failure {
    return new Failure('closed', `${this.#what} is not open`, { hint: 'open it', isLocal: true })
  }
}
