/**
 * How much of everything a run does: enough for figures that can be told to others, or, for a
 * quick one, just enough to see that all answers are right.
 *
 * ```ts
 * const { keys, overwrites } = QUICK
 * ```
 */

export interface Sizes {
  /** Keys of the maps that are merged. */
  readonly keys: readonly number[]
  /** Samples of each cell of the merges, and of each restart. */
  readonly runs: number
  /** N of B3.1 to B3.3. */
  readonly b3N: number
  /** Samples of each of them, for those who are not too slow. */
  readonly b3Runs: number
  /** Keys of the maps whose memory is measured. */
  readonly heapKeys: readonly number[]
  /** Times that each of 100 keys is overwritten, on average, ascending. */
  readonly overwrites: readonly number[]
  /** Keys of the document that is started with, at least. */
  readonly startUpKeys: number
  /** Who write at once. */
  readonly writers: readonly number[]
  /** Milliseconds for which they write. Longer: figures that hang less on the disk's mood. */
  readonly commitMs: number
}

/** Some 20 to 30 minutes on two cores, half of it for 100,000 keys. */
export const FULL: Sizes = {
  keys: [100, 1_000, 10_000, 100_000],
  runs: 5,
  // What the author of B3 takes: his figures can be laid beside ours.
  b3N: 6_000,
  b3Runs: 3,
  heapKeys: [100, 1_000, 10_000],
  overwrites: [1, 10, 100, 1_000],
  startUpKeys: 100_000,
  writers: [1, 10, 100, 1_000],
  commitMs: 1_000,
}

/** A minute and a half on two cores. */
export const QUICK: Sizes = {
  keys: [100, 1_000],
  runs: 2,
  b3N: 25,
  b3Runs: 3,
  heapKeys: [1_000],
  overwrites: [1, 10, 100],
  startUpKeys: 1_000,
  writers: [1, 10, 100],
  commitMs: 200,
}
