/**
 * Who is told something, and when: one message at a time for each peer, so many in all, and
 * peers that may hold a send for long take no more than half of the places.
 *
 * ```js
 * sender.say(peer, 'kv', { digest: true })
 * effects.push(...sender.pump(now, documents))
 * ```
 */
import type { Composer, OpenDocument } from './compose.ts'
import type { GossipConfig } from './config.ts'
import type { Counters } from './counters.ts'
import type { GossipEffect } from './events.ts'
import type { Saying } from './outbox.ts'
import type { Peer, Peers, Sending } from './peers.ts'

/** A send to it may take long and fail: the others must not wait for it. */
const isSuspect = ({ failures, isProven }: Peer): boolean => failures > 0 || !isProven

export class Sender {
  readonly #peers: Peers
  readonly #composer: Composer
  readonly #config: GossipConfig
  readonly #counters: Counters
  /** Peers to whom something is to be said, in the order in which it came up. */
  readonly #ready = new Set<Peer>()
  #sending = 0
  #suspectsSending = 0

  constructor(peers: Peers, composer: Composer, config: GossipConfig, counters: Counters) {
    this.#peers = peers
    this.#composer = composer
    this.#config = config
    this.#counters = counters
  }

  /** Messages on their way. */
  get sending(): number {
    return this.#sending
  }

  /** Milliseconds; when somebody may be tried again. */
  wakeAt(now: number): number {
    let at = Number.POSITIVE_INFINITY
    // One whose time has come waits for a free place, not for the clock.
    for (const { retryAt } of this.#ready) if (retryAt > now) at = Math.min(at, retryAt)
    return at
  }

  /** Adds to what is to be said to the peer. */
  say(peer: Peer, document: string, saying: Saying): void {
    peer.outbox.say(document, saying)
    this.#ready.add(peer)
  }

  /** What may be sent now. */
  pump(now: number, documents: ReadonlyMap<string, OpenDocument>): GossipEffect[] {
    const effects: GossipEffect[] = []
    for (const peer of this.#ready) {
      if (this.#sending >= this.#config.maxSends) break
      if (peer.sending || peer.retryAt > now) continue
      if (isSuspect(peer) && this.#suspectsSending * 2 >= this.#config.maxSends) continue
      this.#ready.delete(peer)
      effects.push(...this.#send(peer, now, documents))
    }
    return effects
  }

  /** The send to that peer has ended well. */
  sent(address: string): void {
    const ended = this.#ended(address)
    if (ended) this.#peers.reach(ended.peer)
  }

  /**
   * The send to that peer has failed: what it did not get is said again when it is tried next,
   * merged with what came since. Returns whether there was such a send.
   */
  failed(address: string, now: number): boolean {
    const ended = this.#ended(address)
    if (!ended) return false
    this.#counters.sendsFailed++
    this.#peers.fail(ended.peer, now)
    for (const [document, { since, digest }] of ended.sending.said) {
      // An answer is not kept: who asked will ask again, and may lack less by then.
      if (since === undefined && !digest) continue
      this.say(ended.peer, document, {
        ...(since !== undefined && { since }),
        ...(digest && { digest }),
      })
    }
    return true
  }

  #send(peer: Peer, now: number, documents: ReadonlyMap<string, OpenDocument>): GossipEffect[] {
    const { text, said, left, unsendable } = this.#composer.compose(
      peer.address,
      peer.outbox.drain(),
      documents,
      () => this.#members(peer, now),
      now,
    )
    for (const [document, saying] of left) this.say(peer, document, saying)
    const effects: GossipEffect[] = unsendable.map(([document, bytes]) => ({
      type: 'unsendable',
      to: peer.address,
      document,
      bytes,
    }))
    if (text === undefined) return effects
    const suspect = isSuspect(peer)
    peer.sending = { said, suspect }
    this.#sending++
    if (suspect) this.#suspectsSending++
    this.#counters.pushesSent++
    this.#counters.bytesSent += text.length
    return [...effects, { type: 'send', to: peer.address, text }]
  }

  /** Some members, to be named to the peer. */
  #members(peer: Peer, now: number): string[] {
    const { membersNamed, membersTold } = this.#config
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
