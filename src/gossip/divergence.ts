/**
 * Finds replicas that have the same digest but different content, because two copies have written
 * under one id. The fingerprints of writers show which writer it is. A replica whose own writer it
 * is compares the two; if the other's content is to stay, it moves its own to a new id.
 *
 * ```ts
 * const divergence = new Divergence({ sender, puller, emit })
 * divergence.compare(peer, document, state, now)      // equal digests, and the peer sent its fingerprint
 * ```
 */
import { type DocState, differences } from '../../crdt/index.ts'
import { CONTENT_INTERVAL_MS } from './content.ts'
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

/** Milliseconds after which a peer is sent the fingerprints of writers again. */
const REPEAT_MS = CONTENT_INTERVAL_MS / 2

export class Divergence {
  readonly #options: DivergenceOptions

  constructor(options: DivergenceOptions) {
    this.#options = options
  }

  /** Compares contents with a peer that has our digest and sent its fingerprint. */
  compare(
    peer: Peer,
    document: SharedDocument,
    { content: theirs, writers }: DocState,
    now: number,
  ) {
    const { content, name } = document
    const ours = content.fingerprint(now)
    if (theirs === undefined || !ours) return
    if (theirs === ours.content) {
      content.differing.delete(peer.address)
      return
    }
    const answeredAt = content.answeredAt.get(peer.address) ?? Number.NEGATIVE_INFINITY
    if (now >= answeredAt + REPEAT_MS) {
      content.answeredAt.set(peer.address, now)
      this.#options.sender.enqueue(peer, name, { digest: true, content: true, writers: true })
    }
    if (writers) this.#onDifferent(peer, document, differences(ours.writers, writers))
    else if (!content.differing.has(peer.address)) content.differing.set(peer.address, [])
    if (!writers) return
    const own = document.replica.doc.clientID
    // Both sides decide alike whose content stays.
    if ((ours.writers.get(own) ?? '') < (writers.get(own) ?? ''))
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
