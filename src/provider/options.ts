/** What a provider is told when it is made, and what it tells. */
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import type { Failure } from '../errors.ts'
import type { GossipConfig } from '../gossip/index.ts'
import type { Problem } from '../member.ts'
import type { PeerStatus } from '../status.ts'
import type { Store } from '../store/store.ts'
import type { SyncStatus } from './sync-status.ts'

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
  status: (event: { status: ConnectionStatus }) => void
  sync: (isSynced: boolean) => void
  synced: (isSynced: boolean) => void
  /** Something from peers was merged. */
  update: (update: Uint8Array, origin: unknown) => void
  peers: (peers: readonly PeerStatus[]) => void
  'sync-status': (status: SyncStatus) => void
  /** So many updates wait for others, without which they cannot be merged. */
  waiting: (event: { updates: number }) => void
  'connection-close': (event: null, provider: Provider) => void
  'connection-error': (failure: Failure, provider: Provider) => void
  /** Trouble of any kind: a refused message, an unreachable peer, a disk. Often in bad times. */
  problem: (problem: Problem) => void
  subdoc: (event: { guid: string; doc: Y.Doc; provider: Provider }) => void
  destroy: (provider: Provider) => void
}
