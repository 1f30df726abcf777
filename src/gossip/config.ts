/**
 * The settings of gossip. Each says its unit, why it has its value, and what a larger one costs.
 *
 * ```js
 * new Gossip({ …, config: { ...DEFAULTS, fanout: 4 } })
 * ```
 */

export interface GossipConfig {
  /** Peers a push goes to. */
  readonly fanout: number
  /** Milliseconds between two rounds. */
  readonly intervalMs: number
  /** Share of the interval by which a round may be early or late. */
  readonly jitter: number
  /** Milliseconds that changes are gathered before they are pushed. */
  readonly batchMs: number
  /** Milliseconds without anything fresh after which the digest follows what was pushed. */
  readonly digestDelayMs: number
  /** Peers it goes to; a longer update is announced to them together with those of `fanout`. */
  readonly digestFanout: number
  /** Peers told of a document that is opened while they are known. */
  readonly announceFanout: number
  /** Bytes of V1. A longer update is announced by the state's digest and fetched. */
  readonly inlineBytes: number
  /** The same for many changes that are that short on average, and in a small swarm for one made here. */
  readonly maxInlineBytes: number
  /** Milliseconds without an answer after which somebody else is asked. */
  readonly pullTimeoutMs: number
  /** Milliseconds after a start that changes are withheld while no peer shows that the writer id is ours alone. */
  readonly aloneMs: number
  /** Milliseconds a peer is left alone after its first failure; doubled by each further one. */
  readonly backoffMs: number
  /** The most that grows to. */
  readonly maxBackoffMs: number
  /** Milliseconds between two tries while nothing can be sent from here, whoever it is for. */
  readonly pauseMs: number
  /** Messages under way at one time, at most: fewer while sends are late (see `send-window.ts`). */
  readonly maxSends: number
  /** Members named in a round's push. */
  readonly membersNamed: number
  /** The same in the first push to somebody, who may be new and know nobody else. */
  readonly membersIntroduced: number
  /** Peers kept; beyond it, peers that others name are not taken in. */
  readonly maxPeers: number
  /** Digests of updates remembered as merged, for each document. */
  readonly maxRemembered: number
}

export const DEFAULTS: GossipConfig = {
  // The seed's. By rumour alone 3 leave out 6 % of a large swarm, whom the echo then reaches.
  // Each one more is a message more a node and change, about 15 ms of processor over pilotctl.
  fanout: 3,
  // The seed's. Rounds only repair, so this is the time a lost message costs, not that of a write.
  intervalMs: 5_000,
  // Agents started together must not push together for ever.
  jitter: 0.1,
  // A script's burst of writes becomes one push; people do not notice it. More delays each hop by as much.
  batchMs: 20,
  // Five hops: by then a rumour that reaches a peer at all has done so, and nobody asks in vain.
  // Longer delays those it has left out by as much.
  digestDelayMs: 250,
  // Leaves out 0.2 % of 1,000 (0.7 % where a tenth is lost). Each is a message more a node and change.
  digestFanout: 3,
  // Whoever has the document is found at once in a swarm of that size, and in a larger one by rounds.
  // Each is a short message, once.
  announceFanout: 50,
  // A push meets peers that have the update already about 2 times of 3: up to here that costs
  // less than the two messages of a fetch. Larger costs its length twice more a node.
  inlineBytes: 4_096,
  // In a small swarm nobody is told it twice. Of many changes a peer lacks some, and three messages
  // of a fetch cost a busy host more than 64 KiB do. It fits, as base64, into the one argument of an
  // old pilotctl.
  maxInlineBytes: 65_536,
  // Ten round trips over pilotctl (50 ms each way) and a large state being encoded; each part of an
  // answer gives as much again. Longer delays repair after a loss, shorter fetches twice on a busy host.
  pullTimeoutMs: 1_500,
  // A lost ask is repeated within it, and answered over a slow pilotctl. With a peer there it ends when
  // that answers. Longer delays what a restarted agent writes alone by as much.
  aloneMs: 3_000,
  // A refused burst is over in a second.
  backoffMs: 1_000,
  // A peer that comes back is heard at its first round, so waiting long costs nothing but the probes saved.
  maxBackoffMs: 300_000,
  // A try is one process. Longer delays everything when the daemon answers again.
  pauseMs: 1_000,
  // More processes at once are slower on two cores (measured: 4 to 8 are best).
  maxSends: 8,
  // Twenty bytes each. More hardly helps: a newcomer is named to others as soon as it is heard.
  membersNamed: 5,
  // A kilobyte, once for each peer. With it a newcomer knows 100 within five rounds, else within 16.
  membersIntroduced: 50,
  // About 500 bytes each.
  maxPeers: 20_000,
  // About 200 bytes each; a duplicate that comes later still costs only its look-up in the document.
  maxRemembered: 4_096,
}
