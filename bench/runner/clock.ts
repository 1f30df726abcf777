/**
 * The clock of the bench: processor time, as a merge costs the same on a busy machine, where
 * elapsed time would mostly tell how busy it is. It includes V8's helpers (compiling, collecting).
 *
 * ```ts
 * const start = now()
 * work()
 * const us = now() - start
 * ```
 */

/** Windows counts processor time in steps of 15.6 ms: useless here, so there it is elapsed time. */
export const CLOCK: 'processor time' | 'elapsed time' =
  process.platform === 'win32' ? 'elapsed time' : 'processor time'

const processorTime = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Microseconds since some moment; a call costs about one. */
export const now: () => number =
  CLOCK === 'processor time' ? processorTime : () => performance.now() * 1_000
