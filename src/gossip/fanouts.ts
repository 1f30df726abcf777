/**
 * How many peers are told something, by how many there are. In a small swarm the writer tells
 * everybody at once and says so, and nobody passes it on; in a large one each node tells a few.
 *
 * ```ts
 * fanoutsFor(DEFAULTS, 4)     // { isSmall: true, push: 4, echo: 1, round: 2, ownInlineBytes: 65536, … }
 * fanoutsFor(DEFAULTS, 1000)  // { isSmall: false, push: 3, echo: 3, round: 3, ownInlineBytes: 4096, … }
 * ```
 */
import type { GossipConfig } from './config.ts'

export interface Fanouts {
  /** Is everybody told by the writer? */
  readonly isSmall: boolean
  /** Peers that a push goes to. */
  readonly push: number
  /** Peers that the digest behind it goes to. */
  readonly digest: number
  /** Peers that a round's digest goes to. */
  readonly round: number
  /** Bytes of V1 up to which a change is pushed, and not announced and fetched. */
  readonly inlineBytes: number
  /** The same for many changes that are that short on average. */
  readonly batchInlineBytes: number
  /** The same for a change that was made here. */
  readonly ownInlineBytes: number
}

/**
 * Times the fanout: up to so many peers, telling all of them takes no more messages than passing
 * on, where each node tells `fanout` peers that mostly have it already.
 */
const SMALL = 2

/**
 * Peers for each one that a round goes to. Four peers hear two digests a round from each of us:
 * a lost push is found in 1.2 s on average; fewer take longer, more cost a message each.
 */
const PEERS_A_ROUND = 3

export const fanoutsFor = (config: GossipConfig, living: number): Fanouts => {
  const { fanout, digestFanout, inlineBytes, maxInlineBytes } = config
  if (living > SMALL * fanout) {
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
    // Nobody else tells it, so no copy is redundant.
    ownInlineBytes: Math.max(inlineBytes, maxInlineBytes),
  }
}
