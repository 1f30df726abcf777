/**
 * The pulls under way: one peer at a time for each document, however many peers differ from us. The
 * others wait, and are asked only if the answer did not help. So a large change that three peers
 * announce is pulled once.
 *
 * A pull without an answer times out, sooner if another peer can be asked. Its peer is remembered, as
 * it may still answer at length.
 *
 * ```js
 * if (pulls.start('kv', peer, digest, now)) peer.outbox.enqueue('kv', { pull: true })
 * ```
 */
import { dropOldest } from './oldest.ts'

/** Other peers remembered for each pull. The first answer nearly always brings everything. */
const MAX_OTHERS = 3

/** Timed-out peers remembered for each document. A long answer comes from one of the first. */
const MAX_LATE = 8

/** Milliseconds. No pull times out sooner. */
export const MIN_TIMEOUT_MS = 250

/**
 * Times the usual time of an answer after which a pull times out. A smaller value pulls twice, a
 * larger one waits longer after a loss.
 */
export const PATIENCE = 4

/**
 * The same if another peer has announced a change, too. If answers take unequally long, it is the
 * usual time and four deviations, as in TCP (RFC 6298).
 */
export const HEDGE_PATIENCE = 2
const DEVIATIONS = 4

/**
 * Milliseconds. No other peer is asked sooner: a fast answer says little about the next peer's link.
 */
export const MIN_HEDGE_MS = 100

/** Share of the time-out that stands for the usual time until the first answer has come. */
const UNKNOWN_SHARE = 1 / 8

/** Weights of the newest answer in the usual time and in its deviation (RFC 6298). */
const NEWEST_WEIGHT = 1 / 8
const NEWEST_DEVIATION_WEIGHT = 1 / 4

/** Times the longest time-out that the next part of an answer may take, at most. */
const MAX_PATIENCE = 10

/**
 * Milliseconds that an answer may go on without bringing anything new, or while its fragments come. A
 * peer that goes on for longer is given up; what it still sends is merged all the same. Above that, a
 * slow link pulls a long value twice.
 */
const MAX_ANSWER_STALL_MS = 5_000
const MAX_FRAGMENTS_STALL_MS = 60_000

/** Milliseconds for which a peer that stalled gets no more patience than for a first answer. */
const STALLED_MS = 300_000

/** Peers remembered for that. */
const MAX_STALLED = 256

/** How often a lost pull is repeated to the same peer if there is no other. */
const MAX_REPEATS = 1

interface Pull {
  readonly peer: string
  /** The digest for which the peer was asked. */
  readonly digest: string | undefined
  /** Milliseconds; when the pull was sent. */
  readonly since: number
  until: number
  /** When it was sent, or the last part of its answer came. */
  receivedAt: number
  /** When it was sent, or the last part came that brought something new. */
  progressAt: number
  /** How often the same pull was repeated before. */
  readonly repeated: number
  /**
   * Peer → the digest it sent; undefined if its update left a gap. Contains the asked peer if that
   * has sent another digest since: its answer may be older.
   */
  readonly others: Map<string, string | undefined>
  /** Has a part of the answer come? */
  isAnswering: boolean
  /** Is the answer incomplete, or did it leave a gap? */
  hasGap: boolean
  /** Was something from this peer rejected? Then its answer does not bring everything it has. */
  isRejected: boolean
}

export interface Next {
  readonly peer: string
  readonly digest: string | undefined
  /** How often this pull was repeated before; absent: never. */
  readonly repeated?: number
}

export interface Answered {
  /** Peers to pull from next. */
  readonly next: readonly Next[]
  /** When the pull was sent that is now completely answered and merged; undefined if none is. */
  readonly since: number | undefined
  /** Peers whose answers are not needed, because another one is coming. */
  readonly superseded: readonly string[]
}

const notEnded = (superseded: readonly string[]): Answered => ({
  next: [],
  since: undefined,
  superseded,
})

export class Pulls {
  /** Milliseconds; the upper bound of a time-out, and its first value. */
  readonly #timeoutMs: number
  /** Milliseconds; the usual time until an answer's first part. */
  #usualMs: number | undefined
  /** Milliseconds; by how much an answer usually differs from that. */
  #deviationMs = 0
  readonly #pulls = new Map<string, Pull>()
  /** Document → timed-out peer that may still answer → when it was asked, in milliseconds. */
  readonly #late = new Map<string, Map<string, number>>()
  /** Peers that went on and brought nothing, and when they were given up, in milliseconds. */
  readonly #stalled = new Map<string, number>()

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /** Milliseconds; when the first pull times out. */
  get wakeAt(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { until } of this.#pulls.values()) first = Math.min(first, until)
    return first
  }

  /**
   * Returns true if `peer` may be asked now; otherwise it is remembered for later. `digest` is that
   * of the peer's state; undefined if an update of the peer left a gap here.
   */
  start(
    document: string,
    peer: string,
    digest: string | undefined,
    now: number,
    repeated = 0,
  ): boolean {
    const pull = this.#pulls.get(document)
    if (pull && pull.until > now) {
      if (pull.peer === peer && digest === undefined) pull.hasGap = true
      else if (pull.peer === peer && digest === pull.digest) return false
      else if (pull.others.has(peer) || pull.others.size < MAX_OTHERS) {
        pull.others.set(peer, digest)
        this.#hedge(document, pull)
      }
      return false
    }
    const until = now + this.#waitMs(repeated)
    this.#hedge(
      document,
      this.#begin(document, { peer, digest, until, repeated, hasGap: false }, now),
    )
    return true
  }

  /** Something from the peer was rejected: whatever it answers now, we lack some of it. */
  rejected(document: string, peer: string): void {
    const pull = this.#pulls.get(document)
    if (pull?.peer === peer) pull.isRejected = true
  }

  /** A part of the answer came, or its last part. `isNew`: did it bring something? */
  answered(
    document: string,
    peer: string,
    more: boolean,
    now: number,
    isNew: boolean = true,
  ): Answered {
    if (isNew) this.#stalled.delete(peer)
    const superseded = this.#latePullResumes(document, peer, more, now)
    const pull = this.#pulls.get(document)
    if (pull?.peer !== peer) return notEnded(more ? [peer] : [])
    if (!pull.hasGap) this.#learnUsualTime(now - pull.since)
    if (more) {
      // If the rest does not come, the same peer is asked again: it need not repeat what came.
      pull.hasGap = true
      pull.isAnswering = true
      if (isNew) pull.progressAt = now
      // The next part may take as long as this one did, and some more.
      const wait = Math.max(this.#timeoutMs, PATIENCE * (now - pull.receivedAt))
      const until = now + Math.min(wait, MAX_PATIENCE * this.#timeoutMs)
      pull.until = isNew ? until : this.#bounded(pull, until, MAX_ANSWER_STALL_MS, now)
      pull.receivedAt = now
      return notEnded(superseded)
    }
    this.#late.get(document)?.clear()
    const since = pull.isRejected ? undefined : pull.since
    return { next: this.#end(document, pull), since, superseded }
  }

  /** A fragment from the peer came. Returns the documents and peers whose answers are not needed. */
  extend(peer: string, now: number): [string, string][] {
    const superseded: [string, string][] = []
    for (const document of this.#late.keys())
      for (const one of this.#latePullResumes(document, peer, true, now))
        superseded.push([document, one])
    for (const pull of this.#pulls.values()) {
      if (pull.peer !== peer) continue
      pull.isAnswering = true
      const until = Math.max(pull.until, now + this.#timeoutMs)
      pull.until = this.#bounded(pull, until, MAX_FRAGMENTS_STALL_MS, now)
    }
    return superseded
  }

  /** The peer cannot be reached. Returns the peers to ask next, by document. */
  failed(peer: string): [string, Next[]][] {
    const ended: [string, Next[]][] = []
    for (const [document, pull] of this.#pulls) {
      if (pull.peer !== peer) continue
      this.#giveUp(document, pull)
      ended.push([document, this.#end(document, pull)])
    }
    return ended
  }

  /** Ends the pulls that have timed out. Returns the peers to ask next, by document. */
  expire(now: number): [string, Next[]][] {
    const ended: [string, Next[]][] = []
    for (const [document, pull] of this.#pulls) {
      if (pull.until > now) continue
      const { peer, digest, repeated } = pull
      this.#giveUp(document, pull, now)
      const isStalled = this.#stalled.get(peer) === now
      const next = this.#end(document, pull).filter((one) => !isStalled || one.peer !== peer)
      if (next.length === 0 && !isStalled && digest !== undefined && repeated < MAX_REPEATS) {
        next.push({ peer, digest, repeated: repeated + 1 })
      }
      ended.push([document, next])
    }
    return ended
  }

  forget(document: string): void {
    this.#pulls.delete(document)
    this.#late.delete(document)
  }

  /** When the pull ends unless it brings something: `until`, or when its patience is used up. */
  #bounded(pull: Pull, until: number, patienceMs: number, now: number): number {
    const stalledAt = this.#stalled.get(pull.peer) ?? Number.NEGATIVE_INFINITY
    const isKnown = now < stalledAt + STALLED_MS
    const end = pull.progressAt + (isKnown ? this.#timeoutMs : patienceMs)
    return Math.min(until, Math.max(end, pull.progressAt + this.#timeoutMs))
  }

  /** The peer may still answer, unless it went on for so long and brought nothing. */
  #giveUp(document: string, pull: Pull, now = Number.NEGATIVE_INFINITY): void {
    const { peer, since, isAnswering, progressAt } = pull
    // Since then its parts have come, or it would have timed out before.
    if (isAnswering && now >= progressAt + this.#timeoutMs && pull.receivedAt > progressAt) {
      this.#stalled.delete(peer)
      this.#stalled.set(peer, now)
      dropOldest(this.#stalled, MAX_STALLED)
      return
    }
    const late = this.#late.get(document) ?? new Map<string, number>()
    this.#late.set(document, late.set(peer, since))
    dropOldest(late, MAX_LATE)
  }

  /**
   * Handles the answer of a timed-out peer. If it is long, it replaces the pull under way: the peer
   * asked meanwhile would send the same again. Returns that peer.
   */
  #latePullResumes(document: string, peer: string, more: boolean, now: number): string[] {
    const late = this.#late.get(document)
    const since = late?.get(peer)
    if (since === undefined) return []
    late?.delete(peer)
    // The time-out was too short: the next one is longer.
    this.#learnUsualTime(now - since)
    const pull = this.#pulls.get(document)
    if (!more || pull?.peer === peer) return []
    if (pull && pull.others.size < MAX_OTHERS) pull.others.set(pull.peer, pull.digest)
    this.#begin(document, { peer, digest: undefined, until: now, repeated: 0, hasGap: true }, now)
    return pull ? [pull.peer] : []
  }

  /** Makes that peer the one that is asked; the others still wait. */
  #begin(
    document: string,
    begun: Pick<Pull, 'peer' | 'digest' | 'until' | 'repeated' | 'hasGap'>,
    now: number,
  ): Pull {
    const others = this.#pulls.get(document)?.others ?? new Map<string, string | undefined>()
    others.delete(begun.peer)
    const isAnswering = false
    const pull = {
      ...begun,
      since: now,
      receivedAt: now,
      progressAt: now,
      others,
      isAnswering,
      isRejected: false,
    }
    this.#pulls.set(document, pull)
    return pull
  }

  /**
   * If another peer has announced a change, it is asked soon: the pull or its answer was probably
   * lost. From the second one on, each peer that has not answered doubles the time, so that a slow
   * host does not ask all of them.
   */
  #hedge(document: string, pull: Pull): void {
    if (pull.others.size === 0 || pull.isAnswering || pull.hasGap) return
    const usual = this.#usualMs ?? this.#timeoutMs * UNKNOWN_SHARE
    const wait = Math.max(
      MIN_HEDGE_MS,
      usual * HEDGE_PATIENCE,
      usual + this.#deviationMs * DEVIATIONS,
    )
    const unanswered = this.#late.get(document)?.size ?? 0
    const longer = 2 ** Math.max(0, unanswered - 1)
    pull.until = Math.min(pull.until, pull.since + wait * longer)
  }

  #waitMs(repeated: number): number {
    const usual = Math.max(MIN_TIMEOUT_MS, (this.#usualMs ?? this.#timeoutMs) * PATIENCE)
    return Math.min(this.#timeoutMs, usual * 2 ** repeated)
  }

  #learnUsualTime(ms: number): void {
    if (this.#usualMs === undefined) {
      this.#usualMs = ms
      this.#deviationMs = ms / DEVIATIONS
      return
    }
    const difference = ms - this.#usualMs
    this.#deviationMs += (Math.abs(difference) - this.#deviationMs) * NEWEST_DEVIATION_WEIGHT
    this.#usualMs += difference * NEWEST_WEIGHT
  }

  #end(document: string, pull: Pull): Next[] {
    this.#pulls.delete(document)
    const next = [...pull.others].map(([peer, digest]) => ({ peer, digest }))
    if (!pull.hasGap || pull.isRejected) return next
    return [{ peer: pull.peer, digest: undefined }, ...next]
  }
}
