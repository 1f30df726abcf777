/**
 * What peers say of a document that we share, and what we ask of them: updates are merged and
 * passed on, a digest that differs is answered with our state vector, and a vector with exactly
 * what its sender lacks.
 *
 * ```js
 * exchange.hear([{ peer, document, state }], now)   // all that some messages say
 * if (exchange.wakeAt <= now) exchange.onTime(now)
 * ```
 */
import {
  type BatchOutcome,
  coversDelta,
  type DocState,
  emptyDelta,
  isEmptyDelta,
  type Limits,
  type PackedUpdate,
  type Platform,
  type ReceivedUpdate,
  Refusal,
  type Replica,
  type UpdateOutcome,
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

/** What one message says of one document that we share. */
export interface Heard {
  readonly peer: Peer
  readonly document: SharedDocument
  readonly state: DocState
}

/** An update, and the peer that sent it. */
interface Sent {
  readonly peer: Peer
  readonly update: PackedUpdate
  /** Do further parts of the same answer follow? */
  readonly hasMore: boolean
}

/** In place of the digest of a peer that has a document and has not told its state. */
const UNTOLD = ''

/** One alone costs less so: nothing need be told apart. */
const applyOne = (replica: Replica, { bytes, needs }: ReceivedUpdate): BatchOutcome => {
  try {
    const { thrown, ...outcome } = replica.apply(bytes, needs)
    return { outcomes: [outcome], freed: emptyDelta(), thrown }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { outcomes: [error], freed: emptyDelta(), thrown: [] }
  }
}

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

  /** The peer is sending a long message in parts: what it was asked may be in it. */
  isComing({ address }: Peer, now: number): void {
    this.#asks.extend(address, now)
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
   *
   * All updates are merged before anything else is looked at, those of one document in one
   * transaction: digests are compared with what the document has become by then.
   */
  hear(heard: readonly Heard[], now: number): void {
    /** Document → the updates for it, each with who sent it. */
    const updates = new Map<SharedDocument, Sent[]>()
    /** Peer and document → the last that the peer says of its state. */
    const last = new Map<Peer, Map<SharedDocument, DocState>>()
    for (const { peer, document, state } of heard) {
      this.#meet(peer, document, state)
      if (state.update) {
        const sent = updates.get(document) ?? []
        updates.set(document, sent)
        sent.push({ peer, update: state.update, hasMore: state.more === true })
      }
      if (state.digest === undefined) continue
      const ofPeer = last.get(peer) ?? new Map<SharedDocument, DocState>()
      last.set(peer, ofPeer.set(document, state))
    }
    for (const [document, sent] of updates) this.#onUpdates(document, sent, now)
    for (const { peer, document, state } of heard) {
      const isLast = last.get(peer)?.get(document) === state
      this.#reply(peer, document, state, isLast, now)
    }
  }

  /** Notes that the peer has the document. */
  #meet(peer: Peer, document: SharedDocument, { digest }: DocState): void {
    const { peers, sender } = this.#options
    const { name } = document
    // Who is there may have been told before anybody knew that it has the document.
    if (document.awareness && !peer.digests.has(name)) sender.say(peer, name, { awareness: 0 })
    if (digest !== undefined) {
      peer.digests.set(name, digest)
      document.told(peer.address)
    } else if (!peers.mayHave(peer, name)) peer.digests.set(name, UNTOLD)
  }

  /** `isLast`: the peer says nothing newer of its state in the same batch. */
  #reply(
    peer: Peer,
    document: SharedDocument,
    state: DocState,
    isLast: boolean,
    now: number,
  ): void {
    const { name } = document
    const { digest, vector, awareness, answer, more } = state
    if (awareness && document.awareness)
      this.#options.tell({
        type: 'awareness',
        document: name,
        from: peer.address,
        bytes: awareness,
      })
    if (vector) {
      this.#onVector(peer, document, state, now)
    } else if (digest !== undefined && !answer && isLast) {
      if (digest === document.replica.digest) document.equals(peer.address)
      else this.#ask(name, peer.address, digest, now)
    }
    if (answer) {
      if (!more && document.rumors.hasFresh) this.#options.spread.changed(now)
      const { next, since } = this.#asks.answered(name, peer.address, more === true, now)
      if (since !== undefined && !vector) document.answered(peer.address, since)
      if (since !== undefined && document.replica.waiting.updates === 0) document.syncs++
      if (digest === document.replica.digest) document.equals(peer.address)
      this.#askNext([[name, next]], now)
    }
    // What came with the digest is merged by now, and is no change that the peer has not seen.
    if (digest !== undefined && state.update) document.told(peer.address)
  }

  /** Merges what peers sent for one document, and passes on what was new. */
  #onUpdates(document: SharedDocument, sent: readonly Sent[], now: number): void {
    const { counters, limits, platform, refuse, takeLocal } = this.#options
    const { name, replica } = document
    /** Digest → those who sent that update; only the first is unpacked. */
    const senders = new Map<string, Sent[]>()
    const updates: ReceivedUpdate[] = []
    for (const one of sent) {
      const { digest } = one.update
      const merged = document.merged(digest)
      if (merged) {
        counters.redundant++
        document.shown(merged, one.peer.address)
        continue
      }
      const same = senders.get(digest)
      if (same) {
        counters.redundant++
        same.push(one)
        continue
      }
      try {
        const bytes = unpackUpdate(one.update, platform, limits)
        updates.push({ bytes, needs: one.update.needs })
        senders.set(digest, [one])
      } catch (error) {
        this.#onRefused(one.peer, document)
        refuse(one.peer.address, error, name)
      }
    }
    if (updates.length === 0) return
    takeLocal(now)
    const [first, ...others] = updates
    const { outcomes, freed, thrown } =
      first && others.length === 0 ? applyOne(replica, first) : replica.applyAll(updates)
    const groups = [...senders.values()]
    for (const [i, outcome] of outcomes.entries()) {
      this.#onMerged(document, groups[i]!, outcome, now)
    }
    // What the updates freed from waiting has come from others: their senders may lack it.
    if (!isEmptyDelta(freed)) {
      document.changed(freed, now, {})
      this.#options.spread.changed(now)
    }
    for (const error of thrown) this.#onThrown(groups[0]![0]!.peer, document, error)
  }

  /** One update of those that were merged, and those who sent it. */
  #onMerged(
    document: SharedDocument,
    senders: readonly Sent[],
    outcome: UpdateOutcome,
    now: number,
  ): void {
    const { config, counters, refuse } = this.#options
    const [{ peer, update, hasMore }] = senders as readonly [Sent, ...Sent[]]
    if (outcome instanceof Refusal) {
      for (const { peer } of senders) this.#onRefused(peer, document)
      refuse(peer.address, outcome, document.name)
      return
    }
    const { status, delta, carried } = outcome
    if (status === 'waiting') {
      if (hasMore) return
      counters.gaps++
      // Who sent what was refused would send it again, at once and without end.
      if (!document.refused.has(peer.address)) {
        this.#ask(document.name, peer.address, undefined, now)
      }
      return
    }
    if (status === 'known') counters.redundant++
    if (!isEmptyDelta(delta)) {
      const source = { from: peer.address, told: update.told }
      document.changed(delta, now, coversDelta(carried, delta) ? source : {})
      // A part of a long answer is passed on with the last, not each by itself.
      if (!hasMore) this.#options.spread.changed(now)
    }
    document.remember(update.digest, carried, config.remembered)
    for (const { peer } of senders) document.shown(carried, peer.address)
  }

  /** What the peer says and does not say from now on is read with that in mind, and ours too. */
  #onRefused(peer: Peer, document: SharedDocument): void {
    this.#asks.refused(document.name, peer.address)
    document.refused.add(peer.address)
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
      if (!replica.isBehind(known)) {
        document.syncs++
        return
      }
      if (!state.answer) this.#ask(name, peer.address, state.digest, now)
      // A silent answer would be taken for a proof that we have all that the peer has.
      if (document.refused.size > 0) this.#options.sender.say(peer, name, { ask: true })
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
  #onThrown(peer: Peer, document: SharedDocument, error: unknown): void {
    const { name } = document
    if (error instanceof Refusal) {
      this.#onRefused(peer, document)
      this.#options.refuse(peer.address, error, name)
    } else this.#options.tell({ type: 'observer_failed', document: name, error })
  }
}
