/**
 * What peers see of a document: how far each writer has come, what is deleted, and the digests of
 * that. While something is withheld, they see the document without it.
 *
 * ```js
 * const published = new Published(doc, platform)
 * published.add(deltaOfTransaction(transaction))
 * published.hasDigest(theirs) || send(published.rangesRequest(salt))
 * ```
 */
import * as Y from 'yjs'
import type { DeleteSet } from './deletes.ts'
import type { Clocks, Delta } from './delta.ts'
import { DIGEST_PATTERN, digestSnapshot } from './digest.ts'
import { digestState, History, STATE_PATTERN } from './history.ts'
import type { RangesOutcome } from './outcome.ts'
import type { Platform } from './platform.ts'
import { Ranges } from './ranges.ts'
import { decodeRanges, encodeRanges, fitsMessage } from './ranges-codec.ts'
import { MAX_DELETES_BYTES } from './sync-request.ts'
import type { Withheld } from './withheld.ts'

/** Writers in a vector: some 600 bytes. */
const MAX_VECTOR_WRITERS = 64

/** Runs of deletes in a request. More would not fit in, and the answer would have all deletes. */
const MAX_REQUEST_RUNS = MAX_DELETES_BYTES / 4

/** The state that peers see. Valid until the document changes. */
export interface PublishedState {
  readonly clocks: Clocks
  readonly deletes: DeleteSet
}

export class Published {
  readonly #doc: Y.Doc
  readonly #platform: Platform
  readonly #maxVectorWriters: number
  #withheld: Withheld | undefined
  /** Made when it is needed first. */
  #history: History | undefined
  /** What peers see while something is withheld. */
  #visible: PublishedState | undefined
  #digest: string | undefined
  #snapshotDigest: string | undefined

  /** With more writers than that, what is missing is pulled by ranges. */
  constructor(doc: Y.Doc, platform: Platform, maxVectorWriters = MAX_VECTOR_WRITERS) {
    this.#doc = doc
    this.#platform = platform
    this.#maxVectorWriters = maxVectorWriters
  }

  get withheld(): Withheld | undefined {
    return this.#withheld
  }

  set withheld(withheld: Withheld | undefined) {
    this.#withheld = withheld
    this.#forget()
  }

  /** The document has changed by that, in a transaction that has ended. */
  add(delta: Delta): void {
    this.#history?.add(delta)
    this.#forget()
  }

  /** The document may have changed in another way. */
  rebuild(): void {
    this.#history = undefined
    this.#forget()
  }

  #forget(): void {
    this.#visible = undefined
    this.#digest = undefined
    this.#snapshotDigest = undefined
  }

  /** Of the whole document, withheld or not. */
  get history(): History {
    this.#history ??= new History(this.#doc, this.#platform)
    return this.#history
  }

  get state(): PublishedState {
    if (!this.#withheld) return this.history
    if (this.#visible === undefined) {
      const { clocks, deletes } = this.history
      const snapshot = this.#withheld.visible(Y.createSnapshot(deletes, new Map(clocks)))
      this.#visible = { clocks: snapshot.sv, deletes: snapshot.ds }
    }
    return this.#visible
  }

  /** The digest of the state: 22 characters. */
  get digest(): string {
    if (this.#digest === undefined) {
      const { clocks, deletes } = this.state
      this.#digest = this.#withheld
        ? digestState(clocks, deletes, this.#platform)
        : this.history.state
    }
    return this.#digest
  }

  /**
   * The digest of the state in messages of format 1: 32 hex digits. Takes time for each writer and
   * run of deletes.
   */
  get snapshotDigest(): string {
    if (this.#snapshotDigest === undefined) {
      const { clocks, deletes } = this.state
      const snapshot = Y.createSnapshot(deletes, new Map(clocks))
      this.#snapshotDigest = digestSnapshot(snapshot, this.#platform)
    }
    return this.#snapshotDigest
  }

  /** Is that the digest of the state, in either format? */
  hasDigest(digest: string): boolean {
    if (STATE_PATTERN.test(digest)) return digest === this.digest
    return DIGEST_PATTERN.test(digest) && digest === this.snapshotDigest
  }

  /**
   * The digest of the content: 22 characters. Undefined while something is withheld, and while the
   * content of a large document is being hashed: a part of it with each call.
   */
  get content(): string | undefined {
    return this.#withheld ? undefined : this.history.content()
  }

  /** Writer → hash of what is left of it, 16 hex digits; undefined as `content` is. */
  get writers(): ReadonlyMap<number, string> | undefined {
    return this.#withheld ? undefined : this.history.writers()
  }

  /**
   * Is a vector so long that ranges find what is missing in fewer bytes? Not while something is
   * withheld, as the tree is over all.
   */
  get needsRanges(): boolean {
    const { clocks, deleteRuns } = this.history
    const isLong = clocks.size > this.#maxVectorWriters || deleteRuns > MAX_REQUEST_RUNS
    return isLong && !this.#withheld
  }

  /** A pull by ranges (see `ranges.ts`). `salt` is a random number of 32 bits. */
  rangesRequest(salt: number): Uint8Array {
    const ranges = new Ranges(this.history.trees, this.#platform, salt)
    return encodeRanges({ salt, ranges: [ranges.root()] })
  }

  /** Compares the ranges that a peer has sent with ours; throws a Rejection. */
  compareRanges(bytes: Uint8Array): RangesOutcome {
    const { salt, ranges } = decodeRanges(bytes)
    const own = new Ranges(this.history.trees, this.#platform, salt)
    const { reply, lacks } = own.compare(ranges)
    if (reply.length === 0) return { lacks, reply: undefined, isTooDifferent: false }
    if (!fitsMessage(reply)) return { lacks, reply: undefined, isTooDifferent: true }
    return { lacks, reply: encodeRanges({ salt, ranges: reply }), isTooDifferent: false }
  }

  /** The part of a delta that is still there: ids may have changed since it was made. */
  existing({ structs, deletes }: Delta): Delta {
    const { clocks } = this.state
    const kept = [...structs].filter(([writer, { to }]) => to <= (clocks.get(writer) ?? 0))
    return { structs: new Map(kept), deletes }
  }
}
