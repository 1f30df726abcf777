/**
 * Writes at a steady pace, one agent after the other, each when it is due and not when the one
 * before was answered: an agent that is slow must not slow down those who write.
 *
 * ```ts
 * await runLoad({ rate: 5, isOver: (at) => at >= 30_000, writers: [0, 1], write, signal })
 * ```
 */
import { pauseUntil } from './clock.ts'

export interface Load {
  /** Writes a second, of all together. */
  readonly rate: number
  /** Asked before each write, with the milliseconds since the first at which it is due. */
  readonly isOver: (at: number) => boolean
  /** The agents that write, in turn. */
  readonly writers: readonly number[]
  /** Issues a write that was due at that time, by `performance.now()`. */
  readonly write: (agent: number, due: number) => void
  readonly signal: AbortSignal
}

/** Resolves when the last write is issued. */
export const runLoad = async ({ rate, isOver, writers, write, signal }: Load): Promise<void> => {
  const start = performance.now()
  for (let count = 0; ; count++) {
    const at = (count * 1000) / rate
    if (isOver(at)) return
    await pauseUntil(start + at, signal)
    if (isOver(at)) return
    write(writers[count % writers.length] as number, start + at)
  }
}
