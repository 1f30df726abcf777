/**
 * Time as those need it who do something later: tests bring their own.
 *
 * ```ts
 * const cancel = nodeTimers.after(10_000, () => close())
 * cancel()
 * ```
 */
export interface Timers {
  /** Milliseconds that never go back. */
  now(): number
  /** Runs once after `ms`, without keeping the process alive for it; gives what takes it back. */
  after(ms: number, run: () => void): () => void
}

export const nodeTimers: Timers = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref()
    return () => clearTimeout(timer)
  },
}
