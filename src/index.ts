/**
 * Shared maps for swarms of agents: a map for a script, the agent behind it, a provider for any
 * `Y.Doc`, and the transports and the store that they use.
 *
 * ```ts
 * const map = await openMap({ swarm: 'kv' })
 * map.set('greeting', 'hello')
 * await map.until(() => map.has('answer'), { timeout: 60_000 })
 *
 * const agent = new Agent({ swarm: 'kv', transport: new PilotTransport({ swarm: 'kv' }) })
 * await agent.start()
 * agent.doc.getMap('state').set('greeting', 'hello')
 * ```
 *
 * Other entries: `pilot-gossip/maps` (functions on the maps of a document), `pilot-gossip/client`
 * (the map of an agent in another process), `pilot-gossip/bridge` (y-websocket clients),
 * `pilot-gossip/level` (a store in LevelDB), `pilot-gossip/gossip` and `pilot-gossip/crdt` (the
 * layers below), `pilot-gossip/testing` (contract suites).
 *
 * @module pilot-gossip
 */
export type { Json } from '../crdt/index.ts'
export { Agent, type AgentOptions, type Problem } from './agent/agent.ts'
export type { Attachable } from './agent/attachable.ts'
export type { NamedAccess } from './agent/named-access.ts'
export type { RestoredPoint } from './agent/point-keeper.ts'
export type { Room, RoomOptions } from './agent/room.ts'
export type { RoomLease } from './agent/room-lease.ts'
export type { Runtime, RuntimeOptions } from './agent/runtime.ts'
export type { AgentStatus, PeerStatus } from './agent/status.ts'
export {
  type ConnectedMap,
  type ConnectedMapChange,
  type ConnectMapOptions,
  connectMap,
} from './connect-map.ts'
export { Failure, type FailureCode, type FailureOptions, isFailure, toFailure } from './errors.ts'
export type {
  Accept,
  Access,
  AwarenessSource,
  Counters,
  DocumentStatus,
  Gossip,
  GossipConfig,
  GossipEffect,
  GossipEvent,
  GossipOptions,
  OpenOptions,
  Peer,
  PeerSource,
  Reach,
  ReceivedMessage,
} from './gossip/index.ts'
export type {
  Claim,
  ClaimOptions,
  ClaimRequest,
  Conditions,
  EntryChange,
  FormerKey,
  FormerOptions,
  FormerResult,
  ObserveOptions,
  Selection,
} from './maps/index.ts'
export type { Keepable, ReadonlyJson } from './maps/keepable.ts'
export {
  type SetOptions,
  SharedMap,
  type SharedMapChange,
  type SharedMapOptions,
} from './maps/shared-map.ts'
export type { Signal, UntilOptions } from './maps/until.ts'
export { type OpenedMap, type OpenMapOptions, openMap } from './open-map.ts'
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
export type { Point, Points, PointsOptions } from './store/points.ts'
export type { Loaded, Store, StoreProblem, StoreStats } from './store/store.ts'
export type { Timers } from './timers.ts'
export { type MailboxOptions, MailboxTransport } from './transports/mailbox/mailbox.ts'
export {
  MemoryHub,
  type MemoryHubOptions,
  MemoryTransport,
  type Schedule,
} from './transports/memory/memory.ts'
export type { Network, NetworkOptions } from './transports/memory/network.ts'
export { PilotTransport, type PilotTransportOptions } from './transports/pilot/transport.ts'
export type { SealRefusal, SealStatus } from './transports/seal-status.ts'
export { newSecret, readSecretFile, type Secrets } from './transports/sealed/secret.ts'
export type { Incoming, Receive, Transport, TransportHooks } from './transports/transport.ts'
