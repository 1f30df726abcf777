/**
 * What peers say of a document that we share, and what we ask of them: updates are merged and
 * passed on, a digest that differs is answered with our state vector, and a vector with exactly
 * what its sender lacks.
 *
 * ```js
 * exchange.hear(peer, document, state, now)   // one document of a message
 * if (exchange.wakeAt <= now) exchange.onTime(now)
 * ```
 */
import {
  coversDelta,
  type DocState,
  isEmptyDelta,
  type Limits,
  type Outcome,
  type PackedUpdate,
  type Platform,
  Refusal,
  unpackUpdate,
} from '../../crdt/index.ts'
import { Asks, type Next } from './asks.ts'
import type { Composer } from './compose.ts'
import type { GossipConfig } from './config.ts'
import type { Counters } from './counters.ts'
import type { SharedDocument } from './document.ts'
import type { GossipEffect } from './events.ts'
import type { Peer, Peers } from './peers.ts'
import type { Sender } from './sender.ts'
import type { Spread } from './spread.ts'

export interface ExchangeOptions {
  readonly peers: Peers
  readonly sender: Sender
  readonly spread: Spread
  readonly composer: Composer
  readonly counters: Counters
  readonly config: GossipConfig
  readonly limits: Limits
  readonly platform: Platform
  readonly documents: ReadonlyMap<string, SharedDocument>
  /** What was changed here comes before what is merged now, also in the order of rumors. */
  readonly takeLocal: (now: number) => void
  /** What a peer sent cannot be taken; throws what is no Refusal. */
  readonly refuse: (from: string, error: unknown, document: string) => void
  readonly tell: (effect: GossipEffect) => void
}

/** In place of the digest of a peer that has a document and has not told its state. */
const UNTOLD = ''

export class Exchange {
  readonly #options: ExchangeOptions
  readonly #asks: Asks

  constructor(options: ExchangeOptions) {
    this.#options = options
    this.#asks = new Asks(options.config.askTimeoutMs)
  }

  /** Milliseconds; when somebody is to be asked, or an answer is overdue. */
  get wakeAt(): number {
    return Math.min(this.#asks.wakeAt, this.#confirmAt())
  }

  /** Does what is due. */
  onTime(now: number): void {
    if (this.#asks.wakeAt <= now) this.#onUnanswered(now)
    if (this.#confirmAt() <= now) this.#askToConfirm(now)
  }

  /** A message to that peer did not leave: what it was asked, others are. */
  failed(address: string, now: number): void {
    this.#askNext(this.#asks.failed(address), now)
  }

  /** The document is shared no more. */
  forget(document: string): void {
    this.#asks.forget(document)
  }

  /** When the first peer is to be asked whether it has what was written here. */
  #confirmAt(): number {
    let at = Number.POSITIVE_INFINITY
    for (const { confirmAt } of this.#options.documents.values()) at = Math.min(at, confirmAt)
    return at
  }

  #askToConfirm(now: number): void {
    for (const [name, document] of this.#options.documents) {
      const reason = document.takeConfirm(now)
      // Who has the same as we is silent. Those of whom nobody knows what they have tell it unasked.
      if (reason) this.askSome(name, now, reason === 'pending')
    }
  }

  /** Asks one who may have the document for what we lack; its answer tells what it has. */
  askSome(name: string, now: number, isAnyFit = true): void {
    const isUnfit = ({ digests }: Peer): boolean => !isAnyFit && !digests.has(name)
    for (const { address } of this.#options.spread.some(name, 1, now, isUnfit))
      this.#ask(name, address, undefined, now)
  }

  /**
   * A conversation has four messages at most: a digest; the vector of one who differs; the
   * answer, with a vector if that one lacks something too; the answer to it. For an answer is
   * never answered, but for the vector it carries, and that one without a vector.
   */
  hear(peer: Peer, document: SharedDocument, state: DocState, now: number): void {
    const { peers, sender, tell } = this.#options
    const { name } = document
    const { digest, update, vector, awareness, answer, more } = state
    // Who is there may have been told before anybody knew that it has the document.
    if (document.awareness && !peer.digests.has(name)) sender.say(peer, name, { awareness: 0 })
    if (digest !== undefined) peer.digests.set(name, digest)
    else if (!peers.mayHave(peer, name)) peer.digests.set(name, UNTOLD)
    if (update) this.#onUpdate(peer, document, update, more === true, now)
    if (awareness && document.awareness)
      tell({ type: 'awareness', document: name, from: peer.address, bytes: awareness })
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
    // What came with it is merged by now, and is no change that the peer has not seen.
    if (digest !== undefined) document.told(peer.address)
  }

  /** Merges what the peer sent, and passes on what was new. */
  #onUpdate(
    peer: Peer,
    document: SharedDocument,
    packed: PackedUpdate,
    hasMore: boolean,
    now: number,
  ): void {
    const { config, counters, limits, platform, refuse, spread, takeLocal } = this.#options
    const { name, replica } = document
    const merged = document.merged(packed.digest)
    if (merged) {
      counters.redundant++
      document.shown(merged, peer.address)
      return
    }
    takeLocal(now)
    let outcome: Outcome
    try {
      outcome = replica.apply(unpackUpdate(packed, platform, limits), packed.needs)
    } catch (error) {
      refuse(peer.address, error, name)
      return
    }
    const { status, delta, carried, thrown } = outcome
    if (status === 'waiting' && !hasMore) {
      counters.gaps++
      this.#ask(name, peer.address, undefined, now)
    }
    if (status === 'known') counters.redundant++
    if (!isEmptyDelta(delta)) {
      // What the update freed from waiting has come from others: its sender may lack it.
      document.changed(delta, now, coversDelta(carried, delta) ? peer.address : undefined)
      spread.changed(now)
    }
    if (status !== 'waiting') {
      document.remember(packed.digest, carried, config.remembered)
      document.shown(carried, peer.address)
    }
    for (const error of thrown) this.#onThrown(peer, name, error)
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
      this.#options.sender.say(peer, name, { answer: { known } })
      if (!replica.isBehind(known)) document.syncs++
      else if (!state.answer) this.#ask(name, peer.address, state.digest, now)
    } catch (error) {
      this.#options.refuse(peer.address, error, name)
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
    const peer = this.#options.peers.get(address)
    if (peer && this.#asks.start(document, address, digest, now, repeated)) {
      this.#options.sender.say(peer, document, { ask: true })
    }
  }

  /** Asks that were lost, or their answers: where updates wait, somebody else is asked. */
  #onUnanswered(now: number): void {
    const ended = this.#asks.expire(now)
    this.#askNext(ended, now)
    for (const [name] of ended) {
      if ((this.#options.documents.get(name)?.replica.waiting.updates ?? 0) === 0) continue
      const [peer] = this.#options.peers.forRumor(1, now, () => false)
      if (peer) this.#ask(name, peer.address, undefined, now)
    }
  }

  /** Asks those who are still worth it: their digest differs from what ours has become. */
  #askNext(ended: readonly (readonly [string, readonly Next[]])[], now: number): void {
    for (const [document, nexts] of ended) {
      const open = this.#options.documents.get(document)
      if (!open) continue
      const { replica } = open
      for (const { peer, digest, repeated } of nexts) {
        if (digest === replica.digest) open.equals(peer)
        else if (repeated && !this.#options.composer.canAsk(replica)) continue
        else if (digest !== undefined || replica.waiting.updates > 0) {
          this.#ask(document, peer, digest, now, repeated)
        }
      }
    }
  }

  /** A refusal of what had waited, or an observer's own error: told, as it cannot be thrown here. */
  #onThrown(peer: Peer, document: string, error: unknown): void {
    if (error instanceof Refusal) this.#options.refuse(peer.address, error, document)
    else this.#options.tell({ type: 'observer_failed', document, error })
  }
}
