/**
 * The gossip protocol without clock, randomness or sockets, for programs that bring their own:
 * events go in, effects come out.
 *
 * ```ts
 * import { Replica } from 'pilot-gossip/crdt'
 * import { Gossip, nodePlatform } from 'pilot-gossip/gossip'
 *
 * const { random } = Math
 * const gossip = new Gossip({ self: 'a', swarm: 'kv', platform: nodePlatform, random, maxMessageBytes })
 * gossip.open('kv', new Replica(doc, nodePlatform))
 * for (const effect of gossip.handle({ type: 'round' }, Date.now())) carryOut(effect)
 * ```
 *
 * @module pilot-gossip/gossip
 */
export {
  type Accept,
  Access,
  type AwarenessSource,
  type Blame,
  Counters,
  DEFAULTS,
  type DocumentStatus,
  Gossip,
  type GossipConfig,
  type GossipEffect,
  type GossipEvent,
  type GossipOptions,
  type OpenOptions,
  type Peer,
  type PeerScore,
  type PeerSource,
  type Reach,
  type ReceivedMessage,
} from '../gossip/index.ts'
export { nodePlatform } from '../platform.ts'
