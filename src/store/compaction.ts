/**
 * Decides when a log is long enough to be replaced by a state: a long one at once, a shorter one when
 * nothing was written for a while (`IDLE_MS`, which the owner of the store measures).
 *
 * ```ts
 * if (isDueForCompaction(sizes, { isIdle: true })) await store.compact(doc)
 * ```
 *
 * Maximum of bytes in the folder of a log at any time, however much was written in all:
 *
 *     state + new state + max(COMPACT_BYTES, state) + late
 *
 * `late` is appended from the group that makes the log due until the end of the compaction. The new
 * state exists only while a compaction runs. Files that are moved aside or kept come on top.
 *
 * Memory besides the document: the updates that wait, and a copy of one group (`COMMIT_BYTES`, or one
 * longer update). During a compaction: a second document and four times the new state. During `load`:
 * the state and the log.
 */

/**
 * Bytes. A shorter log is not compacted: it loads in some 60 ms. A larger limit means fewer
 * compactions of small documents and a longer start.
 */
export const COMPACT_BYTES: number = 1024 * 1024

/**
 * Updates. At a start each takes 4 us to apply, so these take 80 ms. A larger limit means a longer
 * start, and more memory while they are read.
 */
export const COMPACT_UPDATES = 20_000

/**
 * Share of the state's bytes that a log of many tiny updates must have before the state is written
 * again: so at most 4 bytes of state are written for each byte of log.
 */
const MIN_SHARE = 1 / 4

/** Milliseconds without a write after which an owner counts as idle. */
export const IDLE_MS = 60_000

/**
 * Bytes. While idle, a shorter log is not compacted: the 4 ms saved at the next start are not worth
 * the flushes. With a larger limit more log is read at each start.
 */
export const IDLE_BYTES: number = 64 * 1024

/** The same limit as a number of updates. */
export const IDLE_UPDATES = 1_000

/**
 * Range of the random share of the state that a log must have. All agents of a swarm receive the same
 * updates, so their logs grow alike. With different shares they do not all compact, and pause, at the
 * same moment (64 MB take 0.8 s). Costs up to a third more writing than 0.
 */
const SPREAD = 1 / 4

/** Draws the share for a store. `random` returns a number in [0, 1). */
export const drawShare = (random: () => number = Math.random): number => 1 - random() * SPREAD

export interface Moment {
  /** Was nothing written for `IDLE_MS`? */
  readonly isIdle: boolean
}

export interface Sizes {
  /** Bytes of the compacted state; 0 if there is none. */
  readonly stateBytes: number
  /** Bytes and updates after the state. */
  readonly logBytes: number
  readonly logUpdates: number
}

const hasShare = (share: number, { stateBytes, logBytes }: Sizes): boolean =>
  logBytes >= stateBytes * share

/** `share` is the share of the state's bytes that the log must have: 1, or from `drawShare`. */
export const isDueForCompaction = (
  sizes: Sizes,
  { isIdle }: Moment = { isIdle: false },
  share = 1,
): boolean =>
  (sizes.logBytes >= COMPACT_BYTES && hasShare(share, sizes)) ||
  (sizes.logUpdates >= COMPACT_UPDATES && hasShare(MIN_SHARE, sizes)) ||
  (isIdle &&
    (sizes.logBytes >= IDLE_BYTES || sizes.logUpdates >= IDLE_UPDATES) &&
    hasShare(MIN_SHARE, sizes))
