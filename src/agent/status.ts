/**
 * The status of an agent: its document, its peers, and its counters.
 *
 * ```ts
 * const { digest, peers } = agent.status()
 * peers.filter(({ inSync }) => inSync === false)
 * ```
 */
import { type Accept, Counters, type Peer } from '../gossip/index.ts'
import { listMaps } from '../maps/index.ts'
import type { SealStatus } from '../transports/seal-status.ts'
import type { Room } from './room.ts'
import type { Runtime } from './runtime.ts'

export interface PeerStatus {
  readonly address: string
  /** How it became known: given, heard, named, found. */
  readonly source: string
  /** When its last push arrived, ISO 8601; null: never. */
  readonly lastHeard: string | null
  /** Did its last digest equal ours? Null: it has sent no digest since ours changed. */
  readonly inSync: boolean | null
  /** Consecutive sends that failed. */
  readonly failures: number
  /** Falls with each rejected message and each made-up member, and decays; see `gossip/scores.ts`. Absent: 0. */
  readonly score?: number
  /** Why the score fell last: a reason of the protocol, or `made_up_member`. */
  readonly scoreReason?: string
  /** Are its messages dropped unread for a while? Absent: they are read. */
  readonly isGreyListed?: true
  /** May it only read, so that its updates are refused? Absent: it may write. */
  readonly isReadOnly?: true
  /** The failure of the last send; absent: it did not fail. */
  readonly failure?: {
    readonly code: string
    readonly message: string
    readonly hint?: string | undefined
  }
}

export interface AgentStatus {
  readonly swarm: string
  /** The own address. */
  readonly node: string
  readonly transport: string
  /** The sum of the clocks in the state vector. */
  readonly version: number
  /** The digest of the state: equal on agents that have converged. */
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
   * After a restart with the same writer id: the number of local changes that are not sent yet. They
   * wait until a peer shows that no other agent writes under the id, or until that time. Absent: none.
   */
  readonly withheld?: { readonly changes: number; readonly until: string }
  /** No peer showed it in time, so the changes were sent without proof. Absent: a peer did. */
  readonly isUnproven?: true
  /** Peers that have the same digest and other content, with the writer ids that two agents used. Absent: none is known. */
  readonly diverged?: readonly { readonly peer: string; readonly writers: readonly number[] }[]
  /** How messages are sealed. Absent: the swarm is open, so anybody who can send to the agent can write. */
  readonly secret?: SealStatus
  /** Whose messages are taken. Absent: those of any address. */
  readonly accept?: Exclude<Accept, 'any'>
  /** Does the agent write nothing of its own? Absent: it may. */
  readonly readOnly?: true
  /** Why the transport is not open yet; absent: it is open. */
  readonly waitsFor?: {
    readonly code: string
    readonly message: string
    readonly hint?: string | undefined
  }
}

const isInSync = ({ name, replica, runtime, status }: Room, peer: Peer): boolean | null => {
  // No peer has the changes that are withheld here.
  if (replica.published.hasDigest(peer.digests.get(name) ?? ''))
    return !status.isWithholding && !status.differing.has(peer.address)
  return runtime?.gossip?.hasCurrentDigest(name, peer.address) ? false : null
}

/** Peers with our digest that differ in what some writers wrote. */
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

const describeScore = (room: Room, { address }: Peer): Partial<PeerStatus> => {
  const { score = 0, reason, isGrey = false } = room.runtime?.gossip?.scoreOf(address) ?? {}
  return {
    ...(score !== 0 && { score }),
    ...(score !== 0 && reason && { scoreReason: reason }),
    ...(isGrey && { isGreyListed: true as const }),
  }
}

/** The peers that may have the room, by address. None before the room has joined a runtime. */
export const describePeers = (room: Room): PeerStatus[] =>
  [...(room.runtime?.gossip?.peersOf(room.name) ?? [])]
    .map((peer) => ({
      address: peer.address,
      source: peer.source,
      lastHeard: peer.lastHeard === undefined ? null : new Date(peer.lastHeard).toISOString(),
      inSync: isInSync(room, peer),
      failures: peer.failures,
      ...describeScore(room, peer),
      ...(room.runtime?.access.isReadOnly(peer.address) && { isReadOnly: true as const }),
      ...(peer.failure && { failure: peer.failure }),
    }))
    .sort((a, b) => (a.address < b.address ? -1 : 1))

/** The status of the agent with this runtime and this own room. */
export const describeAgent = (room: Room, runtime: Runtime): AgentStatus => {
  const { access, swarm, transport, gossip, waitsFor } = runtime
  const { version, waiting, published } = room.replica
  // While changes are withheld, peers see a digest without them.
  const digest = published.history.state
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
    ...(transport.seal && { secret: transport.seal }),
    ...(access.accept !== 'any' && { accept: access.accept }),
    ...(access.readOnly && { readOnly: true as const }),
    ...(waitsFor && {
      waitsFor: { code: waitsFor.code, message: waitsFor.message, hint: waitsFor.hint },
    }),
  }
}
