/**
 * The clock of the bench is processor time: a merge costs the same on a busy machine, where elapsed
 * time would mostly show how busy it is. V8's helper threads (compiler, collector) are included.
 */

/** Windows counts processor time in steps of 15.6 ms, which is too coarse; there it is elapsed time. */
export const CLOCK: 'processor time' | 'elapsed time' =
  process.platform === 'win32' ? 'elapsed time' : 'processor time'

export const elapsed = (): number => performance.now() * 1_000

const processorTime = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

/** Microseconds since a fixed moment; a call costs about one. */
export const now: () => number = CLOCK === 'processor time' ? processorTime : elapsed
