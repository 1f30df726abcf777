/**
 * Pulls from peers, again and again, until a condition holds.
 *
 * ```ts
 * const pulls = new Pulls(room)
 * const isDone = await pulls.until(() => room.status.syncs > before, 10_000)
 * pulls.check()       // after each event of gossip
 * ```
 */
import type { Room } from '../agent/room.ts'

/** Milliseconds between two pulls. Each costs a short message and its answer. */
const PAUSE_MS = 500

export class Pulls {
  readonly #room: Room
  readonly #checks = new Set<() => void>()

  constructor(room: Room) {
    this.#room = room
  }

  /** Checks the conditions of all pulls. */
  check(): void {
    for (const check of [...this.#checks]) check()
  }

  /** Resolves to true once `isDone`, and to false after `timeoutMs` or when the room has left. */
  until(isDone: () => boolean, timeoutMs: number): Promise<boolean> {
    const { name, runtime } = this.#room
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearInterval(pulling)
        clearTimeout(late)
        this.#checks.delete(check)
        resolve(result)
      }
      const check = (): void => {
        if (this.#room.runtime !== runtime) end(false)
        else if (isDone()) end(true)
      }
      const pull = (): void => runtime?.take({ type: 'pull', document: name })
      const pulling = setInterval(pull, PAUSE_MS)
      const late = setTimeout(() => end(false), timeoutMs)
      this.#checks.add(check)
      pull()
    })
  }
}
