/**
 * Decides when to pull a document, and from which peer: to get what we lack, to learn whether a
 * peer has our changes, and whether a peer knows more of our own writer than we do. One peer at a
 * time.
 *
 * ```js
 * puller.pull('kv', peer.address, digest, now)
 * if (puller.wakeAt <= now) puller.onTime(now)
 * ```
 */
import type { PeerState } from '../../crdt/index.ts'
import type { AnswerBudget } from './answer-budget.ts'
import type { Composer } from './compose.ts'
import type { GossipConfig } from './config.ts'
import type { Counters } from './counters.ts'
import type { Dissemination } from './dissemination.ts'
import type { SharedDocument } from './document.ts'
import type { Peer, Peers } from './peers.ts'
import { type Answered, type Next, Pulls } from './pulls.ts'
import type { Sender } from './sender.ts'

export interface PullerOptions {
  readonly peers: Peers
  readonly sender: Sender
  readonly dissemination: Dissemination
  readonly composer: Composer
  readonly budget: AnswerBudget
  readonly counters: Counters
  readonly config: GossipConfig
  readonly documents: ReadonlyMap<string, SharedDocument>
  /** What is released now is pushed like a change made now. */
  readonly takeLocal: (now: number) => void
}

export class Puller {
  readonly #options: PullerOptions
  readonly #pulls: Pulls

  constructor(options: PullerOptions) {
    this.#options = options
    this.#pulls = new Pulls(options.config.pullTimeoutMs)
  }

  /** Milliseconds; when a pull is due, or an answer overdue. */
  get wakeAt(): number {
    let at = this.#pulls.wakeAt
    for (const { confirmAt, probation } of this.#options.documents.values())
      at = Math.min(at, confirmAt, probation?.wakeAt ?? confirmAt)
    return at
  }

  /** Does what is due. */
  onTime(now: number): void {
    this.#onProbation(now)
    if (this.#pulls.wakeAt <= now) this.#onTimeouts(now)
    this.#pullToConfirm(now)
  }

  /** A send to the peer failed: what was pulled from it is pulled from another. */
  failed(address: string, now: number): void {
    this.pullNext(this.#pulls.failed(address), now)
  }

  /** The peer is sending a long message in fragments, which may be the answer. */
  extend({ address }: Peer, now: number): void {
    for (const [document, superseded] of this.#pulls.extend(address, now))
      this.#cancelAnswer(document, superseded)
    for (const { probation } of this.#options.documents.values()) probation?.extend(now)
  }

  /** The document was closed. */
  forget(document: string): void {
    this.#pulls.forget(document)
  }

  /** Answers a peer's pull within the budget: now or, during a probation, when that ends. */
  answer(document: SharedDocument, peer: Peer, known: PeerState, now: number): void {
    const { budget, counters } = this.#options
    if (!budget.admits(peer.address, document.name, known, now)) {
      counters.reject('pulled_too_often')
      return
    }
    if (document.replica.withheld) {
      document.startProbation(now, this.#options.config.aloneMs)
      document.probation?.defer(peer.address, known)
    } else this.#options.sender.enqueue(peer, document.name, { answer: { peerState: known } })
  }

  /** An answer of the peer, or a part of it, has come. `isNew`: did it bring something? */
  answered(
    document: string,
    address: string,
    more: boolean,
    now: number,
    isNew: boolean = true,
  ): Answered {
    const answered = this.#pulls.answered(document, address, more, now, isNew)
    for (const superseded of answered.superseded) this.#cancelAnswer(document, superseded)
    return answered
  }

  /** Tells the peer that its answer is not needed, because another one is coming. */
  #cancelAnswer(document: string, address: string): void {
    const peer = this.#options.peers.get(address)
    if (peer) this.#options.sender.enqueue(peer, document, { enough: true })
  }

  /** Something from the peer was rejected, so its answer does not bring everything it has. */
  rejected(document: string, address: string): void {
    this.#pulls.rejected(document, address)
  }

  /**
   * Pulls from one peer that may have the document. One that may only read shows what it has, but brings
   * nothing: it is chosen if there is no other. Returns whether there was one.
   */
  pullFromSome(name: string, now: number, isAnyFit = true): boolean {
    const { dissemination, peers } = this.#options
    const isUnfit = ({ digests }: Peer): boolean => !isAnyFit && !digests.has(name)
    const isNoSource = (peer: Peer): boolean =>
      isUnfit(peer) || peers.access.isReadOnly(peer.address)
    const [source] = dissemination.selectPeers(name, 1, now, isNoSource)
    const peer = source ?? dissemination.selectPeers(name, 1, now, isUnfit)[0]
    if (peer) this.pull(name, peer.address, undefined, now)
    return peer !== undefined
  }

  /** Pulls what we lack from the peer, unless a pull from another is under way. */
  pull(
    document: string,
    address: string,
    digest: string | undefined,
    now: number,
    repeated?: number,
    by: true | 'vector' = true,
  ): void {
    const peer = this.#options.peers.get(address)
    if (!peer) return
    const isStarted = this.#pulls.start(document, address, digest, now, repeated)
    // A pull by ranges that is under way goes on by a vector.
    if (isStarted || by === 'vector') this.#options.sender.enqueue(peer, document, { pull: by })
  }

  /** Ranges have shown that the peer has nothing that we lack, so there will be no answer. */
  ended(document: string, address: string, now: number): void {
    const { next } = this.answered(document, address, false, now)
    this.pullNext([[document, next]], now)
  }

  /** Pulls from those whose digest still differs from ours. */
  pullNext(ended: readonly (readonly [string, readonly Next[]])[], now: number): void {
    for (const [document, nexts] of ended) {
      const open = this.#options.documents.get(document)
      if (!open) continue
      const { replica } = open
      for (const { peer, digest, repeated } of nexts) {
        if (digest !== undefined && replica.published.hasDigest(digest)) open.equals(peer)
        else if (repeated && !this.#options.composer.canPull(replica)) continue
        else if (digest !== undefined || replica.waiting.updates > 0) {
          this.pull(document, peer, digest, now, repeated)
        }
      }
    }
  }

  /**
   * The peer knows no more of our writer than was published, so what is withheld may be published.
   */
  confirmWriter(document: SharedDocument, now: number): void {
    // A message from before the start, which waited in the inbox, proves nothing.
    if (document.probation?.hasPulled) this.#release(document, true, now)
  }

  /** The peer has something else under our writer id: pull all of it. */
  suspectFork(document: SharedDocument, { address }: Peer, now: number): void {
    const { replica, name } = document
    if (replica.withheld || !document.suspicions.take(now)) return
    replica.withhold({ from: 0, fresh: Number.POSITIVE_INFINITY })
    document.startProbation(now, this.#options.config.aloneMs)
    this.#pulls.forget(name)
    this.pull(name, address, undefined, now)
    document.probation?.pulled(true, now)
  }

  /** A document that withholds something pulls at once, and stops waiting when its time is over. */
  #onProbation(now: number): void {
    const { config, documents } = this.#options
    for (const [name, document] of documents) {
      // The answer to an earlier pull may be about what is withheld now.
      if (document.startProbation(now, config.aloneMs)) this.#pulls.forget(name)
      const { probation } = document
      if (!probation) continue
      if (probation.until <= now) this.#release(document, false, now)
      else if (probation.isPullDue(now)) probation.pulled(this.pullFromSome(name, now), now)
    }
  }

  #release(document: SharedDocument, isProven: boolean, now: number): void {
    const { peers, sender, takeLocal } = this.#options
    const askers = document.probation?.deferred ?? []
    document.release(isProven)
    takeLocal(now)
    for (const [address, known] of askers) {
      const peer = peers.get(address)
      if (peer) sender.enqueue(peer, document.name, { answer: { peerState: known } })
    }
  }

  #pullToConfirm(now: number): void {
    for (const [name, document] of this.#options.documents) {
      const reason = document.takeConfirmReason(now)
      // A peer that has our state does not reply. A peer whose state is unknown sends its digest
      // unasked.
      if (reason) this.pullFromSome(name, now, reason === 'pending')
    }
  }

  /** A pull or its answer was lost. If updates wait for others, another peer is asked. */
  #onTimeouts(now: number): void {
    const { peers } = this.#options
    const ended = this.#pulls.expire(now)
    this.pullNext(ended, now)
    for (const [name] of ended) {
      if ((this.#options.documents.get(name)?.replica.waiting.updates ?? 0) === 0) continue
      const [peer] = peers.forPush(1, now, ({ address }) => peers.access.isReadOnly(address))
      if (peer) this.pull(name, peer.address, undefined, now)
    }
  }
}
