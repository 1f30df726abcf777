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
  type Delta,
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
import { type AwarenessSource, Composer, type OpenDocument } from './compose.ts'
import { DEFAULTS, type GossipConfig } from './config.ts'
import { Counters } from './counters.ts'
import type { GossipEffect, GossipEvent } from './events.ts'
import { type Peer, type PeerSource, Peers } from './peers.ts'
import { Rumors } from './rumors.ts'
import { Sender } from './sender.ts'
import { Unconfirmed } from './unconfirmed.ts'

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

interface Replicated extends OpenDocument, OpenOptions {
  /** Digest of an update → what it carried. All of it has been merged, so it need not be looked at again. */
  readonly merged: Map<string, Delta>
  readonly unconfirmed: Unconfirmed
  /** When a peer is to be asked whether it has them, or has more than we. */
  confirmAt: number
  /** When it was changed last, and by whom: undefined where that was not one peer alone. */
  changed: { readonly at: number; readonly from: string | undefined }
  syncs: number
}

export interface OpenOptions {
  /** What is told of who is there. */
  readonly awareness?: AwarenessSource
  /**
   * Milliseconds after which a peer is asked whether it has a change made here, unless one has
   * shown it; absent: never, for digests of rounds confirm within seconds, and cost nothing.
   */
  readonly confirmMs?: number
}

/** How far a document is, as seen from here. */
export interface DocumentStatus {
  /** How often a peer's whole state, as it was when it told, was seen to be merged here. */
  readonly syncs: number
  /** Milliseconds, on the clock of `handle`; when the oldest change was made here that no peer has shown. */
  readonly unconfirmedSince: number | undefined
}

/** A message that is sent while another to the same peer may be on its way. */
export interface LastWord {
  readonly to: string
  readonly text: string
}

const confirmMsOf = ({ confirmMs }: OpenOptions): number => confirmMs ?? Number.POSITIVE_INFINITY

export class Gossip {
  readonly counters = new Counters()
  readonly peers: Peers
  readonly config: GossipConfig
  readonly #options: GossipOptions
  readonly #limits: Limits
  readonly #documents = new Map<string, Replicated>()
  readonly #asks: Asks
  readonly #composer: Composer
  readonly #sender: Sender
  #now = Number.NEGATIVE_INFINITY
  #roundAt = Number.NEGATIVE_INFINITY
  #flushAt = Number.POSITIVE_INFINITY
  #echoAt = Number.POSITIVE_INFINITY
  #effects: GossipEffect[] = []
  /** Names of documents that were closed here: peers go on to tell of them until they have heard. */
  readonly #closed = new Set<string>()
  /** Documents of which nobody has been told. */
  #opened: string[] = []

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
  }

  /**
   * Starts to replicate a document under a name that is the same at all peers, and tells some of
   * them at the next event.
   */
  open(document: string, replica: Replica, options: OpenOptions = {}): void {
    if (this.#documents.has(document)) throw new TypeError(`document "${document}" is open already`)
    const open: Replicated = {
      replica,
      rumors: new Rumors(),
      merged: new Map(),
      unconfirmed: new Unconfirmed(),
      confirmAt: Number.POSITIVE_INFINITY,
      changed: { at: Number.NEGATIVE_INFINITY, from: undefined },
      syncs: 0,
      ...options,
    }
    this.#documents.set(document, open)
    this.#closed.delete(document)
    this.#opened.push(document)
  }

  /**
   * Stops it. Returns what peers were still to be told of it, as they were being told something
   * else: messages to be sent now, of which no event is to be given.
   */
  close(document: string): LastWord[] {
    const words = this.#lastWords(document)
    const wasOpen = this.#documents.delete(document)
    if (wasOpen && this.#closed.size < this.#limits.documents) this.#closed.add(document)
    this.#asks.forget(document)
    for (const peer of this.peers) peer.outbox.forget(document)
    return words
  }

  /** Undefined where it is not open. */
  statusOf(document: string): DocumentStatus | undefined {
    const open = this.#documents.get(document)
    return open && { syncs: open.syncs, unconfirmedSince: open.unconfirmed.oldest }
  }

  /** The peers that have, or may have, that document. */
  *peersOf(document: string): IterableIterator<Peer> {
    for (const peer of this.peers) if (this.peers.mayHave(peer, document)) yield peer
  }

  /** When to send a `wake` at the latest: milliseconds on the clock of `handle`. */
  get wakeAt(): number {
    const { wakeAt } = this.#asks
    return Math.min(
      this.#roundAt,
      this.#flushAt,
      this.#echoAt,
      wakeAt,
      this.#confirmAt(),
      this.#sender.wakeAt(this.#now),
    )
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
        this.#roundAt = now
        break
      case 'awareness':
        this.#tellAwareness(event, now)
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
    if (event.type === 'flush' && Number.isFinite(this.#flushAt)) this.#flushAt = now
    if (this.#opened.length > 0) this.#announce(now)
    this.#onTime(now)
    this.#effects.push(...this.#sender.pump(now, this.#documents))
    return this.#effects
  }

  /** New peers are pushed to at once: we may be new ourselves. */
  #onPeers(addresses: readonly string[], source: PeerSource, now: number): void {
    const before = this.peers.size
    for (const address of addresses) this.peers.add(address, source)
    if (this.peers.size > before) this.#roundAt = now
  }

  /** Those who are known already may have thought that we lack it. */
  #announce(now: number): void {
    for (const name of this.#opened) {
      this.#doubt(name, now)
      for (const peer of this.peers.forRound(this.config.announceFanout, now))
        this.#sender.say(peer, name, { digest: true, awareness: 0 })
    }
    this.#opened = []
  }

  /** What a document brings along may be with nobody else. */
  #doubt(name: string, now: number): void {
    const document = this.#documents.get(name)
    if (!document?.confirmMs) return
    document.confirmAt = now + document.confirmMs
    if (document.replica.version === 0) return
    const all = document.replica.lacking({ clocks: new Map(), deletes: undefined })
    document.unconfirmed.add(all, now)
  }

  #onTime(now: number): void {
    if (this.#flushAt <= now) this.#flush(now)
    if (this.#echoAt <= now) this.#echo(now)
    if (this.#asks.wakeAt <= now) this.#onUnanswered(now)
    if (this.#confirmAt() <= now) this.#askToConfirm(now)
    if (this.#roundAt <= now) this.#round(now)
  }

  /**
   * Takes in what was changed here: at each event, as the document is encoded as it is, and
   * what it says must have been taken in before.
   */
  #takeLocal(now: number): void {
    for (const document of this.#documents.values()) {
      for (const delta of document.replica.takeLocal()) {
        this.#rumor(document, delta, now)
        document.unconfirmed.add(delta, now)
        document.confirmAt = Math.min(document.confirmAt, now + confirmMsOf(document))
      }
    }
  }

  /** A fresh change, ours or passed on, to be pushed when some have been gathered. */
  #rumor(document: Replicated, delta: Delta, now: number, from?: string): void {
    document.rumors.add(delta, from)
    document.changed = { at: now, from }
    if (this.#flushAt === Number.POSITIVE_INFINITY) this.#flushAt = now + this.config.gatherMs
  }

  #flush(now: number): void {
    this.#flushAt = Number.POSITIVE_INFINITY
    if (this.config.echoFanout > 0) this.#echoAt = now + this.config.echoMs
    for (const [name, { rumors }] of this.#documents) {
      if (!rumors.hasFresh) continue
      const isKnown = ({ address }: Peer): boolean => rumors.isFreshKnownTo(address)
      const targets = this.#some(name, this.config.fanout, now, isKnown)
      const since = rumors.flush()
      for (const peer of targets) this.#sender.say(peer, name, { since })
    }
  }

  /**
   * Pushes alone leave somebody out. When nothing fresh has come for a while the digest follows
   * them: who lacks something asks, and need not wait for a round.
   */
  #echo(now: number): void {
    this.#echoAt = Number.POSITIVE_INFINITY
    for (const [name, { rumors }] of this.#documents) {
      const since = rumors.takeEcho()
      if (since === undefined) continue
      let again = rumors.isWidelyKnown(since) ? 0 : 1
      const isKnown = ({ address }: Peer): boolean => rumors.isAllKnownTo(address)
      for (const peer of this.#some(name, this.config.echoFanout, now, isKnown)) {
        this.#sender.say(peer, name, again-- > 0 ? { digest: true, since } : { digest: true })
      }
    }
  }

  /** Peers in turn that may have the document, without those for whom `skip` is true. */
  #some(document: string, count: number, now: number, skip: (peer: Peer) => boolean): Peer[] {
    return this.peers.forRumor(
      count,
      now,
      (peer) => skip(peer) || !this.peers.mayHave(peer, document),
    )
  }

  #round(now: number): void {
    const { intervalMs, jitter, fanout } = this.config
    const swing = (this.#options.random() * 2 - 1) * jitter
    this.#roundAt = now + intervalMs * (1 + swing)
    const targets = this.peers.forRound(fanout, now)
    for (const peer of targets) {
      for (const document of this.#documents.keys())
        this.#sender.say(peer, document, { digest: true })
    }
    if (this.#documents.size === 1) return
    // A document that few have is repaired by those who have it.
    for (const document of this.#documents.keys()) {
      if (targets.some((peer) => this.peers.mayHave(peer, document))) continue
      for (const peer of this.#some(document, 1, now, () => false))
        this.#sender.say(peer, document, { digest: true })
    }
  }

  #tellAwareness(event: GossipEvent & { readonly type: 'awareness' }, now: number): void {
    const { document, since, to } = event
    if (!this.#documents.get(document)?.awareness) return
    const asking = to === undefined ? undefined : this.peers.get(to)
    const targets =
      to === undefined ? this.#some(document, this.config.fanout, now, () => false) : [asking]
    for (const peer of targets) if (peer) this.#sender.say(peer, document, { awareness: since })
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
      if (document.confirmAt > now) continue
      const isPending = document.unconfirmed.oldest !== undefined
      const isOver = !isPending && document.syncs > 0
      document.confirmAt = isOver ? Number.POSITIVE_INFINITY : now + confirmMsOf(document)
      // Who has the same as we is silent. Those of whom nobody knows what they have tell it unasked.
      if (!isOver) this.#askSome(name, now, isPending)
    }
  }

  /** Asks one who may have the document for what we lack; its answer tells what it has. */
  #askSome(name: string, now: number, isAnyFit = true): void {
    for (const peer of this.#some(name, 1, now, ({ digests }) => !isAnyFit && !digests.has(name)))
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
    if (isNew)
      for (const document of this.#documents.keys())
        this.#sender.say(peer, document, { digest: true, awareness: 0 })
    for (const [name, state] of push.state) {
      const document = this.#documents.get(name)
      if (document) this.#onState(peer, name, document, state, now)
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
    if (!update && !vector) return
    if (this.#closed.has(name)) {
      // No trouble to tell: it is counted.
      this.counters.refuse('unknown_document')
      return
    }
    const message = `document "${name}" is not open here`
    this.#refuse(peer.address, new Refusal('unknown_document', message), name)
  }

  /**
   * A conversation has four messages at most: a digest; the vector of one who differs; the
   * answer, with a vector if that one lacks something too; the answer to it. For an answer is
   * never answered, but for the vector it carries, and that one without a vector.
   */
  #onState(peer: Peer, name: string, document: Replicated, state: DocState, now: number): void {
    const { digest, update, vector, awareness, answer, more } = state
    if (digest !== undefined) peer.digests.set(name, digest)
    else if (!this.peers.mayHave(peer, name)) peer.digests.set(name, UNTOLD)
    if (update) this.#onUpdate(peer, name, document, update, more === true, now)
    if (awareness && document.awareness)
      this.#effects.push({
        type: 'awareness',
        document: name,
        from: peer.address,
        bytes: awareness,
      })
    if (vector) {
      this.#onVector(peer, name, document, state, now)
    } else if (digest !== undefined && !answer) {
      if (digest === document.replica.digest) this.#onEqual(peer.address, document)
      else this.#ask(name, peer.address, digest, now)
    }
    if (answer) {
      const { next, since } = this.#asks.answered(name, peer.address, more === true, now)
      if (since !== undefined && !vector) this.#onContent(peer.address, document, since)
      if (since !== undefined && document.replica.waiting.updates === 0) document.syncs++
      if (digest === document.replica.digest) this.#onEqual(peer.address, document)
      this.#askNext([[name, next]], now)
    }
  }

  /**
   * The peer has answered and asks nothing in turn: so it lacks nothing of what we had when we
   * asked. But one that is asking another just then asks nothing either: it has told another state
   * than ours is now, though nobody else has changed ours meanwhile.
   */
  #onContent(address: string, { changed, unconfirmed }: Replicated, since: number): void {
    if (changed.at >= since && changed.from !== address) unconfirmed.confirm(since)
  }

  /** The peer has exactly what we have. */
  #onEqual(address: string, document: Replicated): void {
    document.rumors.knowsAll(address)
    document.unconfirmed.confirm()
    document.syncs++
  }

  #onUpdate(
    peer: Peer,
    name: string,
    document: Replicated,
    packed: PackedUpdate,
    hasMore: boolean,
    now: number,
  ): void {
    const merged = document.merged.get(packed.digest)
    if (merged) {
      this.counters.redundant++
      document.rumors.knows(merged, peer.address)
      document.unconfirmed.carried(merged)
      return
    }
    this.#merge(
      peer,
      name,
      document,
      () => {
        const bytes = unpackUpdate(packed, this.#options.platform, this.#limits)
        const outcome = document.replica.apply(bytes, packed.needs)
        const { status, carried } = outcome
        if (status === 'waiting' && !hasMore) {
          this.counters.gaps++
          this.#ask(name, peer.address, undefined, now)
        }
        if (status === 'known') this.counters.redundant++
        if (status !== 'waiting') this.#remember(document, packed.digest, carried)
        return outcome
      },
      now,
    )
    const carried = document.merged.get(packed.digest)
    if (carried) {
      document.rumors.knows(carried, peer.address)
      document.unconfirmed.carried(carried)
    }
  }

  /** Does what merges something the peer sent, and passes on what was new. */
  #merge(peer: Peer, name: string, document: Replicated, merge: () => Outcome, now: number): void {
    // What was changed here comes before what is merged now, also in the order of rumors.
    this.#takeLocal(now)
    try {
      const { delta, carried, thrown } = merge()
      // What the update freed from waiting has come from others: its sender may lack it.
      const from = coversDelta(carried, delta) ? peer.address : undefined
      if (!isEmptyDelta(delta)) this.#rumor(document, delta, now, from)
      for (const error of thrown) this.#onThrown(peer, name, error)
    } catch (error) {
      this.#refuse(peer.address, error, name)
    }
  }

  #onVector(peer: Peer, name: string, document: Replicated, state: DocState, now: number): void {
    const { replica, unconfirmed } = document
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
        if (digest === replica.digest) this.#onEqual(peer, open)
        else if (repeated && !this.#composer.canAsk(replica)) continue
        else if (digest !== undefined || replica.waiting.updates > 0) {
          this.#ask(document, peer, digest, now, repeated)
        }
      }
    }
  }

  #remember({ merged }: Replicated, digest: string, carried: Delta): void {
    merged.set(digest, carried)
    if (merged.size <= this.config.remembered) return
    // A Map goes in order of insertion: the first is the oldest.
    for (const oldest of merged.keys()) {
      merged.delete(oldest)
      break
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
