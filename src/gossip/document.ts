/**
 * One document as gossip keeps it: what is fresh of it and who is known to have that, which
 * updates were merged, and whether what was written here has been seen at a peer.
 *
 * ```ts
 * const document = new SharedDocument('kv', replica, { confirmMs: 500 })
 * document.changedHere(delta, now)
 * document.equals(peer.address)          // it told our digest
 * document.status                        // { syncs: 1, unacknowledgedSince: undefined, hasFresh: true }
 * ```
 */
import type { Delta, Platform, Replica } from '../../crdt/index.ts'
import { Content } from './content.ts'
import { dropOldest } from './oldest.ts'
import type { AwarenessSource, OpenDocument } from './open-document.ts'
import { Probation } from './probation.ts'
import { Rumors, type Source } from './rumors.ts'
import { Unacknowledged } from './unacknowledged.ts'

export interface OpenOptions {
  /** What is told of who is there. */
  readonly awareness?: AwarenessSource
  /**
   * Milliseconds after which a peer is asked whether it has a change made here, unless one has
   * shown it; absent: never, for digests of rounds confirm within seconds, and cost nothing.
   */
  readonly confirmMs?: number
}

/** How far a document is, as seen from here. */
export interface DocumentStatus {
  /** How often a peer's whole state, as it was when it told, was seen to be merged here. */
  readonly syncs: number
  /** Milliseconds, on the clock of `handle`; when the oldest change was made here that no peer has shown. */
  readonly unacknowledgedSince: number | undefined
  /** Is something gathered that nobody has been told yet? */
  readonly hasFresh: boolean
  /** Is something withheld that was changed here? */
  readonly isWithholding: boolean
  /** Milliseconds; until then at most, what is changed here is withheld (see `probation.ts`). Undefined: it is not. */
  readonly withheldUntil: number | undefined
  /** Did that end without a word of a peer? */
  readonly isUnproven: boolean
  /** Peer → the writers of whom it holds something else than we, though its digest is ours. */
  readonly differing: ReadonlyMap<string, readonly number[]>
}

/** Of a document that is shared with nobody nothing is known. */
export const NOT_SHARED: DocumentStatus = {
  syncs: 0,
  unacknowledgedSince: undefined,
  hasFresh: false,
  isWithholding: false,
  withheldUntil: undefined,
  isUnproven: false,
  differing: new Map(),
}

export class SharedDocument implements OpenDocument {
  readonly name: string
  readonly replica: Replica
  readonly rumors = new Rumors()
  readonly awareness?: AwarenessSource
  readonly unacknowledged = new Unacknowledged()
  readonly content: Content
  /** Milliseconds; when a peer is to be asked whether it has those, or has more than we. */
  confirmAt = Number.POSITIVE_INFINITY
  syncs = 0
  probation: Probation | undefined
  #isUnproven = false
  #era: object
  /** The peers of whom something was refused, since one had exactly what we have. */
  readonly rejectedPeers = new Set<string>()
  /** Peers that have told their digest since the document was changed last. */
  readonly #currentDigests = new Set<string>()
  readonly #confirmMs: number
  /** Digest of an update → what it carried. All of it has been merged, so it need not be looked at again. */
  readonly #merged = new Map<string, Delta>()
  /** When it was changed last, and by whom: undefined where that was not one peer alone. */
  #changed: { readonly at: number; readonly from: string | undefined } = {
    at: Number.NEGATIVE_INFINITY,
    from: undefined,
  }

  constructor(name: string, replica: Replica, platform: Platform, options: OpenOptions = {}) {
    const { awareness, confirmMs } = options
    this.name = name
    this.content = new Content(replica, platform)
    this.replica = replica
    this.#era = replica.era
    this.#confirmMs = confirmMs ?? Number.POSITIVE_INFINITY
    if (awareness) this.awareness = awareness
  }

  get status(): DocumentStatus {
    const { syncs, unacknowledged: unconfirmed, rumors } = this
    return {
      syncs,
      unacknowledgedSince:
        unconfirmed.oldest ?? (this.isWithholding ? this.probation?.since : undefined),
      hasFresh: rumors.hasFresh,
      isWithholding: this.isWithholding,
      withheldUntil: this.probation?.until,
      isUnproven: this.#isUnproven,
      differing: this.content.differing,
    }
  }

  /** Is something changed here that peers are to be told when the probation is over? */
  get isWithholding(): boolean {
    const { ownClock, publishedClock: shownClock } = this.replica
    return this.probation !== undefined && ownClock > shownClock
  }

  /** Forgets what it remembers by ids, where these have changed. */
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

  /** Begins a probation where the replica withholds something; returns whether one has begun. */
  startProbation(now: number, aloneMs: number): boolean {
    const { withheld } = this.replica
    if (this.probation?.of === withheld) return false
    const { deferred: askers } = this.probation ?? {}
    this.probation = withheld && new Probation(withheld, now, aloneMs)
    for (const [address, known] of askers ?? []) this.probation?.defer(address, known)
    return withheld !== undefined
  }

  /** Ends it: what was withheld has been changed now. `isProven`: has a peer shown that it may be told? */
  release(isProven: boolean): void {
    this.probation = undefined
    this.#isUnproven = !isProven
    this.replica.release()
  }

  /** What it brings along when it is opened may be with nobody else. */
  assumeUnacknowledged(now: number): void {
    if (!Number.isFinite(this.#confirmMs)) return
    this.confirmAt = now + this.#confirmMs
    if (this.replica.version === 0) return
    const all = this.replica.lacking({ clocks: new Map(), deletes: undefined })
    this.unacknowledged.add(all, now)
  }

  /** A fresh change to be passed on: made here, or come from a peer. */
  changed(delta: Delta, now: number, source?: Source): void {
    this.rumors.add(delta, source)
    this.#currentDigests.clear()
    this.#changed = { at: now, from: source?.from }
  }

  /** One that was made here. */
  changedHere(delta: Delta, now: number): void {
    this.changed(delta, now)
    this.unacknowledged.add(delta, now)
    this.confirmAt = Math.min(this.confirmAt, now + this.#confirmMs)
  }

  /** It is time to ask a peer; sets the next time, where there is to be one. */
  takeConfirmReason(now: number): 'pending' | 'unsynced' | undefined {
    if (this.confirmAt > now) return undefined
    const isPending = this.unacknowledged.oldest !== undefined
    const isOver = !isPending && this.syncs > 0
    this.confirmAt = isOver ? Number.POSITIVE_INFINITY : now + this.#confirmMs
    if (isOver) return undefined
    return isPending ? 'pending' : 'unsynced'
  }

  /** The peer told its digest. */
  digestReceived(address: string): void {
    this.#currentDigests.add(address)
  }

  /** Is the digest that the peer told last no older than what we have? */
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
   * The peer has answered and asks nothing in turn: so it lacks nothing of what we had when we
   * asked. But one that is asking another just then asks nothing either: it has told another state
   * than ours is now, though nobody else has changed ours meanwhile.
   */
  answered(address: string, since: number): void {
    const { at, from } = this.#changed
    if (at >= since && from !== address) this.unacknowledged.acknowledgeAll(since)
  }

  /** The peer sent it, so it has it. */
  acknowledged(carried: Delta, address: string): void {
    this.rumors.knows(carried, address)
    this.unacknowledged.acknowledgeDelta(carried)
  }

  /** What an update of that digest carried, where it has been merged. */
  merged(digest: string): Delta | undefined {
    return this.#merged.get(digest)
  }

  /** Remembers an update that has been merged, and no more of them than `most`. */
  remember(digest: string, carried: Delta, most: number): void {
    this.#merged.set(digest, carried)
    dropOldest(this.#merged, most)
  }
}
