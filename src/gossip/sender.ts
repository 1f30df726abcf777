/**
 * Decides which peer is sent its queued state, and when: one message at a time for each peer, and
 * as many in all as this host can carry. Peers that may hold a send for long take no more than half
 * of the places. What waits for a place is merged, so no queue of messages builds up.
 *
 * Failures of this host (no daemon, a full disk) are not counted against peers: sending pauses as a
 * whole, and one send at a time probes whether it works again.
 *
 * ```js
 * sender.enqueue(peer, 'kv', { digest: true })
 * effects.push(...sender.pump(now, documents))
 * ```
 */
import type { Fragment, Missing } from '../../crdt/index.ts'
import type { AnswerBudget } from './answer-budget.ts'
import type { Composer } from './compose.ts'
import type { GossipConfig } from './config.ts'
import type { Counters } from './counters.ts'
import type { GossipEffect, GossipEvent } from './events.ts'
import type { OpenDocument } from './open-document.ts'
import type { QueuedState } from './outbox.ts'
import type { Peer, Peers, Sending } from './peers.ts'
import { bestOf, isLate, SendWindow } from './send-window.ts'

/** A send to this peer may take long and fail, and must not hold up the others. */
const isSuspect = ({ failures, wasReached: isProven }: Peer): boolean => failures > 0 || !isProven

/** UTF-16 units. The time of a longer message says more about its length than about the host. */
const MAX_MEASURED_LENGTH = 16_384

/** The last sends to other peers, by which a time-out is judged. */
const MAX_RECENT_SENDS = 8

/**
 * Milliseconds for which sends wait while further messages are in the inbox: what those bring can
 * be sent along.
 */
const BACKLOG_MS = 200

type Failed = GossipEvent & { readonly type: 'failed' }

export class Sender {
  readonly #peers: Peers
  readonly #composer: Composer
  readonly #config: GossipConfig
  readonly #counters: Counters
  readonly #window: SendWindow
  /** Peers with a queued state, in the order in which they got one. */
  readonly #ready = new Set<Peer>()
  /** Peers whose last message was a fragment, and whose queued state comes next. */
  readonly #stateIsNext = new Set<Peer>()
  #sending = 0
  #suspectsSending = 0
  /** The last sends that succeeded, and whether they were late. */
  readonly #recent: { readonly peer: Peer; readonly late: boolean }[] = []
  /** Milliseconds; nothing is sent before. */
  #waitUntil = Number.NEGATIVE_INFINITY
  /** Has no send succeeded since the last failure of this host? Then one at a time is tried. */
  #isPaused = false

  readonly #budget: AnswerBudget

  constructor(
    peers: Peers,
    composer: Composer,
    config: GossipConfig,
    counters: Counters,
    budget: AnswerBudget,
  ) {
    this.#budget = budget
    this.#peers = peers
    this.#composer = composer
    this.#config = config
    this.#counters = counters
    this.#window = new SendWindow(config.maxSends)
  }

  /** Messages under way. */
  get sending(): number {
    return this.#sending
  }

  /** How many may be under way at one time. */
  get places(): number {
    return this.#isPaused ? 1 : this.#window.size
  }

  /** Milliseconds; when the next peer may be tried again. */
  wakeAt(now: number): number {
    if (this.#ready.size > 0 && this.#waitUntil > now) return this.#waitUntil
    let at = Number.POSITIVE_INFINITY
    // A peer whose time has come waits for a free place, not for the clock.
    for (const { retryAt } of this.#ready) if (retryAt > now) at = Math.min(at, retryAt)
    return at
  }

  /** Merges more into what is queued for the peer. */
  enqueue(peer: Peer, document: string, queued: QueuedState): void {
    peer.outbox.enqueue(document, queued)
    this.#ready.add(peer)
  }

  /** The messages that may be sent now. */
  pump(now: number, documents: ReadonlyMap<string, OpenDocument>): GossipEffect[] {
    const effects: GossipEffect[] = []
    if (this.#waitUntil > now) return effects
    for (const peer of this.#ready) {
      const { places } = this
      if (this.#sending >= places) break
      if (peer.sending || peer.retryAt > now) continue
      if (isSuspect(peer) && this.#suspectsSending * 2 >= places) continue
      this.#ready.delete(peer)
      effects.push(...this.#send(peer, now, documents))
    }
    return effects
  }

  /** A send to that peer has succeeded. Returns whether that ends a pause. */
  sent(address: string, now: number): boolean {
    const ended = this.#ended(address)
    if (!ended) return false
    const { peer, sending } = ended
    this.#peers.reached(peer)
    this.#measure(peer, sending, now)
    if (!this.#isPaused) return false
    this.#isPaused = false
    this.#peers.resetFailures()
    return true
  }

  /**
   * A send to that peer has failed: what it carried is queued again, merged with what came since.
   * Returns whether the peer is to blame.
   */
  failed({ to, cause = 'peer', failure }: Failed, now: number): boolean {
    const ended = this.#ended(to)
    if (!ended) return false
    const { peer, sending } = ended
    const isOurs = cause === 'local' || (cause === 'timeout' && this.#isOurDoing(peer, sending))
    this.#counters.sendsFailed++
    if (cause === 'timeout') this.#window.ended(sending.at, true, now)
    if (!isOurs) this.#peers.fail(peer, now, failure)
    if (cause === 'local') this.#pause(now)
    if (this.#peers.get(to) !== peer) {
      this.#ready.delete(peer) // a stranger that does not exist
      return !isOurs
    }
    if (sending.fragment && peer.fragmented?.of === sending.fragment.of) {
      peer.fragmented.failed(sending.fragment)
      this.#ready.add(peer)
    }
    for (const [document, { since, digest }] of sending.included) {
      // An answer is not queued again: the peer will pull again, and may lack less by then.
      if (since === undefined && !digest) continue
      this.enqueue(peer, document, {
        ...(since !== undefined && { since }),
        ...(digest && { digest }),
      })
    }
    return !isOurs
  }

  /**
   * Messages have come, and `waiting` further ones wait: they are taken in before anything is sent.
   */
  received(waiting: number, now: number): void {
    if (waiting > 0) {
      this.#window.decrease(now)
      this.#waitUntil = Math.max(this.#waitUntil, now + BACKLOG_MS)
    } else {
      // What caused the pause may be over: try at once.
      this.#waitUntil = now
    }
  }

  #pause(now: number): void {
    this.#isPaused = true
    this.#waitUntil = now + this.#config.pauseMs
  }

  #measure(peer: Peer, { at, length }: Sending, now: number): void {
    if (length > MAX_MEASURED_LENGTH) return
    const ms = now - at
    const late = isLate(ms, peer.bestMs)
    this.#window.ended(at, late, now)
    peer.bestMs = bestOf(ms, peer.bestMs)
    this.#recent.push({ peer, late })
    if (this.#recent.length > MAX_RECENT_SENDS) this.#recent.shift()
  }

  /**
   * Was the time-out our own doing? Yes, if the peer was heard from meanwhile, or if others were
   * late, too.
   */
  #isOurDoing(peer: Peer, { at }: Sending): boolean {
    if (peer.lastHeard !== undefined && peer.lastHeard >= at) return true
    const others = this.#recent.filter((one) => one.peer !== peer)
    return others.length > 0 && others.filter(({ late }) => late).length * 2 >= others.length
  }

  /** The peer reports missing fragments of what was sent to it. */
  resendFragments(peer: Peer, missing: Missing): void {
    if (peer.fragmented?.of !== missing.of) return
    peer.fragmented.resend(missing)
    this.#ready.add(peer)
  }

  /** Requests missing fragments from the peer. */
  requestFragments(peer: Peer, missing: Missing): void {
    peer.missing = missing
    this.#ready.add(peer)
  }

  /**
   * Sends one message: the queued state, or the next fragment of a long one. They alternate, so
   * that a long value holds up nothing short.
   */
  #send(peer: Peer, now: number, documents: ReadonlyMap<string, OpenDocument>): GossipEffect[] {
    const { fragmented: parcel, missing } = peer
    if (missing) {
      peer.missing = undefined
      this.#ready.add(peer)
      return [
        this.#begin(
          peer,
          this.#composer.envelope.encodeFragment(
            { missing, format: peer.format },
            documents.size,
            now,
          ),
          [],
          now,
        ),
      ]
    }
    const isUnderWay = parcel !== undefined && !parcel.isSent
    if (isUnderWay && !this.#stateIsNext.has(peer)) return this.#sendFragment(peer, documents, now)
    this.#stateIsNext.delete(peer)
    const {
      text,
      included: said,
      left,
      unsendable,
    } = this.#composer.compose(
      peer,
      peer.outbox.drain(),
      documents,
      () => this.#members(peer, now),
      now,
      !isUnderWay,
    )
    for (const [document, queued] of left) this.enqueue(peer, document, queued)
    if (text === undefined && isUnderWay) return this.#sendFragment(peer, documents, now)
    const effects: GossipEffect[] = unsendable.map(([document, bytes]) => ({
      type: 'unsendable',
      to: peer.address,
      document,
      bytes,
    }))
    if (text === undefined) return effects
    for (const [document, { answer }] of said)
      if (answer) this.#budget.charge(peer.address, document, text.length, now)
    if (this.#composer.envelope.isTooLong(text)) {
      peer.fragmented = this.#composer.envelope.split(text)
      return [...effects, ...this.#sendFragment(peer, documents, now)]
    }
    if (isUnderWay) this.#ready.add(peer)
    return [...effects, this.#begin(peer, text, said, now)]
  }

  #sendFragment(
    peer: Peer,
    documents: ReadonlyMap<string, OpenDocument>,
    now: number,
  ): GossipEffect[] {
    const fragment = peer.fragmented?.next()
    if (!fragment) return []
    if (!peer.fragmented?.isSent) this.#ready.add(peer)
    if (!peer.outbox.isEmpty) {
      this.#ready.add(peer)
      this.#stateIsNext.add(peer)
    }
    const text = this.#composer.envelope.encodeFragment(
      { fragment, format: peer.format },
      documents.size,
      now,
    )
    return [this.#begin(peer, text, [], now, fragment)]
  }

  #begin(
    peer: Peer,
    text: string,
    said: Sending['included'],
    now: number,
    fragment?: Fragment,
  ): GossipEffect {
    const suspect = isSuspect(peer)
    peer.sending = { included: said, suspect, at: now, length: text.length, fragment }
    this.#sending++
    if (suspect) this.#suspectsSending++
    this.#counters.pushesSent++
    this.#counters.bytesSent += text.length
    return { type: 'send', to: peer.address, text }
  }

  /** Some members to be named to the peer. */
  #members(peer: Peer, now: number): string[] {
    const { membersNamed, membersIntroduced: membersTold } = this.#config
    const count = peer.isIntroduced ? membersNamed : membersTold
    peer.isIntroduced = true
    return this.#peers.sample(count, peer.address, now)
  }

  /** The send to that peer is over, successful or not. */
  #ended(address: string): { peer: Peer; sending: Sending } | undefined {
    const peer = this.#peers.get(address)
    const sending = peer?.sending
    if (!peer || !sending) return undefined
    peer.sending = undefined
    this.#sending--
    if (sending.suspect) this.#suspectsSending--
    return { peer, sending }
  }
}
