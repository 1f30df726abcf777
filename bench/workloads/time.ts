/**
 * The time of day as the writers of the bench see it: the same in each run, so that stamps, and
 * with them bytes, are the same too. All clocks agree; no two stamps are taken in one millisecond.
 *
 * ```ts
 * const time = createTime()
 * useClock(doc, time)
 * ```
 */

/** Unix milliseconds, in 2027. */
const START = 1_800_000_000_000

/** Unix milliseconds; a call moves it on by one. */
export const createTime = (): (() => number) => {
  let time = START
  return () => ++time
}
