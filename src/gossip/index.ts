/** The gossip core: a state machine without clock, socket or randomness. */

export { DEFAULTS, type GossipConfig } from './config.ts'
export { Counters } from './counters.ts'
export { type DocumentStatus, NOT_SHARED, type OpenOptions } from './document.ts'
export type { GossipEffect, GossipEvent, ReceivedMessage } from './events.ts'
export { ringsFor } from './fanouts.ts'
export { Gossip } from './gossip.ts'
export type { AwarenessSource } from './open-document.ts'
export type { GossipOptions } from './options.ts'
export { updateRoom } from './packing.ts'
export type { Peer, PeerSource, Reach } from './peers.ts'
export { ringHash } from './rings.ts'
export type { PeerScore } from './scores.ts'
