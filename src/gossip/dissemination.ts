/**
 * Who is told what without having asked: fresh changes are gathered and pushed, the digest follows
 * them, rounds go on for ever, and a document that is opened is announced.
 *
 * ```ts
 * const spread = new Spread({ peers, sender, composer, config, documents, random })
 * spread.changed(now)
 * if (spread.wakeAt <= now) spread.onTime(now)
 * ```
 */
import type { Composer } from './compose.ts'
import type { GossipConfig } from './config.ts'
import type { SharedDocument } from './document.ts'
import { fanoutsFor } from './fanouts.ts'
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

/** One of those who may have a document need not be told. */
type Skip = (peer: Peer) => boolean

const skipNone: Skip = () => false

export class Dissemination {
  readonly #options: DisseminationOptions
  #roundAt = Number.NEGATIVE_INFINITY
  #flushAt = Number.POSITIVE_INFINITY
  #digestAt = Number.POSITIVE_INFINITY
  /** Documents of which nobody has been told. */
  #opened: SharedDocument[] = []

  constructor(options: DisseminationOptions) {
    this.#options = options
  }

  /** Milliseconds; when something is to be told. */
  get wakeAt(): number {
    return Math.min(this.#roundAt, this.#flushAt, this.#digestAt)
  }

  /** Is something gathered that is to be pushed? */
  get isBatching(): boolean {
    return Number.isFinite(this.#flushAt)
  }

  /** It is announced at the next event. */
  opened(document: SharedDocument): void {
    this.#opened.push(document)
  }

  /** Something is fresh: it is pushed when some more have been gathered. */
  changed(now: number): void {
    if (Number.isFinite(this.#flushAt)) return
    this.#flushAt = now + this.#options.config.batchMs
  }

  /** What was gathered is pushed now. */
  flushNow(now: number): void {
    if (Number.isFinite(this.#flushAt)) this.#flushAt = now
  }

  /** The round is made now. */
  round(now: number): void {
    this.#roundAt = now
  }

  /** Those who are known already may have thought that we lack what was opened. */
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

  /** Tells a peer of all documents: it is new. */
  introduce(peer: Peer): void {
    const { documents, sender } = this.#options
    for (const [name, { content }] of documents) {
      content.resend()
      sender.enqueue(peer, name, { digest: true, awareness: 0 })
    }
  }

  /** Tells some who is there, from that number on. */
  sendAwareness(document: string, since: number, now: number): void {
    const { config, sender } = this.#options
    for (const peer of this.selectPeers(document, config.fanout, now))
      sender.enqueue(peer, document, { awareness: since })
  }

  /** Peers in turn that may have the document, without those for whom `skip` is true. */
  selectPeers(document: string, count: number, now: number, skip: Skip = skipNone): Peer[] {
    const { peers } = this.#options
    return peers.forPush(count, now, (peer) => skip(peer) || !peers.mayHave(peer, document))
  }

  #flush(now: number): void {
    const { composer, config, documents, peers, sender } = this.#options
    const { isSmall, push, digest: echo } = fanoutsFor(config, peers.living)
    this.#flushAt = Number.POSITIVE_INFINITY
    if (config.digestFanout > 0) this.#digestAt = now + config.digestDelayMs
    for (const [name, document] of documents) {
      const { rumors } = document
      if (!rumors.hasFresh) continue
      const since = rumors.flush()
      const isKnown: Skip = ({ address }) => rumors.isKnownTo(since, address)
      const targets = this.selectPeers(name, push, now, isKnown)
      // Whoever sent it has told everybody, and its digest follows.
      if (isSmall && targets.length === 0) rumors.takeUndigested()
      // To know how long it is it must be encoded: not where nobody is to be told.
      if (targets.length > 0 && !composer.fitsInline(document, since)) {
        // What is too long is announced by the digest that would follow: to all at once, as each
        // hop of it is three messages, and fewer hops are faster for as many messages.
        rumors.takeUndigested()
        const isTold: Skip = (peer) => targets.includes(peer) || isKnown(peer)
        targets.push(...this.selectPeers(name, echo, now, isTold))
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
   * Pushes alone leave somebody out. When nothing fresh has come for a while the digest follows
   * them: who lacks something asks, and need not wait for a round.
   */
  #sendDigests(now: number): void {
    const { config, documents, peers, sender } = this.#options
    const { isSmall, digest: echo } = fanoutsFor(config, peers.living)
    this.#digestAt = Number.POSITIVE_INFINITY
    for (const [name, { rumors }] of documents) {
      const since = rumors.takeUndigested()
      if (since === undefined) continue
      // Where everybody was told a further copy is nearly always one too many.
      let again = isSmall || rumors.isWidelyKnown(since) ? 0 : 1
      const isKnown: Skip = ({ address }) => rumors.isAllKnownTo(address)
      for (const peer of this.selectPeers(name, echo, now, isKnown)) {
        sender.enqueue(peer, name, again-- > 0 ? { digest: true, since } : { digest: true })
      }
    }
  }

  #makeRound(now: number): void {
    const { config, documents, peers, random, sender } = this.#options
    const swing = (random() * 2 - 1) * config.jitter
    this.#roundAt = now + config.intervalMs * (1 + swing)
    const targets = peers.forRound(fanoutsFor(config, peers.living).round, now)
    for (const [name, document] of documents) {
      const content = targets.length > 0 && document.content.takeDue(now)
      for (const peer of targets)
        sender.enqueue(peer, name, { digest: true, ...(content && { content }) })
    }
    if (documents.size === 1) return
    // A document that few have is repaired by those who have it.
    for (const name of documents.keys()) {
      if (targets.some((peer) => peers.mayHave(peer, name))) continue
      for (const peer of this.selectPeers(name, 1, now))
        sender.enqueue(peer, name, { digest: true })
    }
  }
}
