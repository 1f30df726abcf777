/**
 * The fingerprint of one document's content, and with whom it differs though the digests are equal.
 * It is made in quiet times alone, as it goes through the whole document, and kept while the digest
 * stays the same.
 *
 * ```ts
 * const content = new Content(replica, platform)
 * if (content.takeDue(now)) sender.say(peer, name, { digest: true, content: true })
 * content.said({ content: true })      // { content: '0123456789abcdef' }
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
 * Milliseconds between two rounds that tell the fingerprint, and between two that are made. A shorter
 * time finds a difference sooner, and costs 30 bytes a message, and 4 us for each struct of those writers
 * that have written meanwhile: 40 ms for 10,000.
 */
export const CONTENT_INTERVAL_MS = 60_000

/** Clocks for each of which it is made as often as that; of longer documents as much more seldom. */
const CLOCKS = 50_000

/** Milliseconds without a change after which times are quiet: what was pushed has arrived, or is asked for. */
const QUIET_MS = 250

/** Writers whose fingerprints are told, 16 bytes each. Of more only the whole is told. */
const MAX_WRITERS = 1_024

export class Content {
  readonly #replica: Replica
  readonly #platform: Platform
  /** The digest at the last round, and since when it has been that, in milliseconds. */
  #digest: string | undefined
  #since = Number.NEGATIVE_INFINITY
  /** Milliseconds; when the fingerprint was told last in a round. */
  #sentAt = Number.NEGATIVE_INFINITY
  #made: { readonly digest: string; readonly fingerprint: Fingerprint } | undefined
  /** Milliseconds; when the next may be made. */
  #nextAt = Number.NEGATIVE_INFINITY
  #cache: FingerprintCache = new Map()
  /** Peer → the writers of whom it holds something else, though its digest is ours. */
  readonly differing = new Map<string, readonly number[]>()
  /** Peer → when it was told the fingerprints of writers, in milliseconds. */
  readonly answeredAt = new Map<string, number>()

  constructor(replica: Replica, platform: Platform) {
    this.#replica = replica
    this.#platform = platform
  }

  /** Is this round to tell it? Only where nothing has changed since an earlier one. */
  takeDue(now: number): boolean {
    const { digest, withheld } = this.#replica
    if (digest !== this.#digest) this.#since = now
    this.#digest = digest
    const isQuiet = now - this.#since >= QUIET_MS
    if (!isQuiet || withheld || now < this.#sentAt + CONTENT_INTERVAL_MS) return false
    this.#sentAt = now
    return true
  }

  /** Somebody new is there, who may hold something else. */
  resend(): void {
    this.#sentAt = Number.NEGATIVE_INFINITY
  }

  /** Ids mean something else by now. */
  forget(): void {
    this.differing.clear()
    this.#cache = new Map()
    this.#made = undefined
    this.#nextAt = Number.NEGATIVE_INFINITY
    this.resend()
  }

  /** Undefined while peers are shown another state than ours, and where it was made for another lately. */
  fingerprint(now: number): Fingerprint | undefined {
    const { digest, withheld, doc, version } = this.#replica
    if (withheld) return undefined
    if (this.#made?.digest === digest) return this.#made.fingerprint
    if (now < this.#nextAt) return undefined
    this.#nextAt = now + CONTENT_INTERVAL_MS * Math.max(1, version / CLOCKS)
    this.#made = { digest, fingerprint: fingerprintOf(doc, this.#platform, this.#cache) }
    return this.#made.fingerprint
  }

  /** What is to be told of it. */
  fieldsFor({ content, writers }: QueuedState, now: number): Pick<DocState, 'content' | 'writers'> {
    const made = content ? this.fingerprint(now) : undefined
    if (!made) return {}
    const isTold = writers && made.writers.size <= MAX_WRITERS
    return { content: made.content, ...(isTold && { writers: made.writers }) }
  }
}
