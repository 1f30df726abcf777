/**
 * The settings of gossip. Each states its unit, the reason for its default, and what a larger value
 * costs.
 *
 * ```js
 * new Gossip({ ...options, config: { ...DEFAULTS, fanout: 4 } })
 * ```
 */

export interface GossipConfig {
  /**
   * How a large swarm spreads a change: `fanout` pushes it to all neighbours, `tree` only over the
   * links of a tree (see `tree.ts`).
   */
  readonly dissemination: 'fanout' | 'tree'
  /** Peers that a push goes to. */
  readonly fanout: number
  /** Milliseconds between two rounds. */
  readonly intervalMs: number
  /** Share of the interval by which a round may be early or late. */
  readonly jitter: number
  /** Milliseconds for which changes are batched before they are pushed. */
  readonly batchMs: number
  /** Milliseconds without a fresh change after which pushes are followed by the digest. */
  readonly digestDelayMs: number
  /**
   * Peers that this digest goes to. A change too long for a push is announced to them and to those
   * of `fanout` at once.
   */
  readonly digestFanout: number
  /** Peers that are told about a document that is opened. */
  readonly announceFanout: number
  /** Bytes of V1. A longer update is announced by the digest of the state, and pulled. */
  readonly inlineBytes: number
  /**
   * The same for a batch of changes that are that short on average, and in a small swarm for a
   * change made here.
   */
  readonly maxInlineBytes: number
  /** Milliseconds without an answer after which another peer is asked. */
  readonly pullTimeoutMs: number
  /**
   * Milliseconds after a start for which own changes are withheld, if no peer confirms that no
   * other copy uses the writer id.
   */
  readonly aloneMs: number
  /**
   * Milliseconds for which a peer is left alone after its first failure; doubled with each further
   * one.
   */
  readonly backoffMs: number
  /** Upper bound of that time. */
  readonly maxBackoffMs: number
  /** Milliseconds between two attempts while nothing can be sent from here to any peer. */
  readonly pauseMs: number
  /**
   * Upper bound of concurrent sends; there are fewer while sends are late (see `send-window.ts`).
   */
  readonly maxSends: number
  /** Members named in a round's push. */
  readonly membersNamed: number
  /** Members named in the first push to a peer, which may be new and know no other. */
  readonly membersIntroduced: number
  /** Peers kept. Above this number, peers that other peers name are ignored. */
  readonly maxPeers: number
  /** Digests of merged updates that are remembered for each document. */
  readonly maxRemembered: number
}

export const DEFAULTS: GossipConfig = {
  // A tree saves up to two fifths of the messages if writes are rare, and a sixth at most under load;
  // a write takes up to twice the time, and longer after losses (docs/performance.md).
  dissemination: 'fanout',
  // The seed's. With four neighbours, 3 are left after the one that sent the change. Each one more
  // costs every node up to one more message a change, about 15 ms of processor time with pilotctl.
  fanout: 3,
  // The seed's. Rounds only repair, so this delays what was lost, not every write.
  intervalMs: 5_000,
  // Agents that start together must not push together forever.
  jitter: 0.1,
  // A script's burst of writes becomes one push, and people do not notice the delay. A larger value
  // adds to each hop.
  batchMs: 20,
  // Five hops: by then a rumor has reached every peer that it reaches at all, so no peer pulls in
  // vain. A larger value delays the peers that it missed.
  digestDelayMs: 250,
  // One ring: it misses none of 1,000 nodes, or 0.03 % if a tenth of the messages is lost. Each ring
  // more costs every node about one message a change.
  digestFanout: 2,
  // In a swarm of that size a peer with the document is found at once, in a larger one by rounds.
  // Costs one short message for each peer.
  announceFanout: 50,
  // Two of three pushes meet a peer that has the update already. Up to this length that is cheaper
  // than the two messages of a pull. A larger value costs each node twice its length.
  inlineBytes: 4_096,
  // In a small swarm no peer gets a change twice. Of a batch a peer lacks only some changes, but
  // the three messages of a pull cost a busy host more than 64 KiB do. As base64 it fits into the
  // one argument of an old pilotctl.
  maxInlineBytes: 65_536,
  // Ten round trips with pilotctl (50 ms each way), and the time to encode a large state; each
  // chunk of an answer extends it by as much. A larger value delays repair after a loss, a smaller
  // one pulls twice on a busy host.
  pullTimeoutMs: 1_500,
  // Long enough to repeat a lost pull, and to get its answer through a slow pilotctl. It ends early
  // when a peer answers. A larger value delays what a restarted agent writes while it is alone.
  aloneMs: 3_000,
  // A burst that a peer turns away is over in a second.
  backoffMs: 1_000,
  // A peer that comes back is heard from in its first round, so a long wait only saves probes.
  maxBackoffMs: 300_000,
  // An attempt costs one process. A larger value delays everything after the daemon is back.
  pauseMs: 1_000,
  // More processes are slower on two cores (measured: 4 to 8 are best).
  maxSends: 8,
  // Twenty bytes each. More hardly help: other peers name a newcomer as soon as they hear from it.
  membersNamed: 5,
  // A kilobyte, once for each peer. It lets a newcomer know 100 peers after five rounds instead of
  // 16.
  membersIntroduced: 50,
  // About 500 bytes each.
  maxPeers: 20_000,
  // About 200 bytes each. A duplicate that comes later costs one look-up in the document.
  maxRemembered: 4_096,
}
