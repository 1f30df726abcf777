/**
 * What is known of the content of peers that have our state: whether it differs, in what some
 * writers have written.
 *
 * ```ts
 * const content = new Content(replica)
 * content.fieldsFor({ content: true })      // { content: 'kJ1…' }
 * content.differing.get(peer)              // [7]
 * ```
 */
import type { DocState, Replica } from '../../crdt/index.ts'
import type { QueuedState } from './outbox.ts'

/**
 * Writers whose hashes are sent, 16 characters each. With more writers only the content's digest is
 * sent.
 */
const MAX_WRITERS = 1_024

export class Content {
  readonly #replica: Replica
  /** Peer → the writers for whom it holds something else, although its state is ours. */
  readonly differing = new Map<string, readonly number[]>()
  /** Peer → when it was sent the hashes of writers, in milliseconds. */
  readonly sentAt = new Map<string, number>()

  constructor(replica: Replica) {
    this.#replica = replica
  }

  /** Ids have changed their meaning. */
  forget(): void {
    this.differing.clear()
  }

  /** The fields that go with the digest of a queued state. */
  fieldsFor({ writers }: QueuedState): Pick<DocState, 'content' | 'writers'> {
    const { published } = this.#replica
    const { content } = published
    if (content === undefined) return {}
    const hashes =
      writers && published.state.clocks.size <= MAX_WRITERS ? published.writers : undefined
    return { content, ...(hashes && { writers: hashes }) }
  }
}
