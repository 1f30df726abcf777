/**
 * Shared maps for swarms of agents, as a library: a map for a script, the agent behind it, the
 * transports it may use, and the gossip core below it for those who bring their own clock and network.
 *
 * ```ts
 * const map = await openMap({ swarm: 'kv' })
 * map.set('greeting', 'hello')
 * await map.until(() => map.has('answer'), { timeout: 60_000 })
 *
 * const agent = new Agent({ swarm: 'kv', transport: new PilotTransport({ swarm: 'kv' }) })
 * await agent.start()
 * writeEntry(agent.doc, 'state', 'greeting', 'hello')
 * ```
 *
 * @module pilot-gossip
 */
export type { Json } from '../crdt/index.ts'
export {
  Agent,
  type AgentOptions,
  type Problem,
} from './agent/agent.ts'
export { Room, type RoomOptions } from './agent/room.ts'
export { RoomLease } from './agent/room-lease.ts'
export { type Attachable, Runtime, type RuntimeOptions } from './agent/runtime.ts'
export type { AgentStatus, PeerStatus } from './agent/status.ts'
export {
  ConnectedMap,
  type ConnectedMapChange,
  type ConnectMapOptions,
  connectMap,
} from './connect-map.ts'
export { Failure, type FailureCode, type FailureOptions, isFailure, toFailure } from './errors.ts'
export {
  type AwarenessSource,
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
  type PeerSource,
  type Reach,
  type ReceivedMessage,
} from './gossip/index.ts'
export {
  appendEntry,
  checkEntry,
  DEFAULT_MAP,
  deleteEntry,
  describeEntry,
  type EntryChange,
  type EntryInfo,
  type EntryLayout,
  hasEntry,
  historyOf,
  incrementEntry,
  keysOf,
  listMaps,
  type ObserveOptions,
  observeEntries,
  readEntries,
  readEntry,
  readPath,
  sizeOf,
  toArgumentFailure,
  UnkeepableError,
  type Version,
  type WriteOptions,
  writeEntries,
  writeEntry,
  writePath,
} from './maps/index.ts'
export type { Keepable, ReadonlyJson } from './maps/keepable.ts'
export { SharedMap, type SharedMapChange, type SharedMapOptions } from './maps/shared-map.ts'
export type { Signal, UntilOptions } from './maps/until.ts'
export { type OpenedMap, type OpenMapOptions, openMap } from './open-map.ts'
export { nodePlatform } from './platform.ts'
export {
  type ConnectionStatus,
  PilotGossipProvider,
  type ProviderEvents,
  type ProviderOptions,
  type StateAwareness,
  type SyncStatus,
} from './provider/index.ts'
export type { DataFolder } from './store/data-folder.ts'
export { dataFolder } from './store/log/data-folder.ts'
export { LogStore, type LogStoreOptions } from './store/log/log-store.ts'
export type { Loaded, Store, StoreProblem, StoreStats } from './store/store.ts'
export { checkSwarm } from './swarm.ts'
export { nodeTimers, type Timers } from './timers.ts'
export { type MailboxOptions, MailboxTransport } from './transports/mailbox/mailbox.ts'
export {
  MemoryHub,
  type MemoryHubOptions,
  MemoryTransport,
  type Schedule,
} from './transports/memory/memory.ts'
export { Network, type NetworkOptions, seeded } from './transports/memory/network.ts'
export { PilotTransport, type PilotTransportOptions } from './transports/pilot/transport.ts'
export type { Incoming, Receive, Transport, TransportHooks } from './transports/transport.ts'
