/**
 * The recent changes of one document (rumors, in the terms of Demers et al. 1987), made here or
 * received, in the order in which they were merged. What a peer is still to be sent is the number
 * of the first change that it may lack. The delta is made when the message leaves, from that change
 * up to now. It must reach up to now, because the document is encoded in its current form: an older
 * delta would carry a value as overwritten, without the value that replaced it.
 *
 * Each change knows which peers have it, and which are being sent it by us or by the peer it came
 * from, so that it is not passed on to them.
 *
 * ```js
 * rumors.add(delta, from)
 * const since = rumors.flush()           // push what came since to some peers
 * rumors.deltaSince(since, peer)
 * ```
 */
import { coversDelta, type Delta, emptyDelta, mergeDeltas } from '../../crdt/index.ts'

/**
 * Changes kept: what twenty busy peers send in several seconds. A peer that was busy for longer
 * gets the digest instead, and pulls. Each takes some 300 bytes.
 */
const MAX_RUMORS = 512

/**
 * Peers that have a change. A push brings it to each node three times on average: if five peers
 * have shown it, the rumor is everywhere, and one more push is wasted.
 */
const MIN_WIDELY_KNOWN = 5

interface Rumor {
  /** A single one after the flush. */
  deltas: Delta[]
  /** Peers that are known to have the change. */
  readonly knownTo: Set<string>
  /** Peers that are sent the change, by us or by the peer it came from. */
  readonly sentTo: Set<string>
  /** Was it made here? */
  readonly isOwn: boolean
}

/** Where a received change came from. */
export interface Source {
  /** The peer that has it; undefined if several peers had parts of it. */
  readonly from?: string | undefined
  /** Peers that `from` sends it to, as `from` says. */
  readonly told?: readonly string[] | undefined
}

const isSameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((one) => b.has(one))

export class Rumors {
  #rumors: Rumor[] = []
  /** Number of the first change kept, and of the first one not flushed. */
  #first = 0
  #fresh = 0
  /** Number of the first change after which no digest was sent. */
  #digested = 0
  /** Merged deltas since the last change, by the numbers of the changes in them. */
  readonly #made = new Map<string, Delta>()

  /** Is there a change that was not sent to any peer yet? */
  get hasFresh(): boolean {
    return this.#fresh < this.#first + this.#rumors.length
  }

  /** Forgets everything: ids have changed their meaning. */
  forget(): void {
    this.#first += this.#rumors.length
    this.#fresh = this.#first
    this.#digested = this.#first
    this.#rumors = []
    this.#made.clear()
  }

  /** Adds a change made here, or one received from `source`. */
  add(delta: Delta, source?: Source): void {
    this.#made.clear()
    const last = this.#rumors.at(-1)
    const knownTo = new Set(source?.from === undefined ? [] : [source.from])
    const toldTo = new Set(source?.told)
    // Fresh changes that the same peers have are kept as one.
    const isSame =
      last !== undefined &&
      this.hasFresh &&
      last.isOwn === (source === undefined) &&
      isSameSet(last.knownTo, knownTo) &&
      isSameSet(last.sentTo, toldTo)
    if (isSame) last.deltas.push(delta)
    else
      this.#rumors.push({ deltas: [delta], knownTo, sentTo: toldTo, isOwn: source === undefined })
  }

  /** Everything since that number is being sent to these peers. */
  markSent(since: number, peers: readonly string[]): void {
    for (const { sentTo: toldTo } of this.#since(since)) for (const peer of peers) toldTo.add(peer)
  }

  /** Was everything since that number made here? */
  isOwnSince(since: number): boolean {
    return this.#since(since).every(({ isOwn }) => isOwn)
  }

  /**
   * How many changes there are since that number; those that one peer sent together count as one.
   */
  countSince(since: number): number {
    return this.#since(since).length
  }

  /** The other peers that have, or are sent, every change since that number that `peer` lacks. */
  recipientsSince(since: number, peer: string): string[] {
    const news = this.#since(since).filter(({ knownTo }) => !knownTo.has(peer))
    const [first, ...others] = news.map(
      ({ knownTo, sentTo: toldTo }) => new Set([...knownTo, ...toldTo]),
    )
    return [...(first ?? [])].filter((one) => one !== peer && others.every((set) => set.has(one)))
  }

  /** The peer has shown that it has `carried`. */
  knows(carried: Delta, peer: string): void {
    for (const { deltas, knownTo } of this.#rumors) {
      if (knownTo.has(peer)) continue
      if (deltas.every((delta) => coversDelta(carried, delta))) knownTo.add(peer)
    }
  }

  /** The peer has shown that it has everything that we have. */
  knowsAll(peer: string): void {
    for (const { knownTo } of this.#rumors) knownTo.add(peer)
  }

  /**
   * The number of the first change that was sent without a digest after it, if any. Marks all as
   * followed by one.
   */
  takeUndigested(): number | undefined {
    const since = this.#digested < this.#fresh ? this.#digested : undefined
    this.#digested = this.#fresh
    return since
  }

  /** Do so many peers have each change since that number that most others have it, too? */
  isWidelyKnown(since: number): boolean {
    return this.#since(since).every(({ knownTo }) => knownTo.size >= MIN_WIDELY_KNOWN)
  }

  /** Does that peer have every change kept here? */
  isAllKnownTo(peer: string): boolean {
    return this.#rumors.every(({ knownTo }) => knownTo.has(peer))
  }

  /** Does the peer have every change since that number, or is it sent them? */
  isKnownTo(since: number, peer: string): boolean {
    return this.#since(since).every(
      ({ knownTo, sentTo: toldTo }) => knownTo.has(peer) || toldTo.has(peer),
    )
  }

  #since(since: number): Rumor[] {
    return this.#rumors.slice(Math.max(0, since - this.#first))
  }

  /** Marks everything up to now as sent; returns the number of the first fresh change. */
  flush(): number {
    const since = this.#fresh
    for (const rumor of this.#rumors.slice(since - this.#first)) {
      rumor.deltas = [mergeDeltas(rumor.deltas)] // a burst may have brought thousands
    }
    this.#fresh = this.#first + this.#rumors.length
    const old = this.#rumors.length - MAX_RUMORS
    if (old > 0) {
      this.#rumors.splice(0, old)
      this.#first += old
    }
    return since
  }

  /**
   * What came since that number and the peer does not have, limited to changes for which `isWanted`
   * is true. Undefined if that number is not kept any more.
   */
  deltaSince(
    since: number,
    peer: string,
    isWanted: (delta: Delta) => boolean = () => true,
  ): Delta | undefined {
    if (since < this.#first) return undefined
    let key = ''
    const deltas: Delta[] = []
    this.#rumors.slice(since - this.#first).forEach((rumor, index) => {
      if (rumor.knownTo.has(peer) || !rumor.deltas.every(isWanted)) return
      key += `${since + index} `
      deltas.push(...rumor.deltas)
    })
    if (deltas.length === 0) return emptyDelta()
    let delta = this.#made.get(key)
    if (!delta) {
      delta = mergeDeltas(deltas)
      this.#made.set(key, delta)
    }
    return delta
  }
}
