/**
 * The time in which a document shows peers nothing new of its own writer, as another may go on under
 * the same id: until a peer has shown that it knows no more of that writer than it was told. Where
 * none does, it ends by itself: an agent that is alone must not wait for ever.
 *
 * ```ts
 * const probation = new Probation(replica.withheld, now, config.aloneMs)
 * if (probation.isToAsk(now)) probation.tried(askSome(), now)
 * if (probation.until <= now) replica.release()
 * ```
 */
import type { OwnRange, PeerState } from '../../crdt/index.ts'

/** Milliseconds to the next ask: a lost one costs that much. Each is two short messages. */
const PULL_INTERVAL_MS = 500

/** Peers whose asks are kept for later. Others ask again. */
const MAX_DEFERRED = 64

/** Times the longest silence that it lasts at most, however slowly an answer comes. */
const MAX_EXTENSION = 10

export class Probation {
  /** What is withheld. */
  readonly of: OwnRange
  /** Milliseconds; when it began. */
  readonly since: number
  readonly #aloneMs: number
  readonly #end: number
  /** Milliseconds; when it is over. */
  until: number
  /** Milliseconds; undefined while there was nobody to ask. */
  #pullAt: number | undefined
  /** Those who have asked meanwhile, and what they knew. An answer without what is withheld would be taken for all. */
  readonly deferred = new Map<string, PeerState>()

  constructor(of: OwnRange, now: number, aloneMs: number) {
    this.of = of
    this.since = now
    this.#aloneMs = aloneMs
    this.#end = now + MAX_EXTENSION * aloneMs
    this.until = now + aloneMs
  }

  /** Milliseconds; when to look at it again. */
  get wakeAt(): number {
    return Math.min(this.until, this.#pullAt ?? this.until)
  }

  get hasPulled(): boolean {
    return this.#pullAt !== undefined
  }

  /** The peer is answered when it is over. */
  defer(address: string, known: PeerState): void {
    if (this.deferred.size < MAX_DEFERRED || this.deferred.has(address))
      this.deferred.set(address, known)
  }

  isPullDue(now: number): boolean {
    return this.#pullAt === undefined || this.#pullAt <= now
  }

  /** A peer is being asked, or there was none that could be. */
  pulled(hasAsked: boolean, now: number): void {
    if (hasAsked || this.hasPulled) this.#pullAt = now + PULL_INTERVAL_MS
  }

  /** A part of an answer came: the rest is waited for. */
  extend(now: number): void {
    this.until = Math.min(this.#end, Math.max(this.until, now + this.#aloneMs))
  }
}
