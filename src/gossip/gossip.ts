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
  type DocState,
  decodePush,
  digestBytes,
  type Fragment,
  LIMITS,
  type Limits,
  type Push,
  Rejection,
  type Replica,
} from '../../crdt/index.ts'
import { Composer } from './compose.ts'
import { DEFAULTS, type GossipConfig } from './config.ts'
import { Counters } from './counters.ts'
import { Dissemination } from './dissemination.ts'
import { type DocumentStatus, type OpenOptions, SharedDocument } from './document.ts'
import type { GossipEffect, GossipEvent, ReceivedMessage } from './events.ts'
import { fanoutsFor } from './fanouts.ts'
import { bytesOf, type FinalMessage, type GossipOptions } from './options.ts'
import { type Peer, type PeerSource, Peers } from './peers.ts'
import { Puller } from './puller.ts'
import { Reassembly } from './reassembly.ts'
import { type ReceivedState, Repair } from './repair.ts'
import { Sender } from './sender.ts'

const utf8 = new TextEncoder()

export class Gossip {
  readonly counters = new Counters()
  readonly peers: Peers
  readonly config: GossipConfig
  readonly #options: GossipOptions
  readonly #limits: Limits
  readonly #documents = new Map<string, SharedDocument>()
  readonly #composer: Composer
  readonly #sender: Sender
  readonly #dissemination: Dissemination
  readonly #puller: Puller
  readonly #repair: Repair
  readonly #reassembly: Reassembly
  #now = Number.NEGATIVE_INFINITY
  #effects: GossipEffect[] = []

  constructor(options: GossipOptions) {
    this.#options = options
    this.#limits = options.limits ?? LIMITS
    this.config = { ...DEFAULTS, ...options.config }
    this.peers = new Peers(options.self, this.config, options.random, options)
    this.#composer = new Composer({
      self: options.self,
      swarm: options.swarm,
      platform: options.platform,
      random: options.random,
      // The others have our limits: what they would refuse need not be sent.
      maxMessageBytes: () => Math.min(bytesOf(options.maxMessageBytes), this.#limits.messageBytes),
      maxUpdateBytes: this.#limits.updateBytes,
      maxTextBytes: this.#limits.messageBytes,
      maxEntries: this.#limits.entries,
      fanouts: () => fanoutsFor(this.config, this.peers.living),
    })
    this.#reassembly = new Reassembly({
      digestOf: (text) => digestBytes(utf8.encode(text), options.platform),
      // Well before whoever waits for the answer asks for all of it again.
      patienceMs: this.config.pullTimeoutMs / 3,
      maxLength: 2 * this.#limits.messageBytes,
    })
    this.#sender = new Sender(this.peers, this.#composer, this.config, this.counters)
    this.#dissemination = new Dissemination({
      peers: this.peers,
      sender: this.#sender,
      composer: this.#composer,
      config: this.config,
      documents: this.#documents,
      random: options.random,
    })
    this.#puller = new Puller({
      peers: this.peers,
      sender: this.#sender,
      dissemination: this.#dissemination,
      composer: this.#composer,
      config: this.config,
      documents: this.#documents,
      takeLocal: (now) => this.#takeLocal(now),
    })
    this.#repair = new Repair({
      peers: this.peers,
      sender: this.#sender,
      dissemination: this.#dissemination,
      puller: this.#puller,
      counters: this.counters,
      config: this.config,
      limits: this.#limits,
      platform: options.platform,
      documents: this.#documents,
      takeLocal: (now) => this.#takeLocal(now),
      reject: (from, error, document) => this.#reject(from, error, document),
      emit: (effect) => this.#effects.push(effect),
    })
  }

  /**
   * Starts to replicate a document under a name that is the same at all peers, and tells some of
   * them at the next event.
   */
  open(document: string, replica: Replica, options: OpenOptions = {}): void {
    if (this.#documents.has(document)) throw new TypeError(`document "${document}" is open already`)
    const shared = new SharedDocument(document, replica, this.#options.platform, options)
    this.#documents.set(document, shared)
    this.#dissemination.opened(shared)
  }

  /**
   * Stops it. Returns what peers were still to be told of it, as they were being told something
   * else: messages to be sent now, of which no event is to be given.
   */
  close(document: string): FinalMessage[] {
    const words = this.#finalMessages(document)
    this.#documents.delete(document)
    this.#puller.forget(document)
    for (const peer of this.peers) peer.outbox.forget(document)
    return words
  }

  /** Undefined where it is not open. */
  statusOf(document: string): DocumentStatus | undefined {
    return this.#documents.get(document)?.status
  }

  /** Has the peer told its digest of that document since this one was changed last? */
  hasCurrentDigest(document: string, address: string): boolean {
    return this.#documents.get(document)?.hasCurrentDigest(address) ?? false
  }

  /** The peers that have, or may have, that document. */
  *peersOf(document: string): IterableIterator<Peer> {
    for (const peer of this.peers) if (this.peers.mayHave(peer, document)) yield peer
  }

  /** When to send a `wake` at the latest: milliseconds on the clock of `handle`. */
  get wakeAt(): number {
    return Math.min(
      this.#dissemination.wakeAt,
      this.#puller.wakeAt,
      this.#reassembly.wakeAt,
      this.#sender.wakeAt(this.#now),
    )
  }

  /** Messages on their way. */
  get sending(): number {
    return this.#sender.sending
  }

  /** Is there something that peers are still to be told, or are being told? */
  get isBusy(): boolean {
    if (this.sending > 0) return true
    if (this.peers.size === 0) return false
    return (
      this.#dissemination.isBatching ||
      [...this.#documents.values()].some((one) => one.isWithholding)
    )
  }

  /** Takes an event that happened at `now` (milliseconds, any epoch of Unix kind) and says what to do. */
  handle(event: GossipEvent, now: number): GossipEffect[] {
    this.#effects = []
    this.#now = now
    switch (event.type) {
      case 'message':
        this.#onMessages([event], 0, now)
        break
      case 'messages':
        this.#onMessages(event.messages, event.waiting ?? 0, now)
        break
      case 'sent':
        if (this.#sender.sent(event.to, now)) this.#dissemination.round(now)
        break
      case 'failed':
        if (this.#sender.failed(event, now)) this.#puller.failed(event.to, now)
        break
      case 'peers':
        this.#onPeers(event.addresses, event.source, now)
        break
      case 'round':
        this.#dissemination.round(now)
        break
      case 'awareness':
        this.#onAwareness(event, now)
        break
      case 'pull':
        this.#puller.pullFromSome(event.document, now)
        break
      case 'flush':
      case 'wake':
      case 'changed': // what was changed is taken in at every event
        break
    }
    this.#takeLocal(now)
    if (event.type === 'flush') this.#dissemination.flushNow(now)
    this.#dissemination.announce(now)
    this.#dissemination.onTime(now)
    this.#puller.onTime(now)
    if (this.#reassembly.wakeAt <= now) this.#requestFragments(now)
    this.#effects.push(...this.#sender.pump(now, this.#documents))
    return this.#effects
  }

  /** New peers are pushed to at once: we may be new ourselves. */
  #onPeers(addresses: readonly string[], source: PeerSource, now: number): void {
    const before = this.peers.size
    for (const address of addresses) this.peers.add(address, source)
    if (this.peers.size > before) this.#dissemination.round(now)
  }

  /**
   * Takes in what was changed here: at each event, as the document is encoded as it is, and
   * what it says must have been taken in before.
   */
  #takeLocal(now: number): void {
    for (const document of this.#documents.values()) {
      document.followIds()
      for (const delta of document.replica.takeLocal()) {
        document.changedHere(delta, now)
        this.#dissemination.changed(now)
      }
    }
  }

  /** Who is there: some are told, or the one who asked. */
  #onAwareness(event: GossipEvent & { readonly type: 'awareness' }, now: number): void {
    const { document, since, to } = event
    if (!this.#documents.get(document)?.awareness) return
    if (to === undefined) {
      this.#dissemination.sendAwareness(document, since, now)
      return
    }
    const peer = this.peers.get(to)
    if (peer) this.#sender.enqueue(peer, document, { awareness: since })
  }

  /** Of digests and questions none: who hears them could not ask us, and we need no answer. */
  #finalMessages(name: string): FinalMessage[] {
    const words: FinalMessage[] = []
    if (!this.#documents.has(name)) return words
    for (const peer of this.peers) {
      if (words.length >= this.config.maxSends) break
      if (peer.failures > 0) continue
      const saying = peer.outbox.take(name)
      if (!saying || (saying.since ?? saying.awareness ?? saying.answer) === undefined) continue
      const { digest: _, pull: __, ...last } = saying
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

  #onMessages(messages: readonly ReceivedMessage[], waiting: number, now: number): void {
    const heard: ReceivedState[] = []
    this.#sender.received(waiting, now)
    for (const { from, text } of messages) this.#onMessage(from, text, now, heard)
    this.#repair.receive(heard, now)
  }

  /** Adds to `heard` what the message says of documents that are open here. */
  #onMessage(from: string, text: string, now: number, heard: ReceivedState[]): void {
    this.counters.pushesReceived++
    this.counters.bytesReceived += text.length
    let push: Push
    try {
      push = decodePush(text, this.#options.swarm, this.#limits)
    } catch (error) {
      this.#reject(from, error)
      return
    }
    const isNew = !this.peers.get(from)
    const peer = this.peers.received(from, now)
    if (!peer) return // our own push came back
    peer.documents = push.documents ?? 1
    for (const member of push.members) this.peers.add(member, 'named')
    // Somebody unknown to us knows few others: tell it some, with our digest.
    if (isNew) this.#dissemination.introduce(peer)
    if (push.missing) this.#sender.resendFragments(peer, push.missing)
    if (push.fragment) this.#onFragment(peer, push.fragment, now, heard)
    for (const [name, state] of push.state) {
      const document = this.#documents.get(name)
      if (document) heard.push({ peer, document, state })
      else this.#onUnknown(peer, name, state)
    }
    // It has told of more than it has: it has closed some, and will tell of those it kept.
    if (peer.digests.size > peer.documents)
      for (const name of [...peer.digests.keys()])
        if (!push.state.has(name)) peer.digests.delete(name)
  }

  /** The last fragment of a message makes it whole: then it counts as if it had come so. */
  #onFragment(peer: Peer, fragment: Fragment, now: number, heard: ReceivedState[]): void {
    let text: string | undefined
    try {
      text = this.#reassembly.take(peer.address, fragment, now)
    } catch (error) {
      this.#reject(peer.address, error)
      return
    }
    if (text === undefined) {
      // What is being answered comes, if slowly.
      this.#puller.extend(peer, now)
      return
    }
    this.#onMessage(peer.address, text, now, heard)
  }

  #requestFragments(now: number): void {
    for (const { from, missing } of this.#reassembly.overdue(now)) {
      const peer = this.peers.get(from)
      if (!peer) continue
      this.#sender.requestFragments(peer, missing)
      this.#puller.extend(peer, now)
    }
  }

  /** Others may have documents that we have not: it is no fault to tell of them. */
  #onUnknown(peer: Peer, name: string, { digest, update, vector }: DocState): void {
    if (digest !== undefined && peer.digests.size < this.#limits.documents)
      peer.digests.set(name, digest)
    // It may not know yet that we have not got it, or no more: no trouble to tell, but counted.
    if (update || vector) this.counters.reject('unknown_document')
  }

  #reject(from: string, error: unknown, document?: string): void {
    if (!(error instanceof Rejection)) throw error
    this.counters.reject(error.reason)
    const { reason, message } = error
    const of = document !== undefined && { document }
    this.#effects.push({ type: 'refused', from, ...of, reason, message })
  }
}
