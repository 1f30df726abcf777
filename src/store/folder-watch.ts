/**
 * Looks now and then whether a folder is still there, and the same: an agent whose data folder was
 * removed lives on in memory, and can be reached by no command.
 *
 * ```ts
 * const watch = new FolderWatch(() => lock.checkFolder(), (failure) => end(failure))
 * watch.stop()
 * ```
 */
import { type Failure, isFailure } from '../errors.ts'

/**
 * Milliseconds between two looks. A look costs one `stat`; longer leaves people who removed the
 * folder for longer with an agent that they cannot reach.
 */
const LOOK_MS = 2_000

export class FolderWatch {
  readonly #check: () => Promise<void>
  readonly #onGone: (failure: Failure) => void
  readonly #timer: NodeJS.Timeout

  /** `check` rejects with `not_found` when the folder is gone; `onGone` is called once. */
  constructor(check: () => Promise<void>, onGone: (failure: Failure) => void, lookMs = LOOK_MS) {
    this.#check = check
    this.#onGone = onGone
    // It keeps no process alive.
    this.#timer = setInterval(() => void this.#look(), lookMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    try {
      await this.#check()
    } catch (error) {
      // What else the system says of a folder (no right, a network that is down) may pass.
      if (!isFailure(error, 'not_found')) return
      this.stop()
      this.#onGone(error)
    }
  }
}
