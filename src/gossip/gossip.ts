/**
 * The gossip core: events in, effects out. It owns no clock, no randomness and no socket, so
 * the agent, the provider, the demo and the simulation run this very code.
 *
 * Three things happen. *Push on change*: fresh changes are gathered for a moment and pushed to
 * some peers, who pass on what was new to them. *Rounds*: now and then the digest of the state
 * goes to some peers; equal means silence. *Repair*: a peer whose digest differs answers with
 * its state vector, and each side sends exactly what the other lacks. `crdt/PROTOCOL.md` says
 * it message by message.
 *
 * ```js
 * const gossip = new Gossip({ self, swarm, platform, random, maxMessageBytes })
 * gossip.open('kv', replica)
 * for (const effect of gossip.handle({ type: 'message', from, text }, Date.now())) …
 * setTimeout(() => gossip.handle({ type: 'wake' }, Date.now()), gossip.wakeAt - Date.now())
 * ```
 */
import {
  coversDelta,
  type DocState,
  decodePush,
  isEmptyDelta,
  LIMITS,
  type Limits,
  type Outcome,
  type PackedUpdate,
  type Platform,
  type Push,
  Refusal,
  type Replica,
  unpackUpdate,
} from '../../crdt/index.ts'
import { Asks, type Next } from './asks.ts'
import { Composer } from './compose.ts'
import { DEFAULTS, type GossipConfig } from './config.ts'
import { Counters } from './counters.ts'
import { type DocumentStatus, type OpenOptions, SharedDocument } from './document.ts'
import type { GossipEffect, GossipEvent } from './events.ts'
import { type Peer, type PeerSource, Peers } from './peers.ts'
import { Sender } from './sender.ts'
import { Spread } from './spread.ts'

export interface GossipOptions {
  /** Our address, as the transport's peers see it. */
  readonly self: string
  readonly swarm: string
  readonly platform: Platform
  /** Evenly distributed in [0, 1). */
  readonly random: () => number
  /** UTF-8 bytes; the transport's. */
  readonly maxMessageBytes: number
  readonly config?: Partial<GossipConfig>
  readonly limits?: Limits
}

/** In place of the digest of a peer that has a document and has not told its state. */
const UNTOLD = ''

/** A message that is sent while another to the same peer may be on its way. */
export interface LastWord {
  readonly to: string
  readonly text: string
}

export class Gossip {
  readonly counters = new Counters()
  readonly peers: Peers
  readonly config: GossipConfig
  readonly #options: GossipOptions
  readonly #limits: Limits
  readonly #documents = new Map<string, SharedDocument>()
  readonly #asks: Asks
  readonly #composer: Composer
  readonly #sender: Sender
  readonly #spread: Spread
  #now = Number.NEGATIVE_INFINITY
  #effects: GossipEffect[] = []

  constructor(options: GossipOptions) {
    this.#options = options
    this.#limits = options.limits ?? LIMITS
    this.config = { ...DEFAULTS, ...options.config }
    this.peers = new Peers(options.self, this.config, options.random)
    this.#asks = new Asks(this.config.askTimeoutMs)
    this.#composer = new Composer({
      self: options.self,
      swarm: options.swarm,
      platform: options.platform,
      random: options.random,
      // The others have our limits: what they would refuse need not be sent.
      maxMessageBytes: Math.min(options.maxMessageBytes, this.#limits.messageBytes),
      maxUpdateBytes: this.#limits.updateBytes,
      rideAlongBytes: this.config.rideAlongBytes,
    })
    this.#sender = new Sender(this.peers, this.#composer, this.config, this.counters)
    this.#spread = new Spread({
      peers: this.peers,
      sender: this.#sender,
      config: this.config,
      documents: this.#documents,
      random: options.random,
    })
  }

  /**
   * Starts to replicate a document under a name that is the same at all peers, and tells some of
   * them at the next event.
   */
  open(document: string, replica: Replica, options: OpenOptions = {}): void {
    if (this.#documents.has(document)) throw new TypeError(`document "${document}" is open already`)
    const shared = new SharedDocument(document, replica, options)
    this.#documents.set(document, shared)
    this.#spread.opened(shared)
  }

  /**
   * Stops it. Returns what peers were still to be told of it, as they were being told something
   * else: messages to be sent now, of which no event is to be given.
   */
  close(document: string): LastWord[] {
    const words = this.#lastWords(document)
    this.#documents.delete(document)
    this.#asks.forget(document)
    for (const peer of this.peers) peer.outbox.forget(document)
    return words
  }

  /** Undefined where it is not open. */
  statusOf(document: string): DocumentStatus | undefined {
    return this.#documents.get(document)?.status
  }

  /** The peers that have, or may have, that document. */
  *peersOf(document: string): IterableIterator<Peer> {
    for (const peer of this.peers) if (this.peers.mayHave(peer, document)) yield peer
  }

  /** When to send a `wake` at the latest: milliseconds on the clock of `handle`. */
  get wakeAt(): number {
    const { wakeAt } = this.#asks
    return Math.min(this.#spread.wakeAt, wakeAt, this.#confirmAt(), this.#sender.wakeAt(this.#now))
  }

  /** Messages on their way. */
  get sending(): number {
    return this.#sender.sending
  }

  /** Takes an event that happened at `now` (milliseconds, any epoch of Unix kind) and says what to do. */
  handle(event: GossipEvent, now: number): GossipEffect[] {
    this.#effects = []
    this.#now = now
    switch (event.type) {
      case 'message':
        this.#onMessage(event.from, event.text, now)
        break
      case 'sent':
        this.#sender.sent(event.to)
        break
      case 'failed':
        if (this.#sender.failed(event.to, now)) this.#askNext(this.#asks.failed(event.to), now)
        break
      case 'peers':
        this.#onPeers(event.addresses, event.source, now)
        break
      case 'round':
        this.#spread.round(now)
        break
      case 'awareness':
        this.#onAwareness(event, now)
        break
      case 'ask':
        this.#askSome(event.document, now)
        break
      case 'flush':
      case 'wake':
      case 'changed': // what was changed is taken in at every event
        break
    }
    this.#takeLocal(now)
    if (event.type === 'flush') this.#spread.hurry(now)
    this.#spread.announce(now)
    this.#onTime(now)
    this.#effects.push(...this.#sender.pump(now, this.#documents))
    return this.#effects
  }

  /** New peers are pushed to at once: we may be new ourselves. */
  #onPeers(addresses: readonly string[], source: PeerSource, now: number): void {
    const before = this.peers.size
    for (const address of addresses) this.peers.add(address, source)
    if (this.peers.size > before) this.#spread.round(now)
  }

  #onTime(now: number): void {
    this.#spread.onTime(now)
    if (this.#asks.wakeAt <= now) this.#onUnanswered(now)
    if (this.#confirmAt() <= now) this.#askToConfirm(now)
  }

  /**
   * Takes in what was changed here: at each event, as the document is encoded as it is, and
   * what it says must have been taken in before.
   */
  #takeLocal(now: number): void {
    for (const document of this.#documents.values()) {
      for (const delta of document.replica.takeLocal()) {
        document.changedHere(delta, now)
        this.#spread.changed(now)
      }
    }
  }

  /** Who is there: some are told, or the one who asked. */
  #onAwareness(event: GossipEvent & { readonly type: 'awareness' }, now: number): void {
    const { document, since, to } = event
    if (!this.#documents.get(document)?.awareness) return
    if (to === undefined) {
      this.#spread.tellAwareness(document, since, now)
      return
    }
    const peer = this.peers.get(to)
    if (peer) this.#sender.say(peer, document, { awareness: since })
  }

  /** Of digests and questions none: who hears them could not ask us, and we need no answer. */
  #lastWords(name: string): LastWord[] {
    const words: LastWord[] = []
    if (!this.#documents.has(name)) return words
    for (const peer of this.peers) {
      if (words.length >= this.config.maxSends) break
      if (peer.failures > 0) continue
      const saying = peer.outbox.take(name)
      if (!saying || (saying.since ?? saying.awareness ?? saying.answer) === undefined) continue
      const { digest: _, ask: __, ...last } = saying
      const { text } = this.#composer.compose(
        peer.address,
        [[name, last]],
        this.#documents,
        () => [],
        this.#now,
      )
      if (text === undefined) continue
      this.counters.pushesSent++
      this.counters.bytesSent += text.length
      words.push({ to: peer.address, text })
    }
    return words
  }

  /** When the first peer is to be asked whether it has what was written here. */
  #confirmAt(): number {
    let at = Number.POSITIVE_INFINITY
    for (const { confirmAt } of this.#documents.values()) at = Math.min(at, confirmAt)
    return at
  }

  #askToConfirm(now: number): void {
    for (const [name, document] of this.#documents) {
      const reason = document.takeConfirm(now)
      // Who has the same as we is silent. Those of whom nobody knows what they have tell it unasked.
      if (reason) this.#askSome(name, now, reason === 'pending')
    }
  }

  /** Asks one who may have the document for what we lack; its answer tells what it has. */
  #askSome(name: string, now: number, isAnyFit = true): void {
    for (const peer of this.#spread.some(
      name,
      1,
      now,
      ({ digests }) => !isAnyFit && !digests.has(name),
    ))
      this.#ask(name, peer.address, undefined, now)
  }

  #onMessage(from: string, text: string, now: number): void {
    this.counters.pushesReceived++
    this.counters.bytesReceived += text.length
    let push: Push
    try {
      push = decodePush(text, this.#options.swarm, this.#limits)
    } catch (error) {
      this.#refuse(from, error)
      return
    }
    const isNew = !this.peers.get(from)
    const peer = this.peers.hear(from, now)
    if (!peer) return // our own push came back
    peer.documents = push.documents ?? 1
    for (const member of push.members) this.peers.add(member, 'named')
    // Somebody unknown to us knows few others: tell it some, with our digest.
    if (isNew) this.#spread.introduce(peer)
    for (const [name, state] of push.state) {
      const document = this.#documents.get(name)
      if (document) this.#onState(peer, document, state, now)
      else this.#onUnknown(peer, name, state)
    }
    // It has told of more than it has: it has closed some, and will tell of those it kept.
    if (peer.digests.size > peer.documents)
      for (const name of [...peer.digests.keys()])
        if (!push.state.has(name)) peer.digests.delete(name)
  }

  /** Others may have documents that we have not: it is no fault to tell of them. */
  #onUnknown(peer: Peer, name: string, { digest, update, vector }: DocState): void {
    if (digest !== undefined && peer.digests.size < this.#limits.documents)
      peer.digests.set(name, digest)
    // It may not know yet that we have not got it, or no more: no trouble to tell, but counted.
    if (update || vector) this.counters.refuse('unknown_document')
  }

  /**
   * A conversation has four messages at most: a digest; the vector of one who differs; the
   * answer, with a vector if that one lacks something too; the answer to it. For an answer is
   * never answered, but for the vector it carries, and that one without a vector.
   */
  #onState(peer: Peer, document: SharedDocument, state: DocState, now: number): void {
    const { name } = document
    const { digest, update, vector, awareness, answer, more } = state
    // Who is there may have been told before anybody knew that it has the document.
    if (document.awareness && !peer.digests.has(name))
      this.#sender.say(peer, name, { awareness: 0 })
    if (digest !== undefined) peer.digests.set(name, digest)
    else if (!this.peers.mayHave(peer, name)) peer.digests.set(name, UNTOLD)
    if (update) this.#onUpdate(peer, document, update, more === true, now)
    if (awareness && document.awareness)
      this.#effects.push({
        type: 'awareness',
        document: name,
        from: peer.address,
        bytes: awareness,
      })
    if (vector) {
      this.#onVector(peer, document, state, now)
    } else if (digest !== undefined && !answer) {
      if (digest === document.replica.digest) document.equals(peer.address)
      else this.#ask(name, peer.address, digest, now)
    }
    if (answer) {
      const { next, since } = this.#asks.answered(name, peer.address, more === true, now)
      if (since !== undefined && !vector) document.answered(peer.address, since)
      if (since !== undefined && document.replica.waiting.updates === 0) document.syncs++
      if (digest === document.replica.digest) document.equals(peer.address)
      this.#askNext([[name, next]], now)
    }
  }

  #onUpdate(
    peer: Peer,
    document: SharedDocument,
    packed: PackedUpdate,
    hasMore: boolean,
    now: number,
  ): void {
    const merged = document.merged(packed.digest)
    if (merged) {
      this.counters.redundant++
      document.shown(merged, peer.address)
      return
    }
    const { remembered } = this.config
    this.#merge(
      peer,
      document,
      () => {
        const bytes = unpackUpdate(packed, this.#options.platform, this.#limits)
        const outcome = document.replica.apply(bytes, packed.needs)
        const { status, carried } = outcome
        if (status === 'waiting' && !hasMore) {
          this.counters.gaps++
          this.#ask(document.name, peer.address, undefined, now)
        }
        if (status === 'known') this.counters.redundant++
        if (status !== 'waiting') document.remember(packed.digest, carried, remembered)
        return outcome
      },
      now,
    )
    const carried = document.merged(packed.digest)
    if (carried) document.shown(carried, peer.address)
  }

  /** Does what merges something the peer sent, and passes on what was new. */
  #merge(peer: Peer, document: SharedDocument, merge: () => Outcome, now: number): void {
    // What was changed here comes before what is merged now, also in the order of rumors.
    this.#takeLocal(now)
    try {
      const { delta, carried, thrown } = merge()
      // What the update freed from waiting has come from others: its sender may lack it.
      const from = coversDelta(carried, delta) ? peer.address : undefined
      if (!isEmptyDelta(delta)) {
        document.changed(delta, now, from)
        this.#spread.changed(now)
      }
      for (const error of thrown) this.#onThrown(peer, document.name, error)
    } catch (error) {
      this.#refuse(peer.address, error, document.name)
    }
  }

  #onVector(peer: Peer, document: SharedDocument, state: DocState, now: number): void {
    const { name, replica, unconfirmed } = document
    try {
      const known = replica.read({
        vector: state.vector!,
        ...(state.deletes && { deletes: state.deletes }),
      })
      unconfirmed.knownTo(known)
      // Also an empty answer is given: it says that there is nothing, and ends the ask.
      this.#sender.say(peer, name, { answer: { known } })
      if (!replica.isBehind(known)) document.syncs++
      else if (!state.answer) this.#ask(name, peer.address, state.digest, now)
    } catch (error) {
      this.#refuse(peer.address, error, name)
    }
  }

  /** Asks the peer for what we lack, unless another is being asked. */
  #ask(
    document: string,
    address: string,
    digest: string | undefined,
    now: number,
    repeated?: number,
  ): void {
    const peer = this.peers.get(address)
    if (peer && this.#asks.start(document, address, digest, now, repeated)) {
      this.#sender.say(peer, document, { ask: true })
    }
  }

  /** Asks that were lost, or their answers: where updates wait, somebody else is asked. */
  #onUnanswered(now: number): void {
    const ended = this.#asks.expire(now)
    this.#askNext(ended, now)
    for (const [name] of ended) {
      if ((this.#documents.get(name)?.replica.waiting.updates ?? 0) === 0) continue
      const [peer] = this.peers.forRumor(1, now, () => false)
      if (peer) this.#ask(name, peer.address, undefined, now)
    }
  }

  /** Asks those who are still worth it: their digest differs from what ours has become. */
  #askNext(ended: readonly (readonly [string, readonly Next[]])[], now: number): void {
    for (const [document, nexts] of ended) {
      const open = this.#documents.get(document)
      if (!open) continue
      const { replica } = open
      for (const { peer, digest, repeated } of nexts) {
        if (digest === replica.digest) open.equals(peer)
        else if (repeated && !this.#composer.canAsk(replica)) continue
        else if (digest !== undefined || replica.waiting.updates > 0) {
          this.#ask(document, peer, digest, now, repeated)
        }
      }
    }
  }

  /** A refusal of what had waited, or an observer's own error: told, as it cannot be thrown here. */
  #onThrown(peer: Peer, document: string, error: unknown): void {
    if (error instanceof Refusal) this.#refuse(peer.address, error, document)
    else this.#effects.push({ type: 'observer_failed', document, error })
  }

  #refuse(from: string, error: unknown, document?: string): void {
    if (!(error instanceof Refusal)) throw error
    this.counters.refuse(error.reason)
    const { reason, message } = error
    const of = document !== undefined && { document }
    this.#effects.push({ type: 'refused', from, ...of, reason, message })
  }
}
