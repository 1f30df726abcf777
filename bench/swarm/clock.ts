/**
 * Waiting for real processes: for a time, for a condition, and for each write of a steady load.
 *
 * ```ts
 * await pauseUntil(start + 1000, signal)
 * const isSo = await within(60_000, signal, async () => (await agent.status()).waiting === 0)
 * ```
 */
import { setTimeout } from 'node:timers/promises'

/** Milliseconds between two checks. */
const LOOK_MS = 100

/** Resolves at that `performance.now()`, at once if it is past; rejects when `signal` aborts. */
export const pauseUntil = async (time: number, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted()
  const left = time - performance.now()
  if (left > 0) await setTimeout(left, undefined, { signal })
}

/** Resolves with true as soon as `look` does; with false if it does not within `maxMs`. */
export const within = async (
  maxMs: number,
  signal: AbortSignal,
  look: () => boolean | Promise<boolean>,
): Promise<boolean> => {
  const end = performance.now() + maxMs
  for (;;) {
    const begun = performance.now()
    if (await look()) return true
    if (performance.now() > end) return false
    await pauseUntil(begun + LOOK_MS, signal)
  }
}

export interface Load {
  /** Writes per second, all agents together. */
  readonly rate: number
  /** Called before each write with its due time, in milliseconds since the first. */
  readonly isOver: (at: number) => boolean
  /** The agents that write, in turn. */
  readonly writers: readonly number[]
  /** Issues a write that is due at that `performance.now()`. */
  readonly write: (agent: number, due: number) => void
  readonly signal: AbortSignal
}

/**
 * Issues each write when it is due, whether or not earlier ones were answered: a slow agent must not
 * slow the load. Resolves when the last write is issued.
 */
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
