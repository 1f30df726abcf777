/**
 * One document as gossip sees it: which changes are fresh and which peers have them, which updates
 * were merged, and which own changes no peer has acknowledged.
 *
 * ```ts
 * const document = new SharedDocument('kv', replica, { confirmMs: 500 })
 * document.changedHere(delta, now)
 * document.equals(peer.address)          // the peer sent our digest
 * document.status                        // { syncs: 1, unacknowledgedSince: undefined, hasFresh: false, … }
 * ```
 */
import type { Delta, Replica } from '../../crdt/index.ts'
import { Content } from './content.ts'
import { GrowingPause } from './growing-pause.ts'
import { dropOldest } from './oldest.ts'
import type { AwarenessSource, OpenDocument } from './open-document.ts'
import { Probation } from './probation.ts'
import { Rumors, type Source } from './rumors.ts'
import { Tree } from './tree.ts'
import { Unacknowledged } from './unacknowledged.ts'

export interface OpenOptions {
  /** Source of the awareness states that are sent to peers. */
  readonly awareness?: AwarenessSource
  /**
   * Milliseconds after which a peer is asked whether it has a change made here, if none has
   * acknowledged it. Default: never, as digests of rounds acknowledge it within seconds at no cost.
   */
  readonly confirmMs?: number
}

/** How far replication of a document has come. */
export interface DocumentStatus {
  /** How often everything that a peer had was found to be merged here. */
  readonly syncs: number
  /**
   * Milliseconds, on the clock of `handle`: when the oldest change was made here that no peer has
   * acknowledged.
   */
  readonly unacknowledgedSince: number | undefined
  /** Is a change batched that was not sent to any peer yet? */
  readonly hasFresh: boolean
  /** Are own changes withheld? */
  readonly isWithholding: boolean
  /**
   * Milliseconds; when own changes are published at the latest (see `probation.ts`). Undefined:
   * none are withheld.
   */
  readonly withheldUntil: number | undefined
  /** Were they published although no peer had confirmed the writer id? */
  readonly isUnproven: boolean
  /** Peer → the writers for whom it holds something else than we, although its digest is ours. */
  readonly differing: ReadonlyMap<string, readonly number[]>
}

/** The status of a document that is not shared. */
export const NOT_SHARED: DocumentStatus = {
  syncs: 0,
  unacknowledgedSince: undefined,
  hasFresh: false,
  isWithholding: false,
  withheldUntil: undefined,
  isUnproven: false,
  differing: new Map(),
}

/**
 * Milliseconds that a message may be under way. A digest that comes sooner after our last change may
 * have been sent before it, so it does not show that its sender differs.
 */
const UNDER_WAY_MS = 1_500

export class SharedDocument implements OpenDocument {
  readonly name: string
  readonly replica: Replica
  readonly rumors = new Rumors()
  readonly tree = new Tree()
  readonly awareness?: AwarenessSource
  readonly unacknowledged = new Unacknowledged()
  readonly content: Content
  /** A peer may forge a content that differs from ours, as often as it likes. */
  readonly suspicions = new GrowingPause()
  /** Milliseconds; when to ask a peer whether it has our changes, or has more than we. */
  confirmAt = Number.POSITIVE_INFINITY
  syncs = 0
  probation: Probation | undefined
  #isUnproven = false
  #era: object
  /** The peers from which something was rejected since a peer last had exactly what we have. */
  readonly rejectedPeers = new Set<string>()
  /** Peers that have sent their digest since the document last changed. */
  readonly #currentDigests = new Set<string>()
  readonly #confirmMs: number
  /**
   * Digest of an update → what it carried. All of it has been merged, so it need not be inspected
   * again.
   */
  readonly #merged = new Map<string, Delta>()
  /** When the document last changed, and by which peer; undefined if it was not a single peer. */
  #changed: { readonly at: number; readonly from: string | undefined } = {
    at: Number.NEGATIVE_INFINITY,
    from: undefined,
  }

  constructor(name: string, replica: Replica, options: OpenOptions = {}) {
    const { awareness, confirmMs } = options
    this.name = name
    this.content = new Content(replica)
    this.replica = replica
    this.#era = replica.era
    this.#confirmMs = confirmMs ?? Number.POSITIVE_INFINITY
    if (awareness) this.awareness = awareness
  }

  get status(): DocumentStatus {
    const { syncs, unacknowledged, rumors } = this
    return {
      syncs,
      unacknowledgedSince:
        unacknowledged.oldest ?? (this.isWithholding ? this.probation?.since : undefined),
      hasFresh: rumors.hasFresh,
      isWithholding: this.isWithholding,
      withheldUntil: this.probation?.until,
      isUnproven: this.#isUnproven,
      differing: this.content.differing,
    }
  }

  /** Are there own changes that peers get when the probation is over? */
  get isWithholding(): boolean {
    const { ownClock, publishedClock: shownClock } = this.replica
    return this.probation !== undefined && ownClock > shownClock
  }

  /** Forgets everything that was remembered by id, if ids have changed their meaning. */
  followIds(): void {
    const { era } = this.replica
    if (era === this.#era) return
    this.#era = era
    this.rumors.forget()
    this.unacknowledged.acknowledgeAll()
    this.rejectedPeers.clear()
    this.#merged.clear()
    this.#currentDigests.clear()
    this.content.forget()
  }

  /** Starts a probation if the replica withholds something; returns whether one has started. */
  startProbation(now: number, aloneMs: number): boolean {
    const { withheld } = this.replica
    if (this.probation?.of === withheld) return false
    const { deferred: askers } = this.probation ?? {}
    this.probation = withheld && new Probation(withheld, now, aloneMs)
    for (const [address, known] of askers ?? []) this.probation?.defer(address, known)
    return withheld !== undefined
  }

  /**
   * Ends the probation: what was withheld counts as changed now. `isProven`: has a peer confirmed
   * the writer id?
   */
  release(isProven: boolean): void {
    this.probation = undefined
    this.#isUnproven = !isProven
    this.replica.release()
  }

  /** What the document contains when it is opened may not be at any peer. */
  assumeUnacknowledged(now: number): void {
    if (!Number.isFinite(this.#confirmMs)) return
    this.confirmAt = now + this.#confirmMs
    if (this.replica.version === 0) return
    const all = this.replica.lacking({ clocks: new Map(), deletes: undefined })
    this.unacknowledged.add(all, now)
  }

  /** Adds a fresh change, made here or received, to be passed on. */
  changed(delta: Delta, now: number, source?: Source): void {
    this.rumors.add(delta, source)
    this.#currentDigests.clear()
    this.#changed = { at: now, from: source?.from }
  }

  /** Adds a change made here. */
  changedHere(delta: Delta, now: number): void {
    this.changed(delta, now)
    this.unacknowledged.add(delta, now)
    this.confirmAt = Math.min(this.confirmAt, now + this.#confirmMs)
  }

  /** Why a peer is to be asked now, if one is; also sets the next time. */
  takeConfirmReason(now: number): 'pending' | 'unsynced' | undefined {
    if (this.confirmAt > now) return undefined
    const isPending = this.unacknowledged.oldest !== undefined
    const isOver = !isPending && this.syncs > 0
    this.confirmAt = isOver ? Number.POSITIVE_INFINITY : now + this.#confirmMs
    if (isOver) return undefined
    return isPending ? 'pending' : 'unsynced'
  }

  /** The peer sent its digest, perhaps before it got our last change. */
  digestReceived(address: string, now: number): void {
    if (now >= this.#changed.at + UNDER_WAY_MS) this.#currentDigests.add(address)
  }

  /** The peer sent its digest with the update that was our last change. */
  digestWithUpdate(address: string): void {
    this.#currentDigests.add(address)
  }

  /** Is the peer's last digest newer than our last change? */
  hasCurrentDigest(address: string): boolean {
    return this.#currentDigests.has(address)
  }

  /** The peer has exactly what we have. */
  equals(address: string): void {
    this.#isUnproven = false
    this.rumors.knowsAll(address)
    this.unacknowledged.acknowledgeAll()
    this.syncs++
    this.rejectedPeers.clear()
  }

  /**
   * The peer has answered without a request of its own, so it lacks nothing of what we had when we
   * asked. The exception is a peer that is pulling from another one: it makes no request either. We
   * recognize it by a state that differs from ours although no other peer has changed ours
   * meanwhile.
   */
  answered(address: string, since: number): void {
    const { at, from } = this.#changed
    if (at >= since && from !== address) this.unacknowledged.acknowledgeAll(since)
  }

  /** The peer sent this, so it has it. */
  acknowledged(carried: Delta, address: string): void {
    this.rumors.knows(carried, address)
    this.unacknowledged.acknowledgeDelta(carried)
  }

  /** What an update with that digest carried, if it was merged. */
  merged(digest: string): Delta | undefined {
    return this.#merged.get(digest)
  }

  /** Remembers a merged update; drops the oldest above `most`. */
  remember(digest: string, carried: Delta, most: number): void {
    this.#merged.set(digest, carried)
    dropOldest(this.#merged, most)
  }
}
