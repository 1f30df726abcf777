/**
 * Who is told something, and when: one message at a time for each peer, as many in all as this
 * host can carry, and peers that may hold a send for long take no more than half of the places.
 * What waits for a place is merged, never queued.
 *
 * Trouble of this side (no daemon, a full disk) is not booked on peers: sending pauses as a whole,
 * and one send at a time tries whether it is over.
 *
 * ```js
 * sender.say(peer, 'kv', { digest: true })
 * effects.push(...sender.pump(now, documents))
 * ```
 */
import type { Fragment, Missing } from '../../crdt/index.ts'
import type { Composer } from './compose.ts'
import type { GossipConfig } from './config.ts'
import type { Counters } from './counters.ts'
import type { GossipEffect, GossipEvent } from './events.ts'
import type { OpenDocument } from './open-document.ts'
import type { QueuedState } from './outbox.ts'
import type { Peer, Peers, Sending } from './peers.ts'
import { bestOf, isLate, SendWindow } from './send-window.ts'

/** A send to it may take long and fail: the others must not wait for it. */
const isSuspect = ({ failures, wasReached: isProven }: Peer): boolean => failures > 0 || !isProven

/** UTF-16 units. How long a longer message takes says more of its length than of the host. */
const MAX_MEASURED_LENGTH = 16_384

/** Sends to other peers that ended last, by which a time-out is judged. */
const MAX_RECENT_SENDS = 8

/** Milliseconds that sends wait while more messages lie in the inbox: what they bring goes along. */
const BACKLOG_MS = 200

type Failed = GossipEvent & { readonly type: 'failed' }

export class Sender {
  readonly #peers: Peers
  readonly #composer: Composer
  readonly #config: GossipConfig
  readonly #counters: Counters
  readonly #window: SendWindow
  /** Peers to whom something is to be said, in the order in which it came up. */
  readonly #ready = new Set<Peer>()
  /** Peers to whom a fragment went last, while something else is to be said to them. */
  readonly #stateIsNext = new Set<Peer>()
  #sending = 0
  #suspectsSending = 0
  /** The last sends that ended well: to whom, and whether late. */
  readonly #recent: { readonly peer: Peer; readonly late: boolean }[] = []
  /** Milliseconds; nothing is sent before. */
  #waitUntil = Number.NEGATIVE_INFINITY
  /** Has nothing been sent since the last trouble of our own? Then one at a time is tried. */
  #isPaused = false

  constructor(peers: Peers, composer: Composer, config: GossipConfig, counters: Counters) {
    this.#peers = peers
    this.#composer = composer
    this.#config = config
    this.#counters = counters
    this.#window = new SendWindow(config.maxSends)
  }

  /** Messages on their way. */
  get sending(): number {
    return this.#sending
  }

  /** How many may be at one time. */
  get places(): number {
    return this.#isPaused ? 1 : this.#window.size
  }

  /** Milliseconds; when somebody may be tried again. */
  wakeAt(now: number): number {
    if (this.#ready.size > 0 && this.#waitUntil > now) return this.#waitUntil
    let at = Number.POSITIVE_INFINITY
    // One whose time has come waits for a free place, not for the clock.
    for (const { retryAt } of this.#ready) if (retryAt > now) at = Math.min(at, retryAt)
    return at
  }

  /** Adds to what is to be said to the peer. */
  enqueue(peer: Peer, document: string, saying: QueuedState): void {
    peer.outbox.enqueue(document, saying)
    this.#ready.add(peer)
  }

  /** What may be sent now. */
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

  /** The send to that peer has ended well. Returns whether that ends a pause of our own. */
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
   * The send to that peer has failed: what it did not get is said again when it is tried next,
   * merged with what came since. Returns whether it is the peer that cannot be reached.
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
    if (sending.fragment && peer.fragmented?.of === sending.fragment.of) {
      peer.fragmented.failed(sending.fragment)
      this.#ready.add(peer)
    }
    for (const [document, { since, digest }] of sending.included) {
      // An answer is not kept: who asked will ask again, and may lack less by then.
      if (since === undefined && !digest) continue
      this.enqueue(peer, document, {
        ...(since !== undefined && { since }),
        ...(digest && { digest }),
      })
    }
    return !isOurs
  }

  /** Messages have come, and so many more wait: they are taken in before anything is sent. */
  received(waiting: number, now: number): void {
    if (waiting > 0) {
      this.#window.decrease(now)
      this.#waitUntil = Math.max(this.#waitUntil, now + BACKLOG_MS)
    } else {
      // What made us pause may be over: it is tried at once.
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

  /** Is it us who were too slow? Yes, where the peer was heard meanwhile, or others were late too. */
  #isOurDoing(peer: Peer, { at }: Sending): boolean {
    if (peer.lastHeard !== undefined && peer.lastHeard >= at) return true
    const others = this.#recent.filter((one) => one.peer !== peer)
    return others.length > 0 && others.filter(({ late }) => late).length * 2 >= others.length
  }

  /** The peer lacks some fragments of what was sent to it, as it says. */
  resendFragments(peer: Peer, missing: Missing): void {
    if (peer.fragmented?.of !== missing.of) return
    peer.fragmented.resend(missing)
    this.#ready.add(peer)
  }

  /** Fragments of the peer's have not come: they are asked for. */
  requestFragments(peer: Peer, missing: Missing): void {
    peer.missing = missing
    this.#ready.add(peer)
  }

  /**
   * One message: what is to be said, or the next fragment of what was too long for one. They take
   * turns, so that a long value holds up nothing that is short.
   */
  #send(peer: Peer, now: number, documents: ReadonlyMap<string, OpenDocument>): GossipEffect[] {
    const { fragmented: parcel, missing } = peer
    if (missing) {
      peer.missing = undefined
      this.#ready.add(peer)
      return [
        this.#begin(
          peer,
          this.#composer.composeFragment({ missing }, documents.size, now),
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
      peer.address,
      peer.outbox.drain(),
      documents,
      () => this.#members(peer, now),
      now,
      !isUnderWay,
    )
    for (const [document, saying] of left) this.enqueue(peer, document, saying)
    if (text === undefined && isUnderWay) return this.#sendFragment(peer, documents, now)
    const effects: GossipEffect[] = unsendable.map(([document, bytes]) => ({
      type: 'unsendable',
      to: peer.address,
      document,
      bytes,
    }))
    if (text === undefined) return effects
    if (this.#composer.isTooLong(text)) {
      peer.fragmented = this.#composer.split(text)
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
    const text = this.#composer.composeFragment({ fragment }, documents.size, now)
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

  /** Some members, to be named to the peer. */
  #members(peer: Peer, now: number): string[] {
    const { membersNamed, membersIntroduced: membersTold } = this.#config
    const count = peer.isIntroduced ? membersNamed : membersTold
    peer.isIntroduced = true
    return this.#peers.sample(count, peer.address, now)
  }

  /** The send to that peer is over, well or not. */
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
