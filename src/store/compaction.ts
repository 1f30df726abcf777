/**
 * When a log has grown enough to be replaced by a state. Idle time is the owner's to judge.
 *
 * The folder then stays below `2 x state + 2 x log`, with `log <= max(1 MiB, state)` plus what
 * comes in between two looks of the owner: twice only while a compaction runs, once after it.
 */

/**
 * Bytes. A log below this is left alone: it loads in some 60 ms. Larger: fewer compactions of
 * small documents, a longer start.
 */
export const COMPACT_BYTES: number = 1024 * 1024

/**
 * Updates. They take 4 us each to apply at the start, 80 ms for these. Larger: a longer start,
 * and more memory for a moment while they are read.
 */
export const COMPACT_UPDATES = 20_000

/**
 * Share of the state. A log of many tiny updates must be this large before a large state is
 * written again for it: at most 4 bytes of state are then written for each byte of log.
 */
const LEAST_SHARE = 1 / 4

export interface Sizes {
  readonly stateBytes: number
  readonly logBytes: number
  readonly logUpdates: number
}

export const isDueForCompaction = ({ stateBytes, logBytes, logUpdates }: Sizes): boolean =>
  logBytes >= Math.max(COMPACT_BYTES, stateBytes) ||
  (logUpdates >= COMPACT_UPDATES && logBytes >= stateBytes * LEAST_SHARE)
