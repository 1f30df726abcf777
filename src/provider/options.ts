/**
 * The options and the events of a provider.
 *
 * ```ts
 * const provider = new PilotGossipProvider(transport, 'notes', doc, { connect: false, store })
 * provider.on('sync-status', ({ status, oldestMs }) => show(status, oldestMs))
 * provider.connect()
 * ```
 */
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { NamedAccess } from '../agent/named-access.ts'
import type { Problem } from '../agent/problem.ts'
import type { PeerStatus } from '../agent/status.ts'
import type { Failure } from '../errors.ts'
import type { GossipConfig } from '../gossip/index.ts'
import type { Store } from '../store/store.ts'
import type { Secrets } from '../transports/sealed/secret.ts'
import type { SyncStatus } from './sync-status.ts'

/** y-protocols does not type the states; a program may use its own type. */
type AnyState = NonNullable<ReturnType<Awareness['getLocalState']>>[string]

/** An Awareness whose states have the type that the program gives them. */
export interface StateAwareness extends Awareness {
  /** The own state, or null. */
  getLocalState(): AnyState
  /** Client → its state. */
  getStates(): Map<number, AnyState>
}

/** The values of `status`. */
export type ConnectionStatus = 'connecting' | 'connected' | 'disconnected'

/** What others may do is only for a provider with a transport; a program does not write if it is to read only. */
export interface ProviderOptions extends Omit<NamedAccess, 'readOnly'> {
  /**
   * Only with a transport: the swarm that all providers over that transport share. Default: that of
   * the transport, or `pilot-gossip`.
   */
  readonly swarm?: string
  /** Connect at once; default true. */
  readonly connect?: boolean
  /** Only with a transport: names or addresses of peers. */
  readonly peers?: readonly string[]
  /** The program's own, or `false`: none. Default: one that is created when it is first read. */
  readonly awareness?: Awareness | false
  /** Stores the document. It is loaded before anything is pushed, and closed with the provider. */
  readonly store?: Store
  /** Returns the store of a subdocument by its guid; default: subdocuments are not stored. */
  readonly storeOf?: (guid: string) => Store | undefined
  /** Only with a transport: seals all messages, as the same option of an agent does. */
  readonly secret?: Secrets
  /** Only with a transport. */
  readonly config?: Partial<GossipConfig>
  /** Milliseconds after which a change that no peer has acknowledged turns `syncStatus` red; default 15,000. */
  readonly staleMs?: number
  /** Does each subdocument that is loaded get a room of its own? Default true. */
  readonly subdocs?: boolean
}

/** The events of other Yjs providers, and those of this one. */
export type ProviderEvents<Provider> = {
  /** The connection has changed. */
  status: (event: { status: ConnectionStatus }) => void
  /** The same as `synced`, under the name that y-websocket uses. */
  sync: (isSynced: boolean) => void
  /** `synced` has changed; see the provider. */
  synced: (isSynced: boolean) => void
  /** A change of a peer was merged. */
  update: (update: Uint8Array, origin: unknown) => void
  /** The number of known peers has changed. */
  peers: (peers: readonly PeerStatus[]) => void
  /** `syncStatus.status` has changed. */
  'sync-status': (status: SyncStatus) => void
  /** The number of updates that wait for their predecessors has changed. */
  waiting: (event: { updates: number }) => void
  /** The provider was connected and is not any more. */
  'connection-close': (event: null, provider: Provider) => void
  /** The provider could not connect, or its store could not be read. */
  'connection-error': (failure: Failure, provider: Provider) => void
  /** A problem, such as a refused message, an unreachable peer or a failing disk. There may be many. */
  problem: (problem: Problem) => void
  /** A subdocument has a provider now. */
  subdoc: (event: { guid: string; doc: Y.Doc; provider: Provider }) => void
  /** The provider has ended. */
  destroy: (provider: Provider) => void
}
