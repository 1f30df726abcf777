/** How much of everything a run does. */

export interface Sizes {
  /** Keys of the merged maps. */
  readonly keys: readonly number[]
  /** Minimum samples of each merge and each start. */
  readonly runs: number
  /** N of B3.1 to B3.3, and samples of each. */
  readonly b3N: number
  readonly b3Runs: number
  /** N of B1 and B2. */
  readonly sequencesN: number
  readonly heapKeys: readonly number[]
  /** Average overwrites of each key, ascending. */
  readonly overwrites: readonly number[]
  /** Minimum keys of the document that is started with. */
  readonly startUpKeys: number
  /** Concurrent writers of commits. */
  readonly writers: readonly number[]
  /** Milliseconds for which they write. Longer: steadier figures on a busy disk. */
  readonly commitMs: number
}

/** Figures to publish: 20 to 30 minutes on two cores, half of that for 100,000 keys. */
export const FULL: Sizes = {
  keys: [100, 1_000, 10_000, 100_000],
  runs: 5,
  // The author's own N, so that his published figures can be compared with ours.
  b3N: 6_000,
  b3Runs: 3,
  sequencesN: 6_000,
  heapKeys: [100, 1_000, 10_000],
  overwrites: [1, 10, 100, 1_000],
  startUpKeys: 100_000,
  writers: [1, 10, 100, 1_000],
  commitMs: 1_000,
}

/** Enough to check that all answers are right: a minute and a half on two cores. */
export const QUICK: Sizes = {
  keys: [100, 1_000],
  runs: 2,
  b3N: 25,
  b3Runs: 3,
  sequencesN: 25,
  heapKeys: [1_000],
  overwrites: [1, 10, 100],
  startUpKeys: 1_000,
  writers: [1, 10, 100],
  commitMs: 200,
}
