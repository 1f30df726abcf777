/**
 * Peers that others have named and that have not answered yet, by their namer. Anyone can make up
 * names, so they are few for each namer, few in all, and tried in turns of the namers.
 *
 * ```ts
 * strangers.add(peer)                       // peer.namer is who named it
 * strangers.next(3, (peer) => isFit(peer))  // of three namers, if there are as many
 * ```
 */
import type { Peer } from './peer.ts'

/** Of one namer. An introduction names 50, and each round 5; others name them again. */
const MAX_OF_NAMER = 128

/** In all: about 300 bytes each. */
const MAX_STRANGERS = 1_024

export class Strangers {
  readonly #byNamer = new Map<string, Set<Peer>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  of(namer: string): Peer[] {
    return [...(this.#byNamer.get(namer) ?? [])]
  }

  /**
   * Is there room for one more of that namer? `full`: no. A peer: once that one, the oldest of the
   * namer with the most, is forgotten.
   */
  makeRoom(namer: string): Peer | 'full' | undefined {
    const own = this.#byNamer.get(namer)?.size ?? 0
    if (own >= MAX_OF_NAMER) return 'full'
    if (this.#size < MAX_STRANGERS) return undefined
    let most: Set<Peer> | undefined
    for (const peers of this.#byNamer.values())
      if (peers.size > (most?.size ?? own + 1)) most = peers
    for (const peer of most ?? []) if (!peer.sending) return peer
    return 'full'
  }

  add(peer: Peer): void {
    const namer = peer.namer ?? ''
    const peers = this.#byNamer.get(namer) ?? new Set()
    this.#byNamer.set(namer, peers.add(peer))
    this.#size++
  }

  delete(peer: Peer): void {
    const namer = peer.namer ?? ''
    const peers = this.#byNamer.get(namer)
    if (!peers?.delete(peer)) return
    this.#size--
    if (peers.size === 0) this.#byNamer.delete(namer)
  }

  /** The next ones that fit, at most one of each namer; their namers have had their turn. */
  next(count: number, isFit: (peer: Peer) => boolean): Peer[] {
    const taken: Peer[] = []
    for (const [namer, peers] of [...this.#byNamer]) {
      if (taken.length >= count) break
      const peer = firstOf(peers, isFit)
      if (!peer) continue
      taken.push(peer)
      // Both go to the end: of the namers, and of the peers that it named.
      peers.delete(peer)
      this.#byNamer.delete(namer)
      this.#byNamer.set(namer, peers.add(peer))
    }
    return taken
  }
}

const firstOf = (peers: Iterable<Peer>, isFit: (peer: Peer) => boolean): Peer | undefined => {
  for (const peer of peers) if (isFit(peer)) return peer
  return undefined
}
