/**
 * What we ask peers of a document, and when: for what we lack, whether they have what was written
 * here, and whether they know more of our own writer than we do. One peer at a time.
 *
 * ```js
 * inquiry.ask('kv', peer.address, digest, now)
 * if (inquiry.wakeAt <= now) inquiry.onTime(now)
 * ```
 */
import type { PeerState } from '../../crdt/index.ts'
import type { Composer } from './compose.ts'
import type { GossipConfig } from './config.ts'
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
  readonly config: GossipConfig
  readonly documents: ReadonlyMap<string, SharedDocument>
  /** What is shown from now on is pushed like what was changed now. */
  readonly takeLocal: (now: number) => void
}

export class Puller {
  readonly #options: PullerOptions
  readonly #pulls: Pulls

  constructor(options: PullerOptions) {
    this.#options = options
    this.#pulls = new Pulls(options.config.pullTimeoutMs)
  }

  /** Milliseconds; when somebody is to be asked, or an answer is overdue. */
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

  /** A message to that peer did not leave: what it was asked, others are. */
  failed(address: string, now: number): void {
    this.pullNext(this.#pulls.failed(address), now)
  }

  /** The peer is sending a long message in parts: what it was asked may be in it. */
  extend({ address }: Peer, now: number): void {
    for (const [document, superseded] of this.#pulls.extend(address, now))
      this.#cancelAnswer(document, superseded)
    for (const { probation } of this.#options.documents.values()) probation?.extend(now)
  }

  /** The document is shared no more. */
  forget(document: string): void {
    this.#pulls.forget(document)
  }

  /** The peer has asked: it is answered now, or when all may be shown. */
  answer(document: SharedDocument, peer: Peer, known: PeerState, now: number): void {
    if (document.replica.withheld) {
      document.startProbation(now, this.#options.config.aloneMs)
      document.probation?.defer(peer.address, known)
    } else this.#options.sender.enqueue(peer, document.name, { answer: { peerState: known } })
  }

  /** The peer's answer, or a part of it, has come. */
  answered(document: string, address: string, more: boolean, now: number): Answered {
    const answered = this.#pulls.answered(document, address, more, now)
    for (const superseded of answered.superseded) this.#cancelAnswer(document, superseded)
    return answered
  }

  /** That peer's answer is not needed, as another one's is coming. */
  #cancelAnswer(document: string, address: string): void {
    const peer = this.#options.peers.get(address)
    if (peer) this.#options.sender.enqueue(peer, document, { enough: true })
  }

  /** Something was refused that the peer sent: its answer is not all that it has. */
  rejected(document: string, address: string): void {
    this.#pulls.rejected(document, address)
  }

  /** Asks one who may have the document for what we lack; its answer tells what it has. Is there one? */
  pullFromSome(name: string, now: number, isAnyFit = true): boolean {
    const isUnfit = ({ digests }: Peer): boolean => !isAnyFit && !digests.has(name)
    const [peer] = this.#options.dissemination.selectPeers(name, 1, now, isUnfit)
    if (peer) this.pull(name, peer.address, undefined, now)
    return peer !== undefined
  }

  /** Asks the peer for what we lack, unless another is being asked. */
  pull(
    document: string,
    address: string,
    digest: string | undefined,
    now: number,
    repeated?: number,
  ): void {
    const peer = this.#options.peers.get(address)
    if (peer && this.#pulls.start(document, address, digest, now, repeated)) {
      this.#options.sender.enqueue(peer, document, { pull: true })
    }
  }

  /** Asks those who are still worth it: their digest differs from what ours has become. */
  pullNext(ended: readonly (readonly [string, readonly Next[]])[], now: number): void {
    for (const [document, nexts] of ended) {
      const open = this.#options.documents.get(document)
      if (!open) continue
      const { replica } = open
      for (const { peer, digest, repeated } of nexts) {
        if (digest === replica.digest) open.equals(peer)
        else if (repeated && !this.#options.composer.canPull(replica)) continue
        else if (digest !== undefined || replica.waiting.updates > 0) {
          this.pull(document, peer, digest, now, repeated)
        }
      }
    }
  }

  /** A peer has shown that it knows no more of our writer than it was shown: what is withheld may be told. */
  confirmWriter(document: SharedDocument, now: number): void {
    // What lay in the inbox from before the start shows nothing.
    if (document.probation?.hasPulled) this.#release(document, true, now)
  }

  /** The peer holds something else under our writer id: it is asked for all of it. */
  suspectFork(document: SharedDocument, { address }: Peer, now: number): void {
    const { replica, name } = document
    if (replica.withheld) return
    replica.withhold({ from: 0, fresh: Number.POSITIVE_INFINITY })
    document.startProbation(now, this.#options.config.aloneMs)
    this.#pulls.forget(name)
    this.pull(name, address, undefined, now)
    document.probation?.pulled(true, now)
  }

  /** Whoever withholds something asks at once whether it may be told; alone it waits no longer than that. */
  #onProbation(now: number): void {
    const { config, documents } = this.#options
    for (const [name, document] of documents) {
      // What was asked before may be answered by what is withheld now.
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
      // Who has the same as we is silent. Those of whom nobody knows what they have tell it unasked.
      if (reason) this.pullFromSome(name, now, reason === 'pending')
    }
  }

  /** Asks that were lost, or their answers: where updates wait, somebody else is asked. */
  #onTimeouts(now: number): void {
    const ended = this.#pulls.expire(now)
    this.pullNext(ended, now)
    for (const [name] of ended) {
      if ((this.#options.documents.get(name)?.replica.waiting.updates ?? 0) === 0) continue
      const [peer] = this.#options.peers.forPush(1, now, () => false)
      if (peer) this.pull(name, peer.address, undefined, now)
    }
  }
}
