/**
 * Whom we have asked for what we lack. One peer at a time for each document, however many
 * tell us that they differ: the others wait, and are asked only if the answer did not help.
 * So a large change, announced by three peers, is fetched once. An ask that is lost is
 * forgotten after its time; but for whom it went to, who may still answer at length.
 *
 * ```js
 * if (asks.start('kv', peer, digest, now)) peer.outbox.say('kv', { ask: true })
 * ```
 */
import { dropOldest } from './oldest.ts'

/** Others remembered for each ask. The first answer nearly always has it all. */
const MAX_OTHERS = 3

/** Peers remembered for each document that were given up. A long answer comes from one of the first. */
const MAX_LATE = 8

/** Milliseconds. An answer that takes longer than usual is not given up sooner than this. */
const MIN_TIMEOUT_MS = 250

/** Times the usual time of an answer after which it is taken for lost. Less fetches twice, more waits longer after a loss. */
const PATIENCE = 4

/** Share that the newest answer has in the usual time; that of TCP's round trip time (RFC 6298). */
const NEWEST_WEIGHT = 1 / 8

/** Times the longest wait for a first answer that the next part of one is waited for, at most. */
const MAX_PATIENCE = 10

/** Times that a lost ask is repeated to the same peer when nobody else can be asked. */
const MAX_REPEATS = 1

interface Pull {
  readonly peer: string
  /** What it told, for which it was asked. */
  readonly digest: string | undefined
  /** Milliseconds; when it was asked. */
  readonly since: number
  until: number
  /** When it was asked, or the last part of its answer came. */
  receivedAt: number
  /** How often the same was asked before in vain. */
  readonly repeated: number
  /**
   * Peer → the digest it told; undefined where its update left a gap. The peer that is asked is
   * among them when it has told another digest since: its answer may be older.
   */
  readonly others: Map<string, string | undefined>
  /** Is its answer not all here, or did it not close a gap? */
  hasGap: boolean
  /** Was something refused that this peer sent? Then its answer is not all that it has. */
  isRejected: boolean
}

export interface Next {
  readonly peer: string
  readonly digest: string | undefined
  /** How often this was asked before in vain; absent: never. */
  readonly repeated?: number
}

export interface Answered {
  /** Those to ask next. */
  readonly next: readonly Next[]
  /** When was asked what has now been answered to the end, and taken; undefined where it has not. */
  readonly since: number | undefined
  /** Peers whose answers are not needed, as another one's is coming. */
  readonly superseded: readonly string[]
}

const notEnded = (superseded: readonly string[]): Answered => ({
  next: [],
  since: undefined,
  superseded,
})

export class Pulls {
  /** Milliseconds; the most that an ask waits, and what it waits before anything is known. */
  readonly #timeoutMs: number
  /** Milliseconds; the usual time of an answer's first part. */
  #usualMs: number | undefined
  readonly #pulls = new Map<string, Pull>()
  /** Document → peers that were given up and may answer all the same → when they were asked, in milliseconds. */
  readonly #late = new Map<string, Map<string, number>>()

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /** Milliseconds; when the first ask will have waited too long. */
  get wakeAt(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { until } of this.#pulls.values()) first = Math.min(first, until)
    return first
  }

  /**
   * True when `peer` may be asked now; else it is remembered for later. `digest` is what it
   * told of its state; undefined when an update of its left a gap here.
   */
  start(
    document: string,
    peer: string,
    digest: string | undefined,
    now: number,
    repeated = 0,
  ): boolean {
    const ask = this.#pulls.get(document)
    if (ask && ask.until > now) {
      if (ask.peer === peer && digest === undefined) ask.hasGap = true
      else if (ask.peer === peer && digest === ask.digest) return false
      else if (ask.others.has(peer) || ask.others.size < MAX_OTHERS) ask.others.set(peer, digest)
      return false
    }
    const until = now + this.#waitMs(repeated)
    this.#begin(document, { peer, digest, until, repeated, hasGap: false }, now)
    return true
  }

  /** Something that the peer sent was refused: whatever it answers now, we do not have all of it. */
  rejected(document: string, peer: string): void {
    const ask = this.#pulls.get(document)
    if (ask?.peer === peer) ask.isRejected = true
  }

  /** A part of the answer came, or its last part. */
  answered(document: string, peer: string, more: boolean, now: number): Answered {
    const superseded = this.#latePullResumes(document, peer, more, now)
    const ask = this.#pulls.get(document)
    if (ask?.peer !== peer) return notEnded(more ? [peer] : [])
    if (!ask.hasGap) this.#learnUsualTime(now - ask.since)
    if (more) {
      // Should the rest not come, the same peer is asked again: it need not repeat what came.
      ask.hasGap = true
      // The next may take as long as this one did, and some more.
      const wait = Math.max(this.#timeoutMs, PATIENCE * (now - ask.receivedAt))
      ask.until = now + Math.min(wait, MAX_PATIENCE * this.#timeoutMs)
      ask.receivedAt = now
      return notEnded(superseded)
    }
    this.#late.get(document)?.clear()
    const since = ask.isRejected ? undefined : ask.since
    return { next: this.#end(document, ask), since, superseded }
  }

  /** Something of that peer's answers is on its way. Returns whose answers are not needed, by document. */
  extend(peer: string, now: number): [string, string][] {
    const superseded: [string, string][] = []
    for (const document of this.#late.keys())
      for (const one of this.#latePullResumes(document, peer, true, now))
        superseded.push([document, one])
    for (const ask of this.#pulls.values()) {
      if (ask.peer === peer) ask.until = Math.max(ask.until, now + this.#timeoutMs)
    }
    return superseded
  }

  /** The peer cannot be reached; returns those to ask next, by document. */
  failed(peer: string): [string, Next[]][] {
    const ended: [string, Next[]][] = []
    for (const [document, ask] of this.#pulls) {
      if (ask.peer !== peer) continue
      this.#giveUp(document, ask)
      ended.push([document, this.#end(document, ask)])
    }
    return ended
  }

  /** Ends the asks that have waited too long; returns those to ask next, by document. */
  expire(now: number): [string, Next[]][] {
    const ended: [string, Next[]][] = []
    for (const [document, ask] of this.#pulls) {
      if (ask.until > now) continue
      const { peer, digest, repeated } = ask
      this.#giveUp(document, ask)
      const next = this.#end(document, ask)
      if (next.length === 0 && digest !== undefined && repeated < MAX_REPEATS) {
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

  /** That peer may still answer. */
  #giveUp(document: string, { peer, since }: Pull): void {
    const late = this.#late.get(document) ?? new Map<string, number>()
    this.#late.set(document, late.set(peer, since))
    dropOldest(late, MAX_LATE)
  }

  /**
   * Is this the answer of a peer that was given up? A long one goes on: another peer that is asked
   * by now would send the same once more, so it is not asked any more, and told so.
   */
  #latePullResumes(document: string, peer: string, more: boolean, now: number): string[] {
    const late = this.#late.get(document)
    const since = late?.get(peer)
    if (since === undefined) return []
    late?.delete(peer)
    // It was given up too early: the next ask waits longer.
    this.#learnUsualTime(now - since)
    const ask = this.#pulls.get(document)
    if (!more || ask?.peer === peer) return []
    if (ask && ask.others.size < MAX_OTHERS) ask.others.set(ask.peer, ask.digest)
    this.#begin(document, { peer, digest: undefined, until: now, repeated: 0, hasGap: true }, now)
    return ask ? [ask.peer] : []
  }

  /** From now on that peer is the one that is asked; the others wait as before. */
  #begin(
    document: string,
    asked: Pick<Pull, 'peer' | 'digest' | 'until' | 'repeated' | 'hasGap'>,
    now: number,
  ): void {
    const others = this.#pulls.get(document)?.others ?? new Map<string, string | undefined>()
    others.delete(asked.peer)
    this.#pulls.set(document, { ...asked, since: now, receivedAt: now, others, isRejected: false })
  }

  #waitMs(repeated: number): number {
    const usual = Math.max(MIN_TIMEOUT_MS, (this.#usualMs ?? this.#timeoutMs) * PATIENCE)
    return Math.min(this.#timeoutMs, usual * 2 ** repeated)
  }

  #learnUsualTime(ms: number): void {
    this.#usualMs =
      this.#usualMs === undefined ? ms : this.#usualMs + (ms - this.#usualMs) * NEWEST_WEIGHT
  }

  #end(document: string, ask: Pull): Next[] {
    this.#pulls.delete(document)
    const next = [...ask.others].map(([peer, digest]) => ({ peer, digest }))
    if (!ask.hasGap || ask.isRejected) return next
    return [{ peer: ask.peer, digest: undefined }, ...next]
  }
}
