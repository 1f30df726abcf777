/**
 * The known peers: those that the user gave, those that sent valid pushes of the swarm, and those
 * that peers named. A peer that fails is left alone for a while, twice as long each time, but is
 * never forgotten: after one push from it, it counts as alive again.
 *
 * A peer that only another one has named is a stranger until it has answered: it gets no turn and no
 * push, is tried now and then, and is forgotten if it cannot be reached (see `strangers.ts`).
 *
 * ```js
 * peers.add('0:0000.0000.000B', 'given')
 * for (const peer of peers.forRound(3, now)) peer.outbox.enqueue('kv', { digest: true })
 * ```
 */
import { Access } from './access.ts'
import type { GossipConfig } from './config.ts'
import { ringsFor } from './fanouts.ts'
import { KnownPeer, type Peer, type PeerSource, type SendFailure } from './peer.ts'
import { Rings } from './rings.ts'
import { Scores } from './scores.ts'
import { ShuffledRotation } from './shuffled-rotation.ts'
import { Strangers } from './strangers.ts'

export type { Peer, PeerSource, SendFailure, Sending } from './peer.ts'

/** What the transport knows about addresses. Default: all can be named and reached. */
export interface Reach {
  /** May that address be named to peers? */
  readonly canName?: (address: string) => boolean
  /** Can that address be reached from here? If not, it is not a peer, even if a peer names it. */
  readonly canReach?: (address: string) => boolean
  /** What addresses may do; default: everything. */
  readonly access?: Access
}

/** Random draws for each wanted member, before a sample stays short. */
const MAX_DRAWS = 4

/**
 * Rounds for which a new peer counts as new, and is named before others: by then 100 peers know it.
 * A larger value leaves less room for other members while many join.
 */
const NEWS_ROUNDS = 10

/** Sends to a stranger that must fail before it is forgotten: one may be lost. */
const MAX_STRANGER_TRIES = 2

export class Peers {
  readonly #self: string
  readonly #config: GossipConfig
  readonly #random: () => number
  readonly #canName: (address: string) => boolean
  readonly #canReach: (address: string) => boolean
  readonly #all = new Map<string, Peer>()
  /** Peers in the order in which they were first heard, and when that was. */
  readonly #active: Peer[] = []
  readonly #activeSince: number[] = []
  /** How many of them are not new any more. */
  #old = 0
  /** How many could not be reached at the last attempt, strangers aside. */
  #failing = 0
  readonly #strangers = new Strangers()
  readonly scores = new Scores()
  readonly access: Access
  readonly #roundRotation: ShuffledRotation
  readonly #pushRotation: ShuffledRotation
  readonly #rings: Rings

  constructor(
    self: string,
    config: GossipConfig,
    random: () => number,
    { canName = () => true, canReach = () => true, access = new Access() }: Reach = {},
  ) {
    this.access = access
    this.#canName = canName
    this.#canReach = canReach
    this.#self = self
    this.#config = config
    this.#random = random
    this.#roundRotation = new ShuffledRotation(random)
    this.#pushRotation = new ShuffledRotation(random)
    this.#rings = new Rings(self, ringsFor(config).digest.end)
  }

  get size(): number {
    return this.#all.size
  }

  /** How many are alive, as far as we know. */
  get living(): number {
    return this.#believed - this.#failing
  }

  /** How many have answered, or were given or found. */
  get #believed(): number {
    return this.#all.size - this.#strangers.size
  }

  get(address: string): Peer | undefined {
    return this.#all.get(address)
  }

  [Symbol.iterator](): IterableIterator<Peer> {
    return this.#all.values()
  }

  /**
   * Adds a peer, or returns the known one; undefined for ourselves, for an address that is out of
   * reach or refused, and if there is no room. A given peer is listed.
   */
  add(address: string, source: PeerSource): Peer | undefined {
    if (source === 'given') this.access.set(address, 'listed')
    if (!this.#isPossible(address)) return undefined
    const known = this.#all.get(address)
    if (!known) {
      if (source === 'named' && this.#all.size >= this.#config.maxPeers) return undefined
      const peer = new KnownPeer(address, source)
      this.#all.set(address, peer)
      this.#rings.add(address)
      this.#giveTurns(peer)
      return peer
    }
    if (known.source === 'named') known.source = source
    if (source !== 'named') this.#believe(known)
    return known
  }

  /** `namer` has named a member, which is a stranger unless we know it. */
  addNamed(address: string, namer: string, now: number): void {
    if (!this.#isPossible(address) || this.#all.has(address)) return
    if (this.#all.size >= this.#config.maxPeers || this.scores.isDoubtful(namer, now)) return
    const crowded = this.#strangers.makeRoom(namer)
    if (crowded === 'full') return
    if (crowded) this.#forget(crowded)
    const peer = new KnownPeer(address, 'named', namer)
    this.#all.set(address, peer)
    this.#rings.add(address)
    this.#strangers.add(peer)
  }

  #isPossible(address: string): boolean {
    if (address === this.#self || address === '' || this.access.refusal(address)) return false
    return this.#canReach(address)
  }

  #giveTurns({ address }: Peer): void {
    this.#roundRotation.add(address)
    this.#pushRotation.add(address)
  }

  /** The peer exists: it is a stranger no more. */
  #believe(peer: Peer): void {
    if (peer.namer === undefined) return
    this.#strangers.delete(peer)
    peer.namer = undefined
    peer.failures = 0
    peer.failure = undefined
    peer.retryAt = 0
    this.#giveTurns(peer)
  }

  /** Forgets a stranger. */
  #forget(peer: Peer): void {
    this.#strangers.delete(peer)
    this.#all.delete(peer.address)
    this.#rings.remove(peer.address)
  }

  /** Forgets the peers that may not be peers any more, and returns them. */
  dropRefused(): readonly Peer[] {
    const refused = [...this.#all.values()].filter(({ address }) => this.access.refusal(address))
    for (const peer of refused) this.#forget(peer)
    return refused
  }

  /** A stranger could not be reached. If it is made up, that counts against its namer. */
  #failStranger(peer: Peer, namer: string, now: number): void {
    if (peer.failures < MAX_STRANGER_TRIES) return
    this.#forget(peer)
    this.scores.madeUp(namer, now)
    if (!this.scores.isDoubtful(namer, now)) return
    for (const other of this.#strangers.of(namer)) if (!other.sending) this.#forget(other)
  }

  /** A valid push came from there, so the peer is alive. */
  received(address: string, now: number): Peer | undefined {
    const peer = this.add(address, 'heard')
    if (!peer) return undefined
    if (peer.lastHeard === undefined) {
      this.#active.push(peer)
      this.#activeSince.push(now)
    }
    peer.lastHeard = now
    this.reached(peer)
    return peer
  }

  /**
   * The peer is alive, so its failures are forgotten. If no peer could be reached before, this host
   * was cut off, and all failures are forgotten.
   */
  reached(peer: Peer): void {
    this.#believe(peer)
    const wasCutOff = this.#failing === this.#believed
    peer.wasReached = true
    if (peer.failures > 0) this.#resetFailure(peer)
    if (wasCutOff) this.resetFailures()
  }

  /** All peers may be tried again at once: the failures were our own. */
  resetFailures(): void {
    if (this.#failing > 0) for (const peer of this) this.#resetFailure(peer)
  }

  #resetFailure(peer: Peer): void {
    if (peer.failures > 0 && peer.namer === undefined) this.#failing--
    peer.failures = 0
    peer.failure = undefined
    peer.retryAt = 0
  }

  /**
   * A send to the peer failed: leaves it alone, with jitter so that not all peers are tried again
   * at once.
   */
  fail(peer: Peer, now: number, failure?: SendFailure): void {
    const { backoffMs, maxBackoffMs } = this.#config
    const wait = Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(peer.failures, 30))
    const { namer } = peer
    if (peer.failures === 0 && namer === undefined) this.#failing++
    peer.failures++
    peer.failure = failure
    peer.retryAt = now + wait * (0.75 + this.#random() / 2)
    if (namer !== undefined) this.#failStranger(peer, namer, now)
  }

  /** May the peer have that document? Not if it has sent the digests of as many others as it has. */
  mayHave(peer: Peer, document: string): boolean {
    const { documents, digests } = peer
    return documents === undefined || digests.size < documents || digests.has(document)
  }

  /** The next peers for a round. */
  forRound(count: number, now: number): Peer[] {
    return this.#take(this.#roundRotation, count, (peer) => peer.retryAt <= now)
  }

  /** The next peers for a push, without those for which `skip` is true. */
  forPush(count: number, now: number, skip: (peer: Peer) => boolean): Peer[] {
    return this.#take(this.#pushRotation, count, (peer) => peer.retryAt <= now && !skip(peer))
  }

  /**
   * The neighbours on the rings from number `first` up to `end`, among the peers that were not
   * failing at the last attempt and for which `isFit` is true.
   */
  neighbours(first: number, end: number, isFit: (peer: Peer) => boolean): Peer[] {
    return this.#rings
      .neighbours(first, end, (address) => {
        const peer = this.#all.get(address)!
        return peer.failures === 0 && peer.namer === undefined && isFit(peer)
      })
      .map((address) => this.#all.get(address)!)
  }

  /**
   * Up to `count` strangers to be tried now. The first would be a neighbour on a ring, if there is one
   * like that; the others are those of different namers.
   */
  forTrial(count: number, now: number): Peer[] {
    const isFit = (peer: Peer): boolean =>
      peer.namer !== undefined && peer.retryAt <= now && !peer.sending
    if (this.#strangers.size === 0) return []
    const { end } = ringsFor(this.#config).digest
    const near = this.#rings.neighbours(0, end, (address) => isFit(this.#all.get(address)!))
    const first = this.#all.get(near[Math.floor(this.#random() * near.length)] ?? '')
    const others = this.#strangers.next(first ? count - 1 : count, (peer) => {
      return isFit(peer) && peer !== first
    })
    return first ? [first, ...others] : others
  }

  /** Some members that are alive, as far as we know; half of them new ones, if there are any. */
  sample(count: number, except: string, now: number): string[] {
    const newsFrom = now - NEWS_ROUNDS * this.#config.intervalMs
    while (this.#old < this.#active.length && this.#activeSince[this.#old]! < newsFrom) this.#old++
    const sample = new Set<string>()
    this.#draw(sample, this.#old, Math.ceil(count / 2), except)
    this.#draw(sample, 0, count, except)
    return [...sample]
  }

  /** Draws from the heard peers, from index `first` on, until the sample has `size`. */
  #draw(sample: Set<string>, first: number, size: number, except: string): void {
    const among = this.#active.length - first
    for (let i = 0; i < size * MAX_DRAWS && sample.size < size && among > 0; i++) {
      const peer = this.#active[first + Math.floor(this.#random() * among)]!
      if (peer.failures > 0 || peer.address === except) continue
      if (this.#canName(peer.address)) sample.add(peer.address)
    }
  }

  #take(turns: ShuffledRotation, count: number, isFit: (peer: Peer) => boolean): Peer[] {
    return turns
      .take(count, (address) => isFit(this.#all.get(address)!))
      .map((address) => this.#all.get(address)!)
  }
}
