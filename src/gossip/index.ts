/** The gossip protocol, free of clocks and sockets. */
export { type AwarenessSource, updateRoom } from './compose.ts'
export { DEFAULTS, type GossipConfig } from './config.ts'
export { Counters } from './counters.ts'
export type { DocumentStatus, OpenOptions } from './document.ts'
export type { GossipEffect, GossipEvent, ReceivedMessage } from './events.ts'
export { Gossip } from './gossip.ts'
export type { GossipOptions } from './options.ts'
export type { Peer, PeerSource } from './peers.ts'
