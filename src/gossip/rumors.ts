/**
 * The recent changes of one document, ours and those that came from peers, in the order in
 * which they became part of it. What a peer is still to be told is just the number of the
 * first change it may lack: the delta is made when the message leaves, from that change up to
 * now. It must reach up to now, as the document is encoded as it is: an older delta would
 * carry a value as overwritten without the value that took its place.
 *
 * Each change knows who is known to have it, and who is being told it by us or by the peer it
 * came from, so that it is not passed on to them.
 *
 * ```js
 * rumors.add(delta, from)
 * const since = rumors.flush()           // tell some peers what came since
 * rumors.deltaSince(since, peer)
 * ```
 */
import { coversDelta, type Delta, emptyDelta, mergeDeltas } from '../../crdt/index.ts'

/**
 * Changes kept. What twenty busy peers send in several seconds; a peer that has been busy for
 * longer is told the digest instead, and asks. Each costs some 300 bytes.
 */
const MAX_RUMORS = 512

/**
 * Peers known to have a change. A push brings it to each node three times on average, so where
 * five have shown it the rumour is everywhere, and saying it once more is wasted.
 */
const MIN_WIDELY_KNOWN = 5

interface Rumor {
  /** One, once it has been flushed. */
  deltas: Delta[]
  /** Peers that have shown it. */
  readonly knownTo: Set<string>
  /** Peers that are told it, by us or by the one it came from. */
  readonly sentTo: Set<string>
  /** Was it made here? */
  readonly isOwn: boolean
}

/** Where a change came from that was not made here. */
export interface Source {
  /** The peer that has it; undefined where several had parts of it. */
  readonly from?: string | undefined
  /** Peers that `from` tells it too, as it says. */
  readonly told?: readonly string[] | undefined
}

const isSameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean =>
  a.size === b.size && [...a].every((one) => b.has(one))

export class Rumors {
  #rumors: Rumor[] = []
  /** Number of the first one kept, and of the first one not flushed. */
  #first = 0
  #fresh = 0
  /** Number of the first one that no digest has followed. */
  #digested = 0
  /** Deltas made since the last change, by those included. */
  readonly #made = new Map<string, Delta>()

  /** Is there a change that nobody has been told yet? */
  get hasFresh(): boolean {
    return this.#fresh < this.#first + this.#rumors.length
  }

  /** Forgets all: their ids mean something else by now. */
  forget(): void {
    this.#first += this.#rumors.length
    this.#fresh = this.#first
    this.#digested = this.#first
    this.#rumors = []
    this.#made.clear()
  }

  /** Adds a change made here, or one that came from a peer. */
  add(delta: Delta, source?: Source): void {
    this.#made.clear()
    const last = this.#rumors.at(-1)
    const knownTo = new Set(source?.from === undefined ? [] : [source.from])
    const toldTo = new Set(source?.told)
    // Fresh ones that the same peers have are one.
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

  /** Everything since that number is being told to these peers. */
  markSent(since: number, peers: readonly string[]): void {
    for (const { sentTo: toldTo } of this.#since(since)) for (const peer of peers) toldTo.add(peer)
  }

  /** Was all that came since that number made here? */
  isOwnSince(since: number): boolean {
    return this.#since(since).every(({ isOwn }) => isOwn)
  }

  /** How many came since that number; those that one peer brought together are one. */
  countSince(since: number): number {
    return this.#since(since).length
  }

  /** Who else has, or is told, all that came since that number and is not known to `peer`. */
  recipientsSince(since: number, peer: string): string[] {
    const news = this.#since(since).filter(({ knownTo }) => !knownTo.has(peer))
    const [first, ...others] = news.map(
      ({ knownTo, sentTo: toldTo }) => new Set([...knownTo, ...toldTo]),
    )
    return [...(first ?? [])].filter((one) => one !== peer && others.every((set) => set.has(one)))
  }

  /** The peer showed that it has `carried`. */
  knows(carried: Delta, peer: string): void {
    for (const { deltas, knownTo } of this.#rumors) {
      if (knownTo.has(peer)) continue
      if (deltas.every((delta) => coversDelta(carried, delta))) knownTo.add(peer)
    }
  }

  /** The peer showed that it has all that we have. */
  knowsAll(peer: string): void {
    for (const { knownTo } of this.#rumors) knownTo.add(peer)
  }

  /** The number of the first change that was told and that no digest has followed; from now on one has. */
  takeUndigested(): number | undefined {
    const since = this.#digested < this.#fresh ? this.#digested : undefined
    this.#digested = this.#fresh
    return since
  }

  /** Is each change since that number known to so many peers already that most others know it too? */
  isWidelyKnown(since: number): boolean {
    return this.#since(since).every(({ knownTo }) => knownTo.size >= MIN_WIDELY_KNOWN)
  }

  /** Is every change kept here known to that peer? */
  isAllKnownTo(peer: string): boolean {
    return this.#rumors.every(({ knownTo }) => knownTo.has(peer))
  }

  /** Does the peer have every change since that number, or is it told them? */
  isKnownTo(since: number, peer: string): boolean {
    return this.#since(since).every(
      ({ knownTo, sentTo: toldTo }) => knownTo.has(peer) || toldTo.has(peer),
    )
  }

  #since(since: number): Rumor[] {
    return this.#rumors.slice(Math.max(0, since - this.#first))
  }

  /** Everything up to now is being told; returns the number of the first that was fresh. */
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
   * What came since that number and is not known to the peer, of that the changes for which
   * `isWanted` is true; undefined when that is too long ago to tell.
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
