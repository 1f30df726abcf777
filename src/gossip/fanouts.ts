/**
 * How many peers get a message, depending on how many there are. In a small swarm the writer pushes
 * to every peer and says so, and no peer passes it on. In a large swarm each node pushes to a few.
 *
 * ```ts
 * fanoutsFor(DEFAULTS, 4)     // { isSmall: true, push: 4, digest: 1, round: 2, ownInlineBytes: 65536, … }
 * fanoutsFor(DEFAULTS, 1000)  // { isSmall: false, push: 3, digest: 3, round: 3, ownInlineBytes: 4096, … }
 * ```
 */
import type { GossipConfig } from './config.ts'

export interface Fanouts {
  /** Does the writer push to every peer? */
  readonly isSmall: boolean
  /** Peers that a push goes to. */
  readonly push: number
  /** Peers that the digest after a push goes to. */
  readonly digest: number
  /** Peers that a round's digest goes to. */
  readonly round: number
  /** Bytes of V1 up to which a change is pushed inline, and not announced and pulled. */
  readonly inlineBytes: number
  /** The same for a batch of changes that are that short on average. */
  readonly batchInlineBytes: number
  /** The same for a change made here. */
  readonly ownInlineBytes: number
}

/**
 * Times the fanout. Up to so many peers, a push to all of them takes no more messages than passing
 * it on, when each node pushes to `fanout` peers that mostly have it already.
 */
export const SMALL_SWARM_FACTOR = 2

/**
 * Peers for each one that a round goes to. With four peers, each of them gets two digests a round:
 * a lost push is found after 1.2 s on average. Fewer digests take longer; each one more costs a
 * message.
 */
export const PEERS_A_ROUND = 3

export const fanoutsFor = (config: GossipConfig, living: number): Fanouts => {
  const { fanout, digestFanout, maxInlineBytes } = config
  // In a tree no copy is redundant.
  const inlineBytes = config.dissemination === 'tree' ? maxInlineBytes : config.inlineBytes
  if (living > SMALL_SWARM_FACTOR * fanout) {
    return {
      isSmall: false,
      push: fanout,
      digest: digestFanout,
      round: fanout,
      inlineBytes,
      batchInlineBytes: maxInlineBytes,
      ownInlineBytes: inlineBytes,
    }
  }
  return {
    isSmall: true,
    push: living,
    digest: Math.min(1, digestFanout),
    round: Math.min(fanout, Math.max(1, Math.ceil(living / PEERS_A_ROUND))),
    inlineBytes,
    batchInlineBytes: maxInlineBytes,
    // No other peer sends it, so no copy is redundant.
    ownInlineBytes: Math.max(inlineBytes, maxInlineBytes),
  }
}

/**
 * Upper bound of the rings for pushes, and of those for digests. A larger value only helps fanouts
 * above 15, and costs 16 bytes for each peer and ring.
 */
const MAX_RINGS = 8

/** Rings from number `first` up to `end` (see `rings.ts`). */
export interface RingRange {
  readonly first: number
  readonly end: number
}

/** The rings whose neighbours pushes go to, and those for the digests that follow. */
export interface RingRanges {
  readonly push: RingRange
  readonly digest: RingRange
}

/** A push needs one neighbour more than its fanout, as one of them has sent the change. */
export const ringsFor = ({ fanout, digestFanout }: GossipConfig): RingRanges => {
  const push = Math.min(MAX_RINGS, Math.ceil((fanout + 1) / 2))
  const digest = Math.min(MAX_RINGS, Math.ceil(digestFanout / 2))
  return { push: { first: 0, end: push }, digest: { first: push, end: push + digest } }
}
