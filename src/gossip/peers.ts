/**
 * The known peers: those that the user gave, those that sent valid pushes of the swarm, and those
 * that peers named. A peer that fails is left alone for a while, twice as long each time, but is
 * never forgotten: after one push from it, it counts as alive again.
 *
 * ```js
 * peers.add('0:0000.0000.000B', 'given')
 * for (const peer of peers.forRound(3, now)) peer.outbox.enqueue('kv', { digest: true })
 * ```
 */
import { type Format, type Fragment, type Missing, OLDEST_FORMAT } from '../../crdt/index.ts'
import type { GossipConfig } from './config.ts'
import { ringsFor } from './fanouts.ts'
import type { FragmentedText } from './fragmented-text.ts'
import { Outbox, type QueuedState } from './outbox.ts'
import { Rings } from './rings.ts'
import { ShuffledRotation } from './shuffled-rotation.ts'

/** How we came to know a peer, from the weakest evidence to the strongest. */
export type PeerSource = 'named' | 'found' | 'given' | 'heard'

export interface Peer {
  readonly address: string
  source: PeerSource
  /** Consecutive sends that failed. */
  failures: number
  /** Why the last send failed; undefined if it succeeded. */
  failure: SendFailure | undefined
  /** Milliseconds that a send to it takes at best, as of late; undefined before the first. */
  bestMs: number | undefined
  /** Milliseconds; until then it is left alone. */
  retryAt: number
  /** Milliseconds; when its last valid push came. */
  lastHeard: number | undefined
  /** Did it send a push, or did a send to it succeed? If not, it may never have existed. */
  wasReached: boolean
  /** Has it been sent some members? */
  isIntroduced: boolean
  /** The newest format of messages that it reads, as far as we know. */
  format: Format
  /** How many documents it has, as it last said; undefined if unknown. */
  documents: number | undefined
  /** Document → the digest it last sent. */
  readonly digests: Map<string, string>
  readonly outbox: Outbox
  /** The send to it that is under way, if any. */
  sending: Sending | undefined
  /** A long message to it that is sent in fragments; kept for a while after the last one. */
  fragmented: FragmentedText | undefined
  /** Fragments of its messages that have not come, and are to be requested. */
  missing: Missing | undefined
}

/** What the transport knows about addresses. Default: all can be named and reached. */
export interface Reach {
  /** May that address be named to peers? */
  readonly canName?: (address: string) => boolean
  /** Can that address be reached from here? If not, it is not a peer, even if a peer names it. */
  readonly canReach?: (address: string) => boolean
}

/** Why a peer cannot be reached, as the transport reports it. */
export interface SendFailure {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
}

export interface Sending {
  readonly included: readonly [string, QueuedState][]
  /** Milliseconds; when it began. */
  readonly at: number
  /** UTF-16 units of the message. */
  readonly length: number
  /** Might the peer not exist? */
  readonly suspect: boolean
  /** The fragment that it carries, if any. */
  readonly fragment?: Fragment | undefined
}

/** Creates rarely needed parts on demand: a peer that was never met takes 150 bytes, not 700. */
class KnownPeer implements Peer {
  readonly address: string
  source: PeerSource
  failures = 0
  failure: SendFailure | undefined = undefined
  bestMs: number | undefined = undefined
  retryAt = 0
  lastHeard: number | undefined = undefined
  wasReached = false
  isIntroduced = false
  format: Format = OLDEST_FORMAT
  documents: number | undefined = undefined
  sending: Sending | undefined = undefined
  fragmented: FragmentedText | undefined = undefined
  missing: Missing | undefined = undefined
  #digests: Map<string, string> | undefined
  #outbox: Outbox | undefined

  constructor(address: string, source: PeerSource) {
    this.address = address
    this.source = source
  }

  get digests(): Map<string, string> {
    this.#digests ??= new Map()
    return this.#digests
  }

  get outbox(): Outbox {
    this.#outbox ??= new Outbox()
    return this.#outbox
  }
}

/** Random draws for each wanted member, before a sample stays short. */
const MAX_DRAWS = 4

/**
 * Rounds for which a new peer counts as new, and is named before others: by then 100 peers know it.
 * A larger value leaves less room for other members while many join.
 */
const NEWS_ROUNDS = 10

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
  /** How many could not be reached at the last attempt. */
  #failing = 0
  readonly #roundRotation: ShuffledRotation
  readonly #pushRotation: ShuffledRotation
  readonly #rings: Rings

  constructor(
    self: string,
    config: GossipConfig,
    random: () => number,
    { canName = () => true, canReach = () => true }: Reach = {},
  ) {
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
    return this.#all.size - this.#failing
  }

  get(address: string): Peer | undefined {
    return this.#all.get(address)
  }

  [Symbol.iterator](): IterableIterator<Peer> {
    return this.#all.values()
  }

  /**
   * Adds a peer, or returns the known one; undefined for ourselves, for an address out of reach,
   * and if there is no room.
   */
  add(address: string, source: PeerSource): Peer | undefined {
    if (address === this.#self || address === '' || !this.#canReach(address)) return undefined
    const known = this.#all.get(address)
    if (known) {
      if (known.source === 'named') known.source = source
      return known
    }
    if (source === 'named' && this.#all.size >= this.#config.maxPeers) return undefined
    const peer = new KnownPeer(address, source)
    this.#all.set(address, peer)
    this.#roundRotation.add(address)
    this.#pushRotation.add(address)
    this.#rings.add(address)
    return peer
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
    const wasCutOff = this.#failing === this.#all.size
    peer.wasReached = true
    if (peer.failures > 0) this.#resetFailure(peer)
    if (wasCutOff) this.resetFailures()
  }

  /** All peers may be tried again at once: the failures were our own. */
  resetFailures(): void {
    if (this.#failing > 0) for (const peer of this) this.#resetFailure(peer)
  }

  #resetFailure(peer: Peer): void {
    if (peer.failures > 0) this.#failing--
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
    if (peer.failures === 0) this.#failing++
    peer.failures++
    peer.failure = failure
    peer.retryAt = now + wait * (0.75 + this.#random() / 2)
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
        return peer.failures === 0 && isFit(peer)
      })
      .map((address) => this.#all.get(address)!)
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
