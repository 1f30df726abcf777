/**
 * What peers are sent without a request: pushes of fresh changes, the digest that follows them,
 * rounds, and announcements of documents that were opened.
 *
 * ```ts
 * const dissemination = new Dissemination({ peers, sender, composer, config, documents, random })
 * dissemination.changed(now)
 * if (dissemination.wakeAt <= now) dissemination.onTime(now)
 * ```
 */
import type { Composer } from './compose.ts'
import type { GossipConfig } from './config.ts'
import type { SharedDocument } from './document.ts'
import { fanoutsFor, type RingRange, type RingRanges, ringsFor } from './fanouts.ts'
import type { Peer, Peers } from './peers.ts'
import type { Sender } from './sender.ts'

export interface DisseminationOptions {
  readonly peers: Peers
  readonly sender: Sender
  readonly composer: Composer
  readonly config: GossipConfig
  readonly documents: ReadonlyMap<string, SharedDocument>
  readonly random: () => number
}

/** Is this peer to be left out? */
type Skip = (peer: Peer) => boolean

const skipNone: Skip = () => false

export class Dissemination {
  readonly #options: DisseminationOptions
  readonly #rings: RingRanges
  #roundAt = Number.NEGATIVE_INFINITY
  #flushAt = Number.POSITIVE_INFINITY
  #digestAt = Number.POSITIVE_INFINITY
  /** Documents that are not announced yet. */
  #opened: SharedDocument[] = []

  constructor(options: DisseminationOptions) {
    this.#options = options
    this.#rings = ringsFor(options.config)
  }

  /** Milliseconds; when something is due. */
  get wakeAt(): number {
    return Math.min(this.#roundAt, this.#flushAt, this.#digestAt)
  }

  /** Are changes waiting to be pushed? */
  get isBatching(): boolean {
    return Number.isFinite(this.#flushAt)
  }

  /** The document is announced with the next event. */
  opened(document: SharedDocument): void {
    this.#opened.push(document)
  }

  /** There is a fresh change. It is pushed when the batch is complete. */
  changed(now: number): void {
    if (Number.isFinite(this.#flushAt)) return
    this.#flushAt = now + this.#options.config.batchMs
  }

  /** Ends the batch now. */
  flushNow(now: number): void {
    if (Number.isFinite(this.#flushAt)) this.#flushAt = now
  }

  /**
   * A pull was answered completely: what it brought is a batch already. In a small swarm the batch
   * still waits, as the writer sends its change to all peers.
   */
  answered(now: number): void {
    const { config, peers } = this.#options
    if (!fanoutsFor(config, peers.living).isSmall) this.flushNow(now)
  }

  /** Makes the round due now. */
  round(now: number): void {
    this.#roundAt = now
  }

  /** A peer that we know already may believe that we do not have the document. */
  announce(now: number): void {
    if (this.#opened.length === 0) return
    const { peers, sender, config } = this.#options
    for (const document of this.#opened) {
      document.assumeUnacknowledged(now)
      for (const peer of peers.forRound(config.announceFanout, now))
        sender.enqueue(peer, document.name, { digest: true, awareness: 0 })
    }
    this.#opened = []
  }

  /** Does what is due. */
  onTime(now: number): void {
    if (this.#flushAt <= now) this.#flush(now)
    if (this.#digestAt <= now) this.#sendDigests(now)
    if (this.#roundAt <= now) this.#makeRound(now)
  }

  /** Sends the digests of all documents to a new peer. */
  introduce(peer: Peer): void {
    const { documents, sender } = this.#options
    for (const name of documents.keys())
      sender.enqueue(peer, name, { digest: true, content: true, awareness: 0 })
  }

  /** Sends awareness states from that number on to some peers. */
  sendAwareness(document: string, since: number, now: number): void {
    const { config, sender } = this.#options
    for (const peer of this.selectPeers(document, config.fanout, now))
      sender.enqueue(peer, document, { awareness: since })
  }

  /**
   * The next peers in rotation that may have the document, without those for which `skip` is true.
   */
  selectPeers(document: string, count: number, now: number, skip: Skip = skipNone): Peer[] {
    const { peers } = this.#options
    return peers.forPush(count, now, (peer) => skip(peer) || !peers.mayHave(peer, document))
  }

  /**
   * At most `count` peers for a change: the neighbours on these rings, or in a small swarm the next
   * peers in rotation. No other peer takes the place of a neighbour that has the change, as its own
   * neighbours send it the change.
   */
  #select(
    document: string,
    { first, end }: RingRange,
    count: number,
    now: number,
    skip: Skip,
  ): Peer[] {
    const { config, peers, random } = this.#options
    if (fanoutsFor(config, peers.living).isSmall)
      return this.selectPeers(document, count, now, skip)
    const targets = peers
      .neighbours(first, end, (peer) => peer.retryAt <= now && peers.mayHave(peer, document))
      .filter((peer) => !skip(peer))
    while (targets.length > count) targets.splice(Math.floor(random() * targets.length), 1)
    return targets
  }

  /** The neighbours over which a tree is laid. */
  #links(document: string, now: number, skip: Skip): Peer[] {
    const { peers } = this.#options
    const { first, end } = this.#rings.push
    return peers
      .neighbours(first, end, (peer) => peer.retryAt <= now && peers.mayHave(peer, document))
      .filter((peer) => !skip(peer))
  }

  /** What the peer pushed was here already: it is to push no more, and so are we. */
  prune(document: SharedDocument, peer: Peer): void {
    const { config, peers, sender } = this.#options
    if (config.dissemination !== 'tree' || fanoutsFor(config, peers.living).isSmall) return
    document.tree.makeLazy(peer.address)
    sender.enqueue(peer, document.name, { enough: true })
  }

  #flush(now: number): void {
    const { composer, config, documents, peers, sender } = this.#options
    const { isSmall, push, digest } = fanoutsFor(config, peers.living)
    const isTree = config.dissemination === 'tree' && !isSmall
    this.#flushAt = Number.POSITIVE_INFINITY
    if (config.digestFanout > 0 && !(isTree && Number.isFinite(this.#digestAt)))
      this.#digestAt = now + config.digestDelayMs
    for (const [name, document] of documents) {
      const { rumors } = document
      if (!rumors.hasFresh) continue
      const since = rumors.flush()
      const isKnown: Skip = ({ address }) => rumors.isKnownTo(since, address)
      const { tree } = document
      const targets = isTree
        ? this.#links(name, now, (peer) => isKnown(peer) || tree.isLazy(peer.address))
        : this.#select(name, this.#rings.push, push, now, isKnown)
      // The writer has sent it to every peer, and its digest follows.
      if (isSmall && targets.length === 0) rumors.takeUndigested()
      // Whether it fits inline is known only after encoding, so do not ask if no peer gets it.
      if (targets.length > 0 && !composer.fitsInline(document, since)) {
        // A change too long for a push is announced by the digest that would follow, to all peers
        // at once. Each hop then takes three messages, so fewer hops are faster and cost no more
        // messages.
        rumors.takeUndigested()
        const isTold: Skip = (peer) => targets.includes(peer) || isKnown(peer)
        targets.push(
          ...(isTree
            ? this.#links(name, now, isTold)
            : this.#select(name, this.#rings.digest, digest, now, isTold)),
        )
      }
      if (isSmall)
        rumors.markSent(
          since,
          targets.map(({ address }) => address),
        )
      for (const peer of targets) sender.enqueue(peer, name, { since })
    }
  }

  /**
   * Pushes alone miss some peers. When nothing fresh has come for a while the digest follows, so
   * that such a peer pulls without waiting for a round.
   */
  #sendDigests(now: number): void {
    const { config, documents, peers, sender } = this.#options
    const { isSmall, digest } = fanoutsFor(config, peers.living)
    this.#digestAt = Number.POSITIVE_INFINITY
    const isTree = config.dissemination === 'tree' && !isSmall
    for (const [name, { rumors, tree }] of documents) {
      const since = rumors.takeUndigested()
      if (since === undefined) continue
      if (isTree) {
        const isOut: Skip = ({ address }) => rumors.isAllKnownTo(address) || !tree.isLazy(address)
        for (const peer of this.#links(name, now, isOut))
          sender.enqueue(peer, name, { digest: true })
        continue
      }
      // If every peer was sent the change, another copy is nearly always redundant.
      let again = isSmall || rumors.isWidelyKnown(since) ? 0 : 1
      const isKnown: Skip = ({ address }) => rumors.isAllKnownTo(address)
      for (const peer of this.#select(name, this.#rings.digest, digest, now, isKnown)) {
        sender.enqueue(peer, name, again-- > 0 ? { digest: true, since } : { digest: true })
      }
    }
  }

  #makeRound(now: number): void {
    const { config, documents, peers, random, sender } = this.#options
    const swing = (random() * 2 - 1) * config.jitter
    this.#roundAt = now + config.intervalMs * (1 + swing)
    const { round } = fanoutsFor(config, peers.living)
    // Strangers come on top, so that names without a peer behind them cost no peer its turn.
    const strangers = peers.forTrial(round, now)
    const targets = [...peers.forRound(round, now), ...strangers]
    for (const [name, { replica }] of documents) {
      replica.endRound()
      for (const peer of targets) sender.enqueue(peer, name, { digest: true, content: true })
    }
    if (documents.size === 1) return
    // A document that few peers have is repaired by those that have it.
    for (const name of documents.keys()) {
      if (targets.some((peer) => peers.mayHave(peer, name))) continue
      for (const peer of this.selectPeers(name, 1, now))
        sender.enqueue(peer, name, { digest: true, content: true })
    }
  }
}
