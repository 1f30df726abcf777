/**
 * Asks peers for what we lack, again and again, until something has come of it.
 *
 * ```ts
 * const questions = new Questions(room)
 * const isDone = await questions.ask(() => room.status.syncs > before, 10_000)
 * questions.look()       // after each event of gossip
 * ```
 */
import type { Room } from '../agent/room.ts'

/** Milliseconds between two questions; each is a short message, and its answer. */
const PAUSE_MS = 500

export class Questions {
  readonly #room: Room
  readonly #looks = new Set<() => void>()

  constructor(room: Room) {
    this.#room = room
  }

  /** Looks whether what somebody waits for has come. */
  look(): void {
    for (const look of [...this.#looks]) look()
  }

  /** True as soon as `isDone`; false: not within that time (milliseconds), or not connected any more. */
  async ask(isDone: () => boolean, timeoutMs: number): Promise<boolean> {
    const { name, runtime } = this.#room
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearInterval(asking)
        clearTimeout(late)
        this.#looks.delete(look)
        resolve(result)
      }
      const look = (): void => {
        if (this.#room.runtime !== runtime) end(false)
        else if (isDone()) end(true)
      }
      const ask = (): void => runtime?.take({ type: 'pull', document: name })
      const asking = setInterval(ask, PAUSE_MS)
      const late = setTimeout(() => end(false), timeoutMs)
      this.#looks.add(look)
      ask()
    })
  }
}
