/**
 * What a provider is told when it is made, and what it tells.
 *
 * ```ts
 * const provider = new PilotGossipProvider(transport, 'notes', doc, { connect: false, store })
 * provider.on('sync-status', ({ status, oldestMs }) => show(status, oldestMs))
 * provider.connect()
 * ```
 */
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { Problem } from '../agent/problem.ts'
import type { PeerStatus } from '../agent/status.ts'
import type { Failure } from '../errors.ts'
import type { GossipConfig } from '../gossip/index.ts'
import type { Store } from '../store/store.ts'
import type { SyncStatus } from './sync-status.ts'

/** What a state holds y-protocols leaves open; a program with a type for it may say so. */
type AnyState = NonNullable<ReturnType<Awareness['getLocalState']>>[string]

/** An Awareness whose states a program may take for what it puts into them. */
export interface StateAwareness extends Awareness {
  /** Our own state, or null. */
  getLocalState(): AnyState
  /** Client → its state. */
  getStates(): Map<number, AnyState>
}

/** What `status` tells. */
export type ConnectionStatus = 'connecting' | 'connected' | 'disconnected'

export interface ProviderOptions {
  /**
   * Only with a transport: the swarm, which all providers over that transport share. Default: the
   * transport's own, or `pilot-gossip`.
   */
  readonly swarm?: string
  /** Connect at once; default true. */
  readonly connect?: boolean
  /** Only with a transport: names or addresses of peers. */
  readonly peers?: readonly string[]
  /** Somebody else's, or `false`: none. Default: one of its own, made when it is first read. */
  readonly awareness?: Awareness | false
  /** Where the document is kept; it is loaded before anything is pushed. Closed with the provider. */
  readonly store?: Store
  /** A store for a subdocument, by its guid; default: none. */
  readonly storeOf?: (guid: string) => Store | undefined
  /** Only with a transport. */
  readonly config?: Partial<GossipConfig>
  /** Milliseconds after which a change that no peer is known to have is `red`; default 15,000. */
  readonly staleMs?: number
  /** Are subdocuments rooms of their own, as soon as they are to be loaded? Default true. */
  readonly subdocs?: boolean
}

/** The events of a provider that listeners of others expect too, and those of our own. */
export type ProviderEvents<Provider> = {
  /** Connecting, connected, disconnected. */
  status: (event: { status: ConnectionStatus }) => void
  /** The same as `synced`, as y-websocket calls it. */
  sync: (isSynced: boolean) => void
  /** Everything of one live peer is here, or no more; see the provider. */
  synced: (isSynced: boolean) => void
  /** Something from peers was merged. */
  update: (update: Uint8Array, origin: unknown) => void
  /** Somebody new is known. */
  peers: (peers: readonly PeerStatus[]) => void
  /** Whether what was written here is with anybody else has become different. */
  'sync-status': (status: SyncStatus) => void
  /** So many updates wait for others, without which they cannot be merged. */
  waiting: (event: { updates: number }) => void
  /** It was connected, and is no more. */
  'connection-close': (event: null, provider: Provider) => void
  /** It could not connect, or its store could not be read. */
  'connection-error': (failure: Failure, provider: Provider) => void
  /** Trouble of any kind: a refused message, an unreachable peer, a disk. Often in bad times. */
  problem: (problem: Problem) => void
  /** A subdocument has got a provider of its own. */
  subdoc: (event: { guid: string; doc: Y.Doc; provider: Provider }) => void
  /** Nothing of it is left. */
  destroy: (provider: Provider) => void
}
