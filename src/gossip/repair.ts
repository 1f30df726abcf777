/**
 * Anti-entropy for the documents that we share: merges the updates of peers and passes on what was
 * new, replies to a digest that differs with our state vector, and to a state vector with exactly
 * what its sender lacks.
 *
 * ```js
 * repair.receive([{ peer, document, state }], now)   // the states of some messages
 * ```
 */
import {
  type BatchOutcome,
  coversDelta,
  type DocState,
  emptyDelta,
  isEmptyDelta,
  type Limits,
  OLDEST_FORMAT,
  type PackedUpdate,
  type Platform,
  type ReceivedUpdate,
  Rejection,
  type Replica,
  type UpdateOutcome,
  unpackUpdate,
} from '../../crdt/index.ts'
import type { GossipConfig } from './config.ts'
import type { Counters } from './counters.ts'
import type { Dissemination } from './dissemination.ts'
import { Divergence } from './divergence.ts'
import type { SharedDocument } from './document.ts'
import type { GossipEffect } from './events.ts'
import type { Peer, Peers } from './peers.ts'
import type { Puller } from './puller.ts'
import type { Sender } from './sender.ts'

export interface RepairOptions {
  readonly peers: Peers
  readonly sender: Sender
  readonly dissemination: Dissemination
  readonly puller: Puller
  readonly counters: Counters
  readonly config: GossipConfig
  readonly limits: Limits
  readonly platform: Platform
  readonly documents: ReadonlyMap<string, SharedDocument>
  /** Local changes come before what is merged now, also in the order of rumors. */
  readonly takeLocal: (now: number) => void
  /** Counts and reports a Rejection; throws any other error. */
  readonly reject: (from: string, error: unknown, document: string) => void
  readonly emit: (effect: GossipEffect) => void
}

/** What one message says about one shared document. */
export interface ReceivedState {
  readonly peer: Peer
  readonly document: SharedDocument
  readonly state: DocState
}

/** An update, and the peer that sent it. */
interface ReceivedPart {
  readonly peer: Peer
  readonly update: PackedUpdate
  /** Do further parts of the same answer follow? */
  readonly hasMore: boolean
  /** Was it pushed? */
  readonly isPush: boolean
}

/** The digest of a peer that has a document but has not sent its state. */
const UNKNOWN_DIGEST = ''

/** A single update costs less this way, because its delta is that of the transaction. */
const applyOne = (replica: Replica, { bytes, needs, from }: ReceivedUpdate): BatchOutcome => {
  try {
    const { thrown, ...outcome } = replica.apply(bytes, needs, from)
    return { outcomes: [outcome], freed: emptyDelta(), thrown }
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    return { outcomes: [error], freed: emptyDelta(), thrown: [] }
  }
}

export class Repair {
  readonly #options: RepairOptions
  readonly #puller: Puller
  readonly #divergence: Divergence
  /** Document → the peers of which the messages in hand brought something new. */
  readonly #hasBrought = new Map<SharedDocument, Set<string>>()

  constructor(options: RepairOptions) {
    this.#options = options
    this.#puller = options.puller
    this.#divergence = new Divergence(options)
  }

  /**
   * A conversation has four messages at most: a digest; the vector of a peer that differs; the
   * answer, with a vector if its sender lacks something, too; the answer to that. An answer gets no
   * reply, except to the vector it carries, and that reply has no vector.
   *
   * All updates are merged first, those of one document in one transaction. Digests are then
   * compared with the state after the merge.
   */
  receive(states: readonly ReceivedState[], now: number): void {
    /** Document → the updates for it, with their senders. */
    const updates = new Map<SharedDocument, ReceivedPart[]>()
    /** Peer and document → the newest state of the peer. */
    const last = new Map<Peer, Map<SharedDocument, DocState>>()
    for (const { peer, document, state } of states) {
      this.#noteDocument(peer, document, state, now)
      if (state.update) {
        const sent = updates.get(document) ?? []
        updates.set(document, sent)
        sent.push({
          peer,
          update: state.update,
          hasMore: state.more === true,
          isPush: !state.answer,
        })
      }
      if (state.digest === undefined) continue
      const ofPeer = last.get(peer) ?? new Map<SharedDocument, DocState>()
      last.set(peer, ofPeer.set(document, state))
    }
    this.#hasBrought.clear()
    for (const [document, sent] of updates) this.#onUpdates(document, sent, now)
    for (const { peer, document, state } of states) {
      const isLast = last.get(peer)?.get(document) === state
      this.#reply(peer, document, state, isLast, now)
    }
  }

  /** Notes that the peer has the document. */
  #noteDocument(peer: Peer, document: SharedDocument, { digest }: DocState, now: number): void {
    const { peers, sender } = this.#options
    const { name } = document
    // Awareness may have been sent to other peers before we knew that this one has the document.
    if (document.awareness && !peer.digests.has(name)) sender.enqueue(peer, name, { awareness: 0 })
    if (digest !== undefined) {
      peer.digests.set(name, digest)
      document.digestReceived(peer.address, now)
    } else if (!peers.mayHave(peer, name)) peer.digests.set(name, UNKNOWN_DIGEST)
  }

  /** `isLast`: the batch has no newer state of the peer. */
  #reply(
    peer: Peer,
    document: SharedDocument,
    state: DocState,
    isLast: boolean,
    now: number,
  ): void {
    const { name } = document
    const { digest, vector, ranges, awareness, answer, more, enough } = state
    // This comes first: what a vector in the same message requests is still to be sent.
    if (enough) {
      peer.outbox.dropAnswer(name)
      document.tree.makeLazy(peer.address)
    }
    if (awareness && document.awareness)
      this.#options.emit({
        type: 'awareness',
        document: name,
        from: peer.address,
        bytes: awareness,
      })
    // A peer that pulls has missed a push.
    if ((ranges || vector) && !answer) document.tree.makeEager(peer.address)
    if (ranges) {
      this.#onRanges(peer, document, state, ranges, now)
    } else if (vector) {
      this.#onVector(peer, document, state, now)
    } else if (digest !== undefined && !answer && !enough && isLast) {
      if (document.replica.published.hasDigest(digest)) this.#onEqual(document, peer, state, now)
      else {
        this.#puller.pull(name, peer.address, digest, now)
        document.tree.makeEager(peer.address)
      }
    }
    if (answer) {
      if (more) document.probation?.extend(now)
      if (!more && document.rumors.hasFresh) this.#options.dissemination.changed(now)
      const isNew = this.#hasBrought.get(document)?.has(peer.address) ?? false
      const { next, since } = this.#puller.answered(name, peer.address, more === true, now, isNew)
      if (since !== undefined) this.#options.dissemination.answered(now)
      if (since !== undefined && !vector && !ranges) document.answered(peer.address, since)
      if (since !== undefined && document.replica.waiting.updates === 0) document.syncs++
      if (digest !== undefined && document.replica.published.hasDigest(digest))
        this.#onEqual(document, peer, state, now)
      else if (since !== undefined) this.#puller.confirmWriter(document, now)
      this.#puller.pullNext([[name, next]], now)
    }
    // The update came with the digest, so it is not a change that the peer has not seen.
    if (digest !== undefined && state.update) document.digestWithUpdate(peer.address)
  }

  /** The peer has exactly what we publish. */
  #onEqual(document: SharedDocument, peer: Peer, state: DocState, now: number): void {
    if (!state.partial) document.equals(peer.address)
    this.#puller.confirmWriter(document, now)
    // What a peer wrote that may only read is not here, so it is no copy of a writer of the swarm.
    if (this.#options.peers.access.isReadOnly(peer.address)) return
    this.#divergence.compare(peer, document, state, now)
  }

  /** Merges what peers sent for one document, and passes on what was new. */
  #onUpdates(document: SharedDocument, sent: readonly ReceivedPart[], now: number): void {
    const { limits, platform, reject, takeLocal } = this.#options
    const { access } = this.#options.peers
    const { name, replica } = document
    /** Digest → the senders of that update; only the first copy is unpacked. */
    const senders = new Map<string, ReceivedPart[]>()
    const updates: ReceivedUpdate[] = []
    for (const one of sent) {
      const { digest } = one.update
      const merged = document.merged(digest)
      if (merged) {
        this.#onRedundant(document, one)
        document.acknowledged(merged, one.peer.address)
        continue
      }
      const same = senders.get(digest)
      if (same) {
        this.#onRedundant(document, one)
        same.push(one)
        continue
      }
      if (access.isReadOnly(one.peer.address)) {
        this.#onRejected(one.peer, document)
        const why = `an update of ${one.peer.address}, which may only read`
        reject(one.peer.address, new Rejection('read_only', why), name)
        continue
      }
      try {
        const bytes = unpackUpdate(one.update, platform, limits)
        updates.push({ bytes, needs: one.update.needs, from: one.peer.address })
        senders.set(digest, [one])
      } catch (error) {
        this.#onRejected(one.peer, document)
        reject(one.peer.address, error, name)
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
    // Updates that were freed from waiting came from other peers, so these senders may lack them.
    if (!isEmptyDelta(freed)) {
      document.changed(freed, now, {})
      this.#options.dissemination.changed(now)
    }
    for (const error of thrown) this.#onThrown(groups[0]![0]!.peer, document, error)
  }

  /** Handles the outcome of one update, for all peers that sent it. */
  #onMerged(
    document: SharedDocument,
    senders: readonly ReceivedPart[],
    outcome: UpdateOutcome,
    now: number,
  ): void {
    const { config, counters, reject } = this.#options
    const [{ peer, update, hasMore }] = senders as readonly [ReceivedPart, ...ReceivedPart[]]
    if (outcome instanceof Rejection) {
      for (const { peer } of senders) this.#onRejected(peer, document)
      reject(peer.address, outcome, document.name)
      return
    }
    const { status, delta, carried } = outcome
    if (status === 'waiting') {
      if (hasMore) return
      counters.gaps++
      // A peer whose update was rejected would send it again, at once and without end.
      if (!document.rejectedPeers.has(peer.address)) {
        this.#puller.pull(document.name, peer.address, undefined, now)
      }
      return
    }
    if (status === 'known') this.#onRedundant(document, senders[0]!)
    else document.tree.makeEager(peer.address)
    if (!isEmptyDelta(delta)) {
      const brought = this.#hasBrought.get(document) ?? new Set()
      this.#hasBrought.set(document, brought)
      for (const { peer } of senders) brought.add(peer.address)
      const source = { from: peer.address, told: update.told }
      document.changed(delta, now, coversDelta(carried, delta) ? source : {})
      // Chunks of a long answer are passed on with the last one.
      if (!hasMore) this.#options.dissemination.changed(now)
    }
    document.remember(update.digest, carried, config.maxRemembered)
    for (const { peer } of senders) document.acknowledged(carried, peer.address)
  }

  /** The peer sent what we have. */
  #onRedundant(document: SharedDocument, { peer, isPush }: ReceivedPart): void {
    this.#options.counters.redundant++
    if (isPush) this.#options.dissemination.prune(document, peer)
  }

  /** From now on neither an answer of this peer nor our silence proves that both have everything. */
  #onRejected(peer: Peer, document: SharedDocument): void {
    this.#puller.rejected(document.name, peer.address)
    document.rejectedPeers.add(peer.address)
  }

  /**
   * Compares a peer's ranges with ours: answers with what the peer lacks, and replies with our ranges
   * below those that differ. Each reply is about smaller ranges, so a conversation comes to an end.
   */
  #onRanges(
    peer: Peer,
    document: SharedDocument,
    { answer, digest }: DocState,
    bytes: Uint8Array,
    now: number,
  ): void {
    const { name, replica } = document
    // What is withheld must not show, and the tree is over everything.
    if (replica.withheld) return
    const { sender } = this.#options
    try {
      const { lacks, reply, isTooDifferent } = replica.published.compareRanges(bytes)
      const hasAnswer = !isEmptyDelta(lacks) || (!reply && !answer)
      if (isTooDifferent) this.#puller.pull(name, peer.address, digest, now, 0, 'vector')
      if (hasAnswer && !isTooDifferent) sender.enqueue(peer, name, { answer: { lacks } })
      if (reply) {
        sender.enqueue(peer, name, { digest: true, ranges: reply })
        this.#puller.extend(peer, now)
      } else if (!isTooDifferent) this.#puller.ended(name, peer.address, now)
    } catch (error) {
      this.#options.reject(peer.address, error, name)
    }
  }

  #onVector(peer: Peer, document: SharedDocument, state: DocState, now: number): void {
    const { name, replica, unacknowledged } = document
    try {
      const known = replica.decode({
        vector: state.vector!,
        ...(state.deletes && { deletes: state.deletes }),
      })
      unacknowledged.acknowledgeState(known)
      const theirs = known.clocks.get(replica.doc.clientID) ?? 0
      if (theirs <= replica.publishedClock) this.#puller.confirmWriter(document, now)
      // An empty answer is sent, too: it says that there is nothing, and ends the pull.
      this.#puller.answer(document, peer, known, now)
      if (!replica.isBehind(known)) {
        if (!state.partial) document.syncs++
        return
      }
      if (!state.answer) this.#pullInKind(document, peer, state, now)
      // Silence would be taken as a proof that we have everything that the peer has.
      if (document.rejectedPeers.size > 0) this.#options.sender.enqueue(peer, name, { pull: true })
    } catch (error) {
      this.#options.reject(peer.address, error, name)
    }
  }

  /** A peer that could pull by ranges and sends a vector differs from us in too much for them. */
  #pullInKind({ name, replica }: SharedDocument, peer: Peer, { digest }: DocState, now: number) {
    const by = replica.published.needsRanges && peer.format !== OLDEST_FORMAT ? 'vector' : true
    this.#puller.pull(name, peer.address, digest, now, 0, by)
  }

  /**
   * An update that had waited was rejected, or an observer threw: reported, as no caller can catch
   * it.
   */
  #onThrown(peer: Peer, document: SharedDocument, error: unknown): void {
    const { name } = document
    if (error instanceof Rejection) {
      this.#onRejected(peer, document)
      this.#options.reject(peer.address, error, name)
    } else this.#options.emit({ type: 'observer_failed', document: name, error })
  }
}
