/**
 * The time after a start in which own changes are withheld, because another copy may use the same
 * writer id. It ends when a peer shows that it knows no more of that writer than was published. If
 * none does, it ends by itself: an agent that is alone must not wait forever.
 *
 * ```ts
 * const probation = new Probation(replica.withheld, now, config.aloneMs)
 * if (probation.isPullDue(now)) probation.pulled(pullFromSome(), now)
 * if (probation.until <= now) replica.release()
 * ```
 */
import type { OwnRange, PeerState } from '../../crdt/index.ts'

/** Milliseconds between two pulls, each of two short messages. A lost one costs that much time. */
const PULL_INTERVAL_MS = 500

/** Peers whose pulls are deferred. Others pull again. */
const MAX_DEFERRED = 64

/** Times `aloneMs` that a probation lasts at most, however slowly an answer comes. */
const MAX_EXTENSION = 10

export class Probation {
  /** What is withheld. */
  readonly of: OwnRange
  /** Milliseconds; when it began. */
  readonly since: number
  readonly #aloneMs: number
  readonly #end: number
  /** Milliseconds; when it ends. */
  until: number
  /** Milliseconds; when to pull next. Undefined while there was no peer to pull from. */
  #pullAt: number | undefined
  /**
   * Peers that have pulled meanwhile, and their states. An answer without what is withheld would
   * look complete.
   */
  readonly deferred = new Map<string, PeerState>()

  constructor(of: OwnRange, now: number, aloneMs: number) {
    this.of = of
    this.since = now
    this.#aloneMs = aloneMs
    this.#end = now + MAX_EXTENSION * aloneMs
    this.until = now + aloneMs
  }

  /** Milliseconds; when something is due. */
  get wakeAt(): number {
    return Math.min(this.until, this.#pullAt ?? this.until)
  }

  get hasPulled(): boolean {
    return this.#pullAt !== undefined
  }

  /** The peer gets its answer when the probation ends. */
  defer(address: string, known: PeerState): void {
    if (this.deferred.size < MAX_DEFERRED || this.deferred.has(address))
      this.deferred.set(address, known)
  }

  isPullDue(now: number): boolean {
    return this.#pullAt === undefined || this.#pullAt <= now
  }

  /** A pull was sent, or there was no peer for one. */
  pulled(hasAsked: boolean, now: number): void {
    if (hasAsked || this.hasPulled) this.#pullAt = now + PULL_INTERVAL_MS
  }

  /** A part of an answer came: wait for the rest. */
  extend(now: number): void {
    this.until = Math.min(this.#end, Math.max(this.until, now + this.#aloneMs))
  }
}
