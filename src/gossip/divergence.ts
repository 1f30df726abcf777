/**
 * Finds replicas that have the same state but different content, because two copies have written
 * under one id. The hashes of writers show which writer it is. A replica whose own writer it
 * is compares the two; if the other's content is to stay, it moves its own to a new id.
 *
 * ```ts
 * const divergence = new Divergence({ sender, puller, emit })
 * divergence.compare(peer, document, state, now)      // equal states, and the peer sent its content
 * ```
 */
import { type DocState, differences } from '../../crdt/index.ts'
import type { SharedDocument } from './document.ts'
import type { GossipEffect } from './events.ts'
import type { Peer } from './peers.ts'
import type { Puller } from './puller.ts'
import type { Sender } from './sender.ts'

export interface DivergenceOptions {
  readonly sender: Sender
  readonly puller: Puller
  readonly emit: (effect: GossipEffect) => void
}

/** Milliseconds after which a peer is sent the hashes of writers again: up to 16 kB. */
const REPEAT_MS = 30_000

export class Divergence {
  readonly #options: DivergenceOptions

  constructor(options: DivergenceOptions) {
    this.#options = options
  }

  /** Compares contents with a peer that has our state and sent its content. */
  compare(
    peer: Peer,
    document: SharedDocument,
    { content: theirs, writers }: DocState,
    now: number,
  ) {
    const { content, name, replica } = document
    const ours = theirs === undefined ? undefined : replica.published.content
    if (ours === undefined) return
    if (theirs === ours) {
      content.differing.delete(peer.address)
      return
    }
    const sentAt = content.sentAt.get(peer.address) ?? Number.NEGATIVE_INFINITY
    if (now >= sentAt + REPEAT_MS) {
      content.sentAt.set(peer.address, now)
      this.#options.sender.enqueue(peer, name, { digest: true, content: true, writers: true })
    }
    if (!content.differing.has(peer.address)) content.differing.set(peer.address, [])
    const ourWriters = writers && replica.published.writers
    if (!ourWriters) return
    this.#onDifferent(peer, document, differences(ourWriters, writers))
    const own = replica.doc.clientID
    // Both sides decide alike whose content stays.
    if ((ourWriters.get(own) ?? '') < (writers.get(own) ?? ''))
      this.#options.puller.suspectFork(document, peer, now)
  }

  #onDifferent(peer: Peer, document: SharedDocument, writers: number[]): void {
    const { differing } = document.content
    const isKnown = differing.get(peer.address)?.join() === writers.join()
    differing.set(peer.address, writers)
    if (isKnown) return
    const { address: from } = peer
    this.#options.emit({ type: 'diverged', document: document.name, from, writers })
  }
}
