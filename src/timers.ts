/**
 * Timers that tests can replace.
 *
 * ```ts
 * const cancel = nodeTimers.after(10_000, () => close())
 * cancel()
 * ```
 */
export interface Timers {
  /** Milliseconds that never go back. */
  now(): number
  /** Calls `run` once after `ms`, and does not keep the process alive. Returns a function that cancels it. */
  after(ms: number, run: () => void): () => void
}

export const nodeTimers: Timers = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref()
    return () => clearTimeout(timer)
  },
}
