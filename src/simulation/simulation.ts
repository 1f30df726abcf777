/**
 * A swarm in virtual time: the same gossip core as the agent's, thousands of nodes in one process,
 * on a network that loses, delays, duplicates and reorders messages. The same seed gives the same
 * run. The demo shows it, and the histories in the tests run on it.
 *
 * ```js
 * const swarm = new Simulation({ seed: 7, loss: 0.2, latency: [10, 50] })
 * const a = swarm.add('a', { peers: ['b'] }); swarm.add('b', { peers: ['a'] })
 * a.doc.getMap('state').set('k', 1)
 * swarm.run(10_000)
 * ```
 */
import * as Y from 'yjs'
import { MESSAGE_FORMAT, Replica, type ReplicaOptions } from '../../crdt/index.ts'
import { Gossip, type GossipConfig, type GossipEffect, type GossipEvent } from '../gossip/index.ts'
import { Network, type NetworkOptions, seeded } from '../transports/memory/network.ts'
import { createSharedPlatform } from './platform.ts'
import { TimeQueue } from './queue.ts'

/** The name of the one document of a simulated swarm. */
const DOCUMENT = 'swarm'

/** Milliseconds that a send to a dead peer takes until it fails, as with `pilotctl --timeout 3s`. */
const DEAD_PEER_MS = 3_000

/** Decides about each message in place of the network's loss and latency. */
export interface Field {
  /** Milliseconds; when a message that is sent now leaves. Until then its send is under way. */
  leavesAt(from: string, now: number): number
  /** The delay of each copy from then on; none if it is lost. */
  deliveries(from: string, to: string, now: number): readonly number[]
}

export interface SimulationOptions extends Omit<NetworkOptions, 'random'> {
  readonly seed: number
  readonly config?: Partial<GossipConfig>
  readonly replica?: ReplicaOptions
  /** UTF-8 bytes of the longest message; default 4 MiB. */
  readonly maxMessageBytes?: number
  /** Called for each message that is sent. */
  readonly onSend?: (from: string, to: string, text: string) => void
  /** Called for each message that arrives, before the receiver handles it. */
  readonly onReceive?: (from: string, to: string) => void
  /** Called for each effect other than a send. */
  readonly onEffect?: (node: SimulatedNode, effect: GossipEffect) => void
}

/** What a node runs. */
export interface Core {
  readonly Replica: typeof Replica
  readonly Gossip: typeof Gossip
}

export interface NodeOptions {
  readonly peers: readonly string[]
  /**
   * As after hours in the swarm: the node has received pushes of all its peers and has sent them
   * members. Default false.
   */
  readonly isAcquainted?: boolean
  /** Another build of the core, as of a former version. */
  readonly core?: Core
  /** The initial document; default an empty one. */
  readonly doc?: Y.Doc
}

export interface SimulatedNode {
  readonly address: string
  readonly doc: Y.Doc
  readonly replica: Replica
  readonly gossip: Gossip
  isUp: boolean
  /** Time of the next wake that is queued. */
  wakeAt: number
}

export class Simulation {
  readonly network: Network
  readonly nodes = new Map<string, SimulatedNode>()
  readonly random: () => number
  readonly #options: SimulationOptions
  readonly #platform = createSharedPlatform()
  readonly #queue = new TimeQueue<() => void>()
  /** May be set at any time; applies from the next message on. */
  field: Field | undefined
  #now = 0

  constructor(options: SimulationOptions) {
    this.#options = options
    this.random = seeded(options.seed)
    // A separate stream: what the network does must not depend on what nodes draw.
    this.network = new Network({ ...options, random: seeded(options.seed + 1) })
  }

  /** Virtual milliseconds since the start. */
  get now(): number {
    return this.#now
  }

  /** Adds a node, or one that returns under its old address. */
  add(address: string, options: NodeOptions): SimulatedNode {
    // A guid of its own spares Yjs a random one.
    const doc = options.doc ?? new Y.Doc({ guid: address })
    if (options.doc === undefined) doc.clientID = Math.floor(this.random() * 2 ** 32)
    const core = options.core ?? { Replica, Gossip }
    const replica = new core.Replica(doc, this.#platform, this.#options.replica)
    const gossip = new core.Gossip({
      self: address,
      swarm: DOCUMENT,
      platform: this.#platform,
      random: this.random,
      maxMessageBytes: this.#options.maxMessageBytes ?? 4 * 2 ** 20,
      ...(this.#options.config && { config: this.#options.config }),
    })
    const node: SimulatedNode = {
      address,
      doc,
      replica,
      gossip,
      isUp: true,
      wakeAt: Number.POSITIVE_INFINITY,
    }
    gossip.open(DOCUMENT, replica)
    // Queued, because an observer may change the document in the middle of an event.
    replica.onLocal = () => this.at(this.#now, () => this.#handle(node, { type: 'changed' }))
    this.nodes.set(address, node)
    if (options.isAcquainted) this.#acquaint(node, options.peers)
    this.at(this.#now, () =>
      this.#handle(node, { type: 'peers', addresses: options.peers, source: 'given' }),
    )
    return node
  }

  /** Makes a node begin its next round at a later time. */
  round(node: SimulatedNode, time: number): void {
    this.at(time, () => this.#handle(node, { type: 'round' }))
  }

  /**
   * Stops a node: messages under way to it are lost unless it returns in time. The caller keeps the
   * document.
   */
  crash(address: string): void {
    const node = this.nodes.get(address)
    if (!node) throw new TypeError(`no node "${address}"`)
    node.isUp = false
    node.replica.destroy()
    this.nodes.delete(address)
  }

  /** A message that arrives now, from an address that need not be a node's. */
  receive(from: string, to: string, text: string): void {
    const receiver = this.nodes.get(to)
    if (receiver) this.at(this.#now, () => this.#handle(receiver, { type: 'message', from, text }))
  }

  /** Runs an action at a later time. */
  at(time: number, action: () => void): void {
    this.#queue.push(time, action)
  }

  /**
   * Runs for so many milliseconds, or until `done` returns true (called after each event). Returns
   * whether it did.
   */
  run(milliseconds: number, done: () => boolean = () => false): boolean {
    const end = this.#now + milliseconds
    while (this.#queue.nextAt <= end) {
      this.#now = Math.max(this.#now, this.#queue.nextAt)
      this.#queue.pop()!()
      if (done()) return true
    }
    this.#now = end
    return done()
  }

  /** Do all nodes that are up have the same state? */
  get hasConverged(): boolean {
    let digest: string | undefined
    for (const { replica } of this.nodes.values()) {
      digest ??= replica.digest
      if (replica.digest !== digest) return false
    }
    return true
  }

  #acquaint({ gossip }: SimulatedNode, peers: readonly string[]): void {
    for (const address of peers) {
      const peer = gossip.peers.received(address, this.#now)
      if (!peer) continue
      peer.isIntroduced = true
      peer.format = MESSAGE_FORMAT
    }
  }

  #handle(node: SimulatedNode, event: GossipEvent): void {
    if (!node.isUp) return
    for (const effect of node.gossip.handle(event, this.#now)) {
      if (effect.type === 'send') this.#send(node, effect.to, effect.text)
      else this.#options.onEffect?.(node, effect)
    }
    const wakeAt = Math.max(this.#now, node.gossip.wakeAt)
    if (wakeAt >= node.wakeAt) return
    node.wakeAt = wakeAt
    this.at(wakeAt, () => {
      if (node.wakeAt !== wakeAt) return // an earlier wake has replaced it
      node.wakeAt = Number.POSITIVE_INFINITY
      this.#handle(node, { type: 'wake' })
    })
  }

  #send(node: SimulatedNode, to: string, text: string): void {
    this.#options.onSend?.(node.address, to, text)
    if (!this.nodes.has(to)) {
      this.at(this.#now + DEAD_PEER_MS, () => this.#handle(node, { type: 'failed', to }))
      return
    }
    const leavesAt = this.field?.leavesAt(node.address, this.#now) ?? this.#now
    const network = this.field ?? this.network
    for (const delay of network.deliveries(node.address, to, leavesAt)) {
      this.at(leavesAt + delay, () => {
        const receiver = this.nodes.get(to)
        if (!receiver) return
        this.#options.onReceive?.(node.address, to)
        this.#handle(receiver, { type: 'message', from: node.address, text })
      })
    }
    this.at(leavesAt, () => this.#handle(node, { type: 'sent', to }))
  }
}
