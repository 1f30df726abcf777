/**
 * Checks regularly that a folder is still there, and the same one: an agent whose data folder was
 * removed goes on in memory, and no command can reach it.
 *
 * ```ts
 * const watch = new FolderWatch(() => lock.checkFolder(), (failure) => end(failure))
 * watch.stop()
 * ```
 */
import { type Failure, isFailure } from '../errors.ts'

/**
 * Milliseconds between two checks. A check costs one `stat`, which wakes two threads. With longer
 * pauses, an agent stays longer that no command can reach.
 */
const LOOK_MS = 5_000

export class FolderWatch {
  readonly #check: () => Promise<void>
  readonly #onGone: (failure: Failure) => void
  readonly #timer: NodeJS.Timeout

  /** `check` rejects with `not_found` if the folder is gone. Then `onGone` is called once. */
  constructor(check: () => Promise<void>, onGone: (failure: Failure) => void, lookMs = LOOK_MS) {
    this.#check = check
    this.#onGone = onGone
    // The timer must not keep the process alive.
    this.#timer = setInterval(() => void this.#look(), lookMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    try {
      await this.#check()
    } catch (error) {
      // Other errors, such as missing rights or a network that is down, may pass.
      if (!isFailure(error, 'not_found')) return
      this.stop()
      this.#onGone(error)
    }
  }
}
