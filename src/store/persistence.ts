/**
 * Keeps a document in a store: what was there is loaded into it, and every change, from here or
 * from peers, is appended as it happens. `flushed` is the moment at which what has been done so
 * far is on disk: nothing is acknowledged or published before it.
 *
 * ```js
 * const persistence = new Persistence(doc, store, onProblem)
 * await persistence.open()
 * doc.getMap('state').set('k', 1)
 * await persistence.flushed()          // now it may be told
 * ```
 */
import * as Y from 'yjs'
import { type Failure, toFailure } from '../errors.ts'
import { restore, type Store, type StoreProblem } from './store.ts'

/** Milliseconds. Each try encodes the whole state; a full disk is seldom emptied sooner. */
const COMPACT_AGAIN_MS = 60_000

/** The origin of the transaction that loads a document. */
const LOADING = Symbol('loading')

export class Persistence {
  readonly #doc: Y.Doc
  readonly #store: Store
  readonly #onProblem: (failure: Failure) => void
  readonly #listener: (update: Uint8Array, origin: unknown) => void
  /** Appends whose end is not known. */
  readonly #waiting = new Set<Promise<void>>()
  /** The state vector up to which everything is on disk. */
  #saved: Uint8Array
  /** Why something is not on disk; undefined when all is well. */
  #failure: Failure | undefined
  #repairing: Promise<void> | undefined
  #compacting: Promise<void> | undefined
  /** Milliseconds of `performance.now()`; not compacted before, as the last try failed. */
  #compactAt = 0

  constructor(doc: Y.Doc, store: Store, onProblem: (failure: Failure) => void) {
    this.#doc = doc
    this.#store = store
    this.#onProblem = onProblem
    this.#saved = Y.encodeStateVector(doc)
    this.#listener = (update, origin) => {
      if (origin !== LOADING) this.#append(update)
    }
  }

  /** Loads what is kept, and begins to keep. Tells what of it could not be read. */
  async open(): Promise<readonly StoreProblem[]> {
    const problems = restore(this.#doc, await this.#store.load(), LOADING)
    this.#saved = Y.encodeStateVector(this.#doc)
    this.#doc.on('update', this.#listener)
    return problems
  }

  /**
   * Resolves when all changes made before the call are on disk. Rejects with a Failure when the
   * disk refuses; the changes are kept in memory, and each further call tries to save them.
   */
  async flushed(): Promise<void> {
    if (this.#waiting.size > 0) await Promise.allSettled(this.#waiting)
    if (this.#failure) await this.#repair()
  }

  /** Saves what it can and closes the store. */
  async close(): Promise<void> {
    this.#doc.off('update', this.#listener)
    try {
      await this.flushed()
      await this.#compacting
    } catch (error) {
      this.#onProblem(toFailure(error))
    }
    await this.#store.close()
  }

  #append(update: Uint8Array): void {
    const append: Promise<void> = this.#store.append(update).then(
      () => this.#ended(append),
      (error) => {
        this.#failure ??= toFailure(error)
        this.#ended(append)
      },
    )
    this.#waiting.add(append)
  }

  #ended(append: Promise<void>): void {
    this.#waiting.delete(append)
    if (this.#waiting.size > 0 || this.#failure) return
    this.#saved = Y.encodeStateVector(this.#doc)
    this.#compact()
  }

  /** Appends again all that is not known to be on disk. One at a time, whoever asks. */
  #repair(): Promise<void> {
    this.#repairing ??= this.#saveAgain().finally(() => {
      this.#repairing = undefined
    })
    return this.#repairing
  }

  async #saveAgain(): Promise<void> {
    const vector = Y.encodeStateVector(this.#doc)
    try {
      await this.#store.append(Y.encodeStateAsUpdate(this.#doc, this.#saved))
    } catch (error) {
      this.#failure = toFailure(error)
      throw this.#failure
    }
    this.#failure = undefined
    this.#saved = vector
  }

  /** In the background; a failure is told, and nothing is lost by it. */
  #compact(): void {
    if (this.#compacting || !this.#store.needsCompaction()) return
    if (performance.now() < this.#compactAt) return
    this.#compacting = this.#store
      .compact(this.#doc)
      .catch((error) => {
        this.#compactAt = performance.now() + COMPACT_AGAIN_MS
        this.#onProblem(toFailure(error))
      })
      .finally(() => {
        this.#compacting = undefined
      })
  }
}
