/**
 * The peers we know: whom we were given, who sent valid pushes of the swarm, whom others
 * named. A peer that fails is left alone for a while, twice as long each time, and never
 * forgotten: one push from it and it is as good as new.
 *
 * ```js
 * peers.add('0:0000.0000.000B', 'given')
 * for (const peer of peers.forRound(3, now)) peer.outbox.say('kv', { digest: true })
 * ```
 */
import type { Fragment, Missing } from '../../crdt/index.ts'
import type { GossipConfig } from './config.ts'
import type { FragmentedText } from './fragmented-text.ts'
import { Outbox, type QueuedState } from './outbox.ts'
import { ShuffledRotation } from './shuffled-rotation.ts'

/** How a peer came to be known, from the weakest word to the strongest. */
export type PeerSource = 'named' | 'found' | 'given' | 'heard'

export interface Peer {
  readonly address: string
  source: PeerSource
  /** Sends that failed one after another. */
  failures: number
  /** Why the last of them did; undefined when none did. */
  failure: SendFailure | undefined
  /** Milliseconds that a send to it takes at best, as of late; undefined before the first. */
  bestMs: number | undefined
  /** Milliseconds; until then it is left alone. */
  retryAt: number
  /** Milliseconds; when its last valid push came. */
  lastHeard: number | undefined
  /** Did a push come from it, or a send to it end well? Else it may never have existed. */
  wasReached: boolean
  /** Has it been told some members? */
  isIntroduced: boolean
  /** How many documents it has, as it told last; undefined: nobody knows. */
  documents: number | undefined
  /** Document → the digest it last told. */
  readonly digests: Map<string, string>
  readonly outbox: Outbox
  /** What is on its way to it; undefined when nothing is. */
  sending: Sending | undefined
  /** A long message that goes to it in fragments; kept for a while when all were sent. */
  fragmented: FragmentedText | undefined
  /** Fragments that it has sent only in part: to be asked for. */
  missing: Missing | undefined
}

/** What the transport says of addresses. Default: all can be named and reached. */
export interface Reach {
  /** May that address be named to peers? */
  readonly canName?: (address: string) => boolean
  /** Can that address be reached from here? Else it is no peer, whoever names it. */
  readonly canReach?: (address: string) => boolean
}

/** Why a peer cannot be reached, as the transport says it. */
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
  /** Might it not be there? */
  readonly suspect: boolean
  /** Where it is a part of a long message: which. */
  readonly fragment?: Fragment | undefined
}

/** What only some peers need is made when it is asked for: a peer that was never met takes 150 bytes, not 700. */
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

/** How often a random member is drawn for each one wanted, before a sample stays short. */
const MAX_DRAWS = 4

/**
 * Rounds for which somebody new is news, and named before others: by then it is known to 100.
 * Longer leaves less room for others while many join.
 */
const NEWS_ROUNDS = 10

export class Peers {
  readonly #self: string
  readonly #config: GossipConfig
  readonly #random: () => number
  readonly #canName: (address: string) => boolean
  readonly #canReach: (address: string) => boolean
  readonly #all = new Map<string, Peer>()
  /** In the order in which they were heard first, and when that was. */
  readonly #active: Peer[] = []
  readonly #activeSince: number[] = []
  /** How many of them are no news any more. */
  #old = 0
  /** How many could not be reached when they were tried last. */
  #failing = 0
  readonly #roundRotation: ShuffledRotation
  readonly #pushRotation: ShuffledRotation

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
  }

  get size(): number {
    return this.#all.size
  }

  /** How many live, as far as is known. */
  get living(): number {
    return this.#all.size - this.#failing
  }

  get(address: string): Peer | undefined {
    return this.#all.get(address)
  }

  [Symbol.iterator](): IterableIterator<Peer> {
    return this.#all.values()
  }

  /** Takes a peer in, or returns the one that is; undefined for ourselves, for one out of reach, and when there is no room. */
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
    return peer
  }

  /** A valid push came from there: it lives. */
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
   * It lives: what failed before counts no more. Nor does it for the others when none could be
   * reached: it was this side that was cut off.
   */
  reached(peer: Peer): void {
    const wasCutOff = this.#failing === this.#all.size
    peer.wasReached = true
    if (peer.failures > 0) this.#resetFailure(peer)
    if (wasCutOff) this.resetFailures()
  }

  /** All may be tried at once: what failed was our own side. */
  resetFailures(): void {
    if (this.#failing > 0) for (const peer of this) this.#resetFailure(peer)
  }

  #resetFailure(peer: Peer): void {
    if (peer.failures > 0) this.#failing--
    peer.failures = 0
    peer.failure = undefined
    peer.retryAt = 0
  }

  /** A send to it failed: leaves it alone, with some jitter so that not all come back to it at once. */
  fail(peer: Peer, now: number, failure?: SendFailure): void {
    const { backoffMs, maxBackoffMs } = this.#config
    const wait = Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(peer.failures, 30))
    if (peer.failures === 0) this.#failing++
    peer.failures++
    peer.failure = failure
    peer.retryAt = now + wait * (0.75 + this.#random() / 2)
  }

  /** May the peer have that document? Not when it has told of as many others as it has. */
  mayHave(peer: Peer, document: string): boolean {
    const { documents, digests } = peer
    return documents === undefined || digests.size < documents || digests.has(document)
  }

  /** The next ones for a round's push. */
  forRound(count: number, now: number): Peer[] {
    return this.#take(this.#roundRotation, count, (peer) => peer.retryAt <= now)
  }

  /** The next ones for fresh changes, without those for whom `skip` is true. */
  forPush(count: number, now: number, skip: (peer: Peer) => boolean): Peer[] {
    return this.#take(this.#pushRotation, count, (peer) => peer.retryAt <= now && !skip(peer))
  }

  /** Some members that live, as far as we know; half of them new ones, where there are any. */
  sample(count: number, except: string, now: number): string[] {
    const newsFrom = now - NEWS_ROUNDS * this.#config.intervalMs
    while (this.#old < this.#active.length && this.#activeSince[this.#old]! < newsFrom) this.#old++
    const sample = new Set<string>()
    this.#draw(sample, this.#old, Math.ceil(count / 2), except)
    this.#draw(sample, 0, count, except)
    return [...sample]
  }

  /** Draws from those heard, from the `first` on, until the sample has `size`. */
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
