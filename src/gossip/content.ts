/**
 * The content fingerprint of one document, and the peers whose content differs although their
 * digest is equal. It is computed only in quiet times, as it walks the whole document, and kept
 * while the digest stays the same.
 *
 * ```ts
 * const content = new Content(replica, platform)
 * if (content.takeDue(now)) sender.enqueue(peer, name, { digest: true, content: true })
 * content.fieldsFor({ content: true }, now)      // { content: '0123456789abcdef' }
 * ```
 */
import {
  type DocState,
  type Fingerprint,
  type FingerprintCache,
  fingerprintOf,
  type Platform,
  type Replica,
} from '../../crdt/index.ts'
import type { QueuedState } from './outbox.ts'

/**
 * Milliseconds between two rounds that carry the fingerprint, and between two computations of it. A
 * shorter time finds a difference sooner, but costs 30 bytes a message and 4 us for each struct of
 * the writers that have written since: 40 ms for 10,000.
 */
export const CONTENT_INTERVAL_MS = 60_000

/**
 * Clocks up to which the fingerprint is computed at this interval. Longer documents wait
 * proportionally longer.
 */
const CLOCKS = 50_000

/**
 * Milliseconds without a change after which times are quiet: every push has arrived, or is being
 * pulled.
 */
const QUIET_MS = 250

/**
 * Writers whose fingerprints are sent, 16 bytes each. With more writers only the document's is
 * sent.
 */
const MAX_WRITERS = 1_024

export class Content {
  readonly #replica: Replica
  readonly #platform: Platform
  /** The digest of the last round, and since when (in milliseconds) it has been the same. */
  #digest: string | undefined
  #since = Number.NEGATIVE_INFINITY
  /** Milliseconds; when a round last carried the fingerprint. */
  #sentAt = Number.NEGATIVE_INFINITY
  #made: { readonly digest: string; readonly fingerprint: Fingerprint } | undefined
  /** Milliseconds; when the next one may be computed. */
  #nextAt = Number.NEGATIVE_INFINITY
  #cache: FingerprintCache = new Map()
  /** Peer → the writers for whom it holds something else, although its digest is ours. */
  readonly differing = new Map<string, readonly number[]>()
  /** Peer → when it was sent the fingerprints of writers, in milliseconds. */
  readonly answeredAt = new Map<string, number>()

  constructor(replica: Replica, platform: Platform) {
    this.#replica = replica
    this.#platform = platform
  }

  /** Does this round carry the fingerprint? Only if nothing has changed since an earlier round. */
  takeDue(now: number): boolean {
    const { digest, withheld } = this.#replica
    if (digest !== this.#digest) this.#since = now
    this.#digest = digest
    const isQuiet = now - this.#since >= QUIET_MS
    if (!isQuiet || withheld || now < this.#sentAt + CONTENT_INTERVAL_MS) return false
    this.#sentAt = now
    return true
  }

  /** A peer is new, and its content may differ: the next round carries the fingerprint. */
  resend(): void {
    this.#sentAt = Number.NEGATIVE_INFINITY
  }

  /** Ids have changed their meaning. */
  forget(): void {
    this.differing.clear()
    this.#cache = new Map()
    this.#made = undefined
    this.#nextAt = Number.NEGATIVE_INFINITY
    this.resend()
  }

  /** Undefined while peers see another state than ours, or if one was computed too recently. */
  fingerprint(now: number): Fingerprint | undefined {
    const { digest, withheld, doc, version } = this.#replica
    if (withheld) return undefined
    if (this.#made?.digest === digest) return this.#made.fingerprint
    if (now < this.#nextAt) return undefined
    this.#nextAt = now + CONTENT_INTERVAL_MS * Math.max(1, version / CLOCKS)
    this.#made = { digest, fingerprint: fingerprintOf(doc, this.#platform, this.#cache) }
    return this.#made.fingerprint
  }

  /** The fields that a queued state asks for. */
  fieldsFor({ content, writers }: QueuedState, now: number): Pick<DocState, 'content' | 'writers'> {
    const made = content ? this.fingerprint(now) : undefined
    if (!made) return {}
    const isTold = writers && made.writers.size <= MAX_WRITERS
    return { content: made.content, ...(isTold && { writers: made.writers }) }
  }
}
