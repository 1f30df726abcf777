/**
 * Whom we have asked for what we lack. One peer at a time for each document, however many
 * tell us that they differ: the others wait, and are asked only if the answer did not help.
 * So a large change, announced by three peers, is fetched once. An ask that is lost is
 * forgotten after its time; nothing else is remembered of it.
 *
 * ```js
 * if (asks.start('kv', peer, digest, now)) peer.outbox.say('kv', { ask: true })
 * ```
 */

/** Others remembered for each ask. The first answer nearly always has it all. */
const MAX_OTHERS = 3

interface Ask {
  readonly peer: string
  /** What it told, for which it was asked. */
  readonly digest: string | undefined
  until: number
  /**
   * Peer → the digest it told; undefined where its update left a gap. The peer that is asked is
   * among them when it has told another digest since: its answer may be older.
   */
  readonly others: Map<string, string | undefined>
  /** Is its answer not all here, or did it not close a gap? */
  hasGap: boolean
}

export interface Next {
  readonly peer: string
  readonly digest: string | undefined
}

export class Asks {
  readonly #timeoutMs: number
  readonly #asks = new Map<string, Ask>()

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /** Milliseconds; when the first ask will have waited too long. */
  get wakeAt(): number {
    let first = Number.POSITIVE_INFINITY
    for (const { until } of this.#asks.values()) first = Math.min(first, until)
    return first
  }

  /**
   * True when `peer` may be asked now; else it is remembered for later. `digest` is what it
   * told of its state; undefined when an update of its left a gap here.
   */
  start(document: string, peer: string, digest: string | undefined, now: number): boolean {
    const ask = this.#asks.get(document)
    if (ask && ask.until > now) {
      if (ask.peer === peer && digest === undefined) ask.hasGap = true
      else if (ask.peer === peer && digest === ask.digest) return false
      else if (ask.others.has(peer) || ask.others.size < MAX_OTHERS) ask.others.set(peer, digest)
      return false
    }
    const others = ask?.others ?? new Map<string, string | undefined>()
    others.delete(peer)
    this.#asks.set(document, { peer, digest, until: now + this.#timeoutMs, others, hasGap: false })
    return true
  }

  /** A part of the answer came, or its last part; returns those to ask next. */
  answered(document: string, peer: string, more: boolean, now: number): Next[] {
    const ask = this.#asks.get(document)
    if (ask?.peer !== peer) return []
    if (more) {
      // Should the rest not come, the same peer is asked again: it need not repeat what came.
      ask.hasGap = true
      ask.until = now + this.#timeoutMs
      return []
    }
    return this.#end(document, ask)
  }

  /** The peer cannot be reached; returns those to ask next, by document. */
  failed(peer: string): [string, Next[]][] {
    const ended: [string, Next[]][] = []
    for (const [document, ask] of this.#asks) {
      if (ask.peer === peer) ended.push([document, this.#end(document, ask)])
    }
    return ended
  }

  /** Ends the asks that have waited too long; returns those to ask next, by document. */
  expire(now: number): [string, Next[]][] {
    const ended: [string, Next[]][] = []
    for (const [document, ask] of this.#asks) {
      if (ask.until <= now) ended.push([document, this.#end(document, ask)])
    }
    return ended
  }

  forget(document: string): void {
    this.#asks.delete(document)
  }

  #end(document: string, ask: Ask): Next[] {
    this.#asks.delete(document)
    const next = [...ask.others].map(([peer, digest]) => ({ peer, digest }))
    return ask.hasGap ? [{ peer: ask.peer, digest: undefined }, ...next] : next
  }
}
