/**
 * Two that have one digest and hold different things: two have written under one id, and nobody was
 * told. By the fingerprints of their contents they find out, and of which writer it is. Where it is the
 * own writer of one, and the other's is to stay, that one gives what it wrote to a new id.
 *
 * ```ts
 * const divergence = new Divergence({ sender, inquiry, tell })
 * divergence.compare(peer, document, state, now)      // digests are equal, and it told its fingerprint
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

/** Milliseconds after which a peer is told the fingerprints of writers again: each of the two says them once. */
const REPEAT_MS = CONTENT_INTERVAL_MS / 2

export class Divergence {
  readonly #options: DivergenceOptions

  constructor(options: DivergenceOptions) {
    this.#options = options
  }

  /** The peer has our digest, and told the fingerprint of its content. */
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
    // Both decide alike which of the two is to stay.
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
