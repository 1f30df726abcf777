/**
 * The gossip core: events in, effects out. It has no clock, no randomness and no socket of its own,
 * so the agent, the provider, the demo and the simulation all run this code.
 *
 * - *Dissemination*: fresh changes are batched for a moment and pushed to some peers, which pass on
 *   what was new to them.
 * - *Rounds*: now and then the digest of the state goes to some peers. Equal digests need no reply.
 * - *Repair*: a peer whose digest differs replies with its state vector, and each side sends exactly
 *   what the other lacks.
 *
 * `crdt/PROTOCOL.md` has the messages one by one.
 *
 * ```js
 * const gossip = new Gossip({ self, swarm, platform, random, maxMessageBytes })
 * gossip.open('kv', replica)
 * for (const effect of gossip.handle({ type: 'message', from, text }, Date.now())) carryOut(effect)
 * setTimeout(() => gossip.handle({ type: 'wake' }, Date.now()), gossip.wakeAt - Date.now())
 * ```
 */
import { LIMITS, type Limits, type Replica } from '../../crdt/index.ts'
import { AnswerBudget } from './answer-budget.ts'
import { Composer } from './compose.ts'
import { DEFAULTS, type GossipConfig } from './config.ts'
import { Counters } from './counters.ts'
import { Dissemination } from './dissemination.ts'
import { type DocumentStatus, type OpenOptions, SharedDocument } from './document.ts'
import type { GossipEffect, GossipEvent } from './events.ts'
import { fanoutsFor } from './fanouts.ts'
import { Inbox } from './inbox.ts'
import { bytesOf, type FinalMessage, type GossipOptions } from './options.ts'
import { type Peer, type PeerSource, Peers } from './peers.ts'
import { Puller } from './puller.ts'
import { Repair } from './repair.ts'
import type { PeerScore } from './scores.ts'
import { Sender } from './sender.ts'

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
  readonly #inbox: Inbox
  #now = Number.NEGATIVE_INFINITY
  #effects: GossipEffect[] = []
  readonly #concerned = new Set<string>()
  #concernsAll = true

  constructor(options: GossipOptions) {
    this.#options = options
    this.#limits = options.limits ?? LIMITS
    this.config = { ...DEFAULTS, ...options.config }
    this.peers = new Peers(options.self, this.config, options.random, options)
    this.#composer = this.#createComposer()
    const budget = new AnswerBudget()
    this.#sender = new Sender(this.peers, this.#composer, this.config, this.counters, budget)
    const shared = {
      peers: this.peers,
      sender: this.#sender,
      composer: this.#composer,
      budget,
      config: this.config,
      counters: this.counters,
      limits: this.#limits,
      platform: options.platform,
      documents: this.#documents,
      random: options.random,
      takeLocal: (now: number): void => this.#takeLocal(now),
      emit: (effect: GossipEffect): void => void this.#effects.push(effect),
    }
    this.#dissemination = new Dissemination(shared)
    this.#puller = new Puller({ ...shared, dissemination: this.#dissemination })
    const parts = { ...shared, dissemination: this.#dissemination, puller: this.#puller }
    const repair = new Repair({
      ...parts,
      reject: (from, error, document) => this.#inbox.reject(from, error, document),
    })
    this.#inbox = new Inbox({
      ...parts,
      repair,
      swarm: options.swarm,
      ...(options.reader && { reader: options.reader }),
      onConcerned: (document) => this.#concern(document),
    })
  }

  #createComposer(): Composer {
    const { self, swarm, platform, random, maxMessageBytes } = this.#options
    return new Composer({
      self,
      swarm,
      platform,
      random,
      // Peers have the same limits, so they would reject a longer message.
      maxMessageBytes: () => Math.min(bytesOf(maxMessageBytes), this.#limits.messageBytes),
      maxUpdateBytes: this.#limits.updateBytes,
      maxTextBytes: this.#limits.messageBytes,
      maxEntries: this.#limits.entries,
      fanouts: () => fanoutsFor(this.config, this.peers.living),
    })
  }

  /**
   * Starts to replicate a document under a name that is the same at all peers, and announces it to
   * some of them with the next event.
   */
  open(document: string, replica: Replica, options: OpenOptions = {}): void {
    if (this.#documents.has(document)) throw new TypeError(`document "${document}" is open already`)
    const shared = new SharedDocument(document, replica, options)
    this.#documents.set(document, shared)
    this.#dissemination.opened(shared)
  }

  /**
   * Stops replicating a document. Returns what is still queued for peers, as messages to be sent
   * now; the caller reports no event for them.
   */
  close(document: string): FinalMessage[] {
    const messages = this.#finalMessages(document)
    this.#documents.delete(document)
    this.#puller.forget(document)
    for (const peer of this.peers) peer.outbox.forget(document)
    return messages
  }

  /** Undefined if the document is not open. */
  statusOf(document: string): DocumentStatus | undefined {
    return this.#documents.get(document)?.status
  }

  /** Has the peer sent its digest of the document since the document last changed here? */
  hasCurrentDigest(document: string, address: string): boolean {
    return this.#documents.get(document)?.hasCurrentDigest(address) ?? false
  }

  /** The peers that have, or may have, the document; not those that others named and that never answered. */
  *peersOf(document: string): IterableIterator<Peer> {
    for (const peer of this.peers)
      if (peer.namer === undefined && this.peers.mayHave(peer, document)) yield peer
  }

  /** What the peer has sent lately, as a number: see `scores.ts`. */
  scoreOf(address: string): PeerScore {
    return this.peers.scores.of(address, this.#now)
  }

  /** When to send the next `wake` at the latest: milliseconds on the clock of `handle`. */
  get wakeAt(): number {
    return Math.min(
      this.#dissemination.wakeAt,
      this.#puller.wakeAt,
      this.#inbox.wakeAt,
      this.#sender.wakeAt(this.#now),
    )
  }

  /** Messages under way. */
  get sending(): number {
    return this.#sender.sending
  }

  /** Is anything being sent, or waiting to be pushed? */
  get isBusy(): boolean {
    if (this.sending > 0) return true
    if (this.peers.size === 0) return false
    return (
      this.#dissemination.isBatching ||
      [...this.#documents.values()].some((one) => one.isWithholding)
    )
  }

  /** The documents whose status the last event may have changed; undefined: all of them. */
  get concerned(): ReadonlySet<string> | undefined {
    return this.#concernsAll ? undefined : this.#concerned
  }

  /** Handles an event that happened at `now` (milliseconds, of any epoch), and returns what to do. */
  handle(event: GossipEvent, now: number): GossipEffect[] {
    this.#effects = []
    this.#now = now
    this.#concerned.clear()
    this.#concernsAll = false
    const { size } = this.peers
    this.#dispatch(event, now)
    this.#takeLocal(now)
    if (event.type === 'flush') this.#dissemination.flushNow(now)
    if (this.peers.size !== size || this.wakeAt <= now) this.#concernsAll = true
    this.#dissemination.announce(now)
    this.#dissemination.onTime(now)
    this.#puller.onTime(now)
    this.#inbox.onTime(now)
    this.#effects.push(...this.#sender.pump(now, this.#documents))
    return this.#effects
  }

  #dispatch(event: GossipEvent, now: number): void {
    switch (event.type) {
      case 'message':
        this.#inbox.receive([event], 0, now)
        return
      case 'messages':
        this.#inbox.receive(event.messages, event.waiting ?? 0, now)
        return
      case 'changed':
        // Local changes are taken in with every event.
        this.#concern(event.document)
        return
      case 'awareness':
        this.#concern(event.document)
        this.#onAwareness(event, now)
        return
      case 'pull':
        this.#concern(event.document)
        this.#puller.pullFromSome(event.document, now)
        return
    }
    this.#concern()
    switch (event.type) {
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
      case 'access':
        for (const { address } of this.peers.dropRefused()) this.#puller.failed(address, now)
        break
      case 'flush':
      case 'wake':
        break
    }
  }

  #concern(document?: string): void {
    if (document === undefined) this.#concernsAll = true
    else this.#concerned.add(document)
  }

  /** A round starts at once for new peers: we may be new to the swarm ourselves. */
  #onPeers(addresses: readonly string[], source: PeerSource, now: number): void {
    const before = this.peers.size
    for (const address of addresses) this.peers.add(address, source)
    if (this.peers.size > before) this.#dissemination.round(now)
  }

  /**
   * Takes in local changes of all documents, as any of them may be encoded into the next message,
   * and a message must not contain a change that has not been taken in.
   */
  #takeLocal(now: number): void {
    for (const document of this.#documents.values()) {
      document.followIds()
      for (const delta of document.replica.takeLocal()) {
        document.changedHere(delta, now)
        this.#dissemination.changed(now)
        this.#concern(document.name)
      }
    }
  }

  /** Sends awareness to some peers, or to the one that asked. */
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

  /** Leaves out digests and pulls: no reply could reach us. */
  #finalMessages(name: string): FinalMessage[] {
    const messages: FinalMessage[] = []
    if (!this.#documents.has(name)) return messages
    for (const peer of this.peers) {
      if (messages.length >= this.config.maxSends) break
      if (peer.failures > 0) continue
      const queued = peer.outbox.take(name)
      if (!queued || (queued.since ?? queued.awareness ?? queued.answer) === undefined) continue
      const { digest: _, pull: __, ...last } = queued
      const { text } = this.#composer.compose(
        peer,
        [[name, last]],
        this.#documents,
        () => [],
        this.#now,
      )
      if (text === undefined) continue
      this.counters.pushesSent++
      this.counters.bytesSent += text.length
      messages.push({ to: peer.address, text })
    }
    return messages
  }
}
