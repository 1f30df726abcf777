/** The clock of the bench's writers: the same in every run, and so are the stamps and their bytes. */

/** Unix milliseconds, in 2027. */
const START = 1_800_000_000_000

/** Unix milliseconds; each call advances it by one, so no two stamps are equal. */
export const createTime = (): (() => number) => {
  let time = START
  return () => ++time
}
