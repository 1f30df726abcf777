/**
 * Waiting in a bench of real processes: for a time, and for what cannot be awaited.
 *
 * ```ts
 * await pauseUntil(start + 1000, signal)
 * const isSo = await within(60_000, signal, async () => (await agent.status()).waiting === 0)
 * ```
 */
import { setTimeout } from 'node:timers/promises'

/** Milliseconds between two looks. */
const LOOK_PAUSE = 100

/** Resolves at that time by `performance.now()`, at once when it is past; rejects when `signal` aborts. */
export const pauseUntil = async (time: number, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted()
  const left = time - performance.now()
  if (left > 0) await setTimeout(left, undefined, { signal })
}

/** Resolves with true as soon as `look` does, and with false when it has not after `bound` milliseconds. */
export const within = async (
  bound: number,
  signal: AbortSignal,
  look: () => boolean | Promise<boolean>,
): Promise<boolean> => {
  const end = performance.now() + bound
  for (;;) {
    const begun = performance.now()
    if (await look()) return true
    if (performance.now() > end) return false
    await pauseUntil(begun + LOOK_PAUSE, signal)
  }
}
