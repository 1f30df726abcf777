/**
 * What an agent tells of itself: how far it is, whom it knows, and what it has done.
 *
 * ```ts
 * const { digest, peers } = agent.status()
 * peers.filter(({ inSync }) => inSync === false)
 * ```
 */
import * as Y from 'yjs'
import { digestSnapshot } from '../../crdt/index.ts'
import { Counters, type Peer } from '../gossip/index.ts'
import { listMaps } from '../maps/index.ts'
import { nodePlatform } from '../platform.ts'
import type { Room } from './room.ts'
import type { Runtime } from './runtime.ts'

export interface PeerStatus {
  readonly address: string
  /** How it is known: given, heard, named, found. */
  readonly source: string
  /** When its last push came, ISO 8601; null: never. */
  readonly lastHeard: string | null
  /** Is the last state it told the one we have now? Null: it has told none since ours was changed. */
  readonly inSync: boolean | null
  /** Sends that failed one after another. */
  readonly failures: number
  /** Why the last of them did, and what to do about it; absent: none did. */
  readonly failure?: {
    readonly code: string
    readonly message: string
    readonly hint?: string | undefined
  }
}

export interface AgentStatus {
  readonly swarm: string
  /** Our address. */
  readonly node: string
  readonly transport: string
  /** Sum of the clocks of the state vector. */
  readonly version: number
  /** Digest of the state: equal on agents that have converged. */
  readonly digest: string
  readonly maps: readonly { readonly name: string; readonly keys: number }[]
  readonly peers: readonly PeerStatus[]
  readonly counters: {
    readonly pushesSent: number
    readonly pushesReceived: number
    readonly bytesSent: number
    readonly bytesReceived: number
    readonly redundant: number
    readonly gaps: number
    readonly sendsFailed: number
    readonly rejected: Readonly<Record<string, number>>
  }
  /** Updates that wait for their predecessors. */
  readonly waiting: number
  /**
   * After a start under the writer id of before: changes made here that are not published yet, and
   * until when at most: until a peer has shown that nobody else writes under it. Absent: none.
   */
  readonly withheld?: { readonly changes: number; readonly until: string }
  /** No peer was there to show it, and what was withheld was published all the same; absent: it was shown. */
  readonly isUnproven?: true
  /** Peers that have our digest and hold something else, and the writers as whom two have written; absent: none is known. */
  readonly diverged?: readonly { readonly peer: string; readonly writers: readonly number[] }[]
  /** Why the transport is not open yet, and what to do; absent: it is. */
  readonly waitsFor?: {
    readonly code: string
    readonly message: string
    readonly hint?: string | undefined
  }
}

const isInSync = ({ name, replica, runtime, status }: Room, peer: Peer): boolean | null => {
  // What is withheld here no peer has.
  if (peer.digests.get(name) === replica.digest)
    return !status.isWithholding && !status.differing.has(peer.address)
  return runtime?.gossip?.hasCurrentDigest(name, peer.address) ? false : null
}

/** Those that differ in what some writers wrote, and whose digest is ours. */
const describeDiverged = ({ status }: Room): Partial<AgentStatus> => {
  const diverged = [...status.differing].map(([peer, writers]) => ({ peer, writers }))
  return diverged.length > 0 ? { diverged } : {}
}

const describeWithheld = ({ replica, status }: Room): Partial<AgentStatus> => {
  const { withheldUntil: until, isUnproven } = status
  const { withheld, ownClock } = replica
  return {
    ...(withheld &&
      until !== undefined && {
        withheld: {
          changes: Math.max(0, ownClock - withheld.from),
          until: new Date(until).toISOString(),
        },
      }),
    ...(isUnproven && { isUnproven }),
  }
}

/** The peers that may have the room, by address; none while it has joined no runtime. */
export const describePeers = (room: Room): PeerStatus[] =>
  [...(room.runtime?.gossip?.peersOf(room.name) ?? [])]
    .map((peer) => ({
      address: peer.address,
      source: peer.source,
      lastHeard: peer.lastHeard === undefined ? null : new Date(peer.lastHeard).toISOString(),
      inSync: isInSync(room, peer),
      failures: peer.failures,
      ...(peer.failure && { failure: peer.failure }),
    }))
    .sort((a, b) => (a.address < b.address ? -1 : 1))

/** The status of an agent that takes part with this runtime, of its own room. */
export const describeAgent = (room: Room, runtime: Runtime): AgentStatus => {
  const { swarm, transport, gossip, waitsFor } = runtime
  const { version, waiting, withheld } = room.replica
  // Peers are shown another while something is withheld.
  const digest = withheld ? digestSnapshot(Y.snapshot(room.doc), nodePlatform) : room.replica.digest
  const counters = gossip?.counters ?? new Counters()
  return {
    swarm,
    node: transport.address,
    transport: transport.kind,
    version,
    digest,
    maps: listMaps(room.doc),
    peers: describePeers(room),
    counters: { ...counters, rejected: { ...counters.rejected } },
    waiting: waiting.updates,
    ...describeWithheld(room),
    ...describeDiverged(room),
    ...(waitsFor && {
      waitsFor: { code: waitsFor.code, message: waitsFor.message, hint: waitsFor.hint },
    }),
  }
}
