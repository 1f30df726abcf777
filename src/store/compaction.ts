/**
 * When a log has grown enough to be replaced by a state: at once where it is long, and where it
 * is of some length when nobody has written for a while (`IDLE_MS`; the owner's to judge).
 *
 * ```ts
 * if (isDueForCompaction(sizes, { isIdle: true })) await store.compact(doc)
 * ```
 *
 * Bytes of the folder of a log, at all times and however much was ever written:
 *
 *     state + new state + max(COMPACT_BYTES, state) + late
 *
 * `late` is what is appended from the group that makes the log due to the end of the compaction;
 * the new state is there only while that runs. Files that are set aside or kept come on top.
 *
 * Bytes of memory beside the document: the updates that wait, and a copy of those of one group
 * (`COMMIT_BYTES`, or one longer update). While a compaction runs: a second document and four
 * times the new state. While a store is loaded: the state and the log.
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
const MIN_SHARE = 1 / 4

/** Milliseconds without a write after which an owner takes its time to be idle. */
export const IDLE_MS = 60_000

/**
 * Bytes. When idle, a log below this is left alone: what its compaction saves at the next start
 * (4 ms) is not worth the flushes. Larger: more log is read at each start.
 */
export const IDLE_BYTES: number = 64 * 1024

/** Updates; the same in count. */
export const IDLE_UPDATES = 1_000

/**
 * How much less than the state a log must at most be. The agents of a swarm are sent the same, so
 * that their logs grow alike: where each compacts at another length, they do not all stand still
 * at one moment (64 MB take 0.8 s). More: up to a third more is written than with 0.
 */
const SPREAD = 1 / 4

/** Share of the state for a store, by lot. `random` is from 0 up to 1. */
export const drawShare = (random: () => number = Math.random): number => 1 - random() * SPREAD

export interface Moment {
  /** Has nothing been written for `IDLE_MS`? */
  readonly isIdle: boolean
}

export interface Sizes {
  /** Bytes of the compacted state; 0 where there is none. */
  readonly stateBytes: number
  /** Bytes and updates that came after it. */
  readonly logBytes: number
  readonly logUpdates: number
}

const isWorthIts = (share: number, { stateBytes, logBytes }: Sizes): boolean =>
  logBytes >= stateBytes * share

/** `share` is that of the state which the log must have: 1, or what `drawShare` gave. */
export const isDueForCompaction = (
  sizes: Sizes,
  { isIdle }: Moment = { isIdle: false },
  share = 1,
): boolean =>
  (sizes.logBytes >= COMPACT_BYTES && isWorthIts(share, sizes)) ||
  (sizes.logUpdates >= COMPACT_UPDATES && isWorthIts(MIN_SHARE, sizes)) ||
  (isIdle &&
    (sizes.logBytes >= IDLE_BYTES || sizes.logUpdates >= IDLE_UPDATES) &&
    isWorthIts(MIN_SHARE, sizes))
