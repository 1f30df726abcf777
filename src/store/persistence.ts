/**
 * Keeps a document in a store: loads the stored updates, and appends every change, from here or from
 * peers, when it happens. `flushed` resolves when all changes so far are on disk; nothing is
 * acknowledged or published before that. The store is compacted when it is due: after a write, or when
 * nothing was written for a while.
 *
 * ```js
 * const persistence = new Persistence(doc, store, onProblem)
 * await persistence.open()
 * doc.getMap('state').set('k', 1)
 * await persistence.flushed()          // now it may be acknowledged
 * ```
 */
import * as Y from 'yjs'
import { type Failure, toFailure } from '../errors.ts'
import { nodeTimers, type Timers } from '../timers.ts'
import { IDLE_MS } from './compaction.ts'
import { type Restored, restore, type Store } from './store.ts'

/** Milliseconds between two tries. Each encodes the whole state; a full disk is seldom freed sooner. */
const COMPACT_AGAIN_MS = 60_000

/** The origin of the transaction that loads a document. */
const LOADING = Symbol('loading')

/**
 * Resolves when the transaction in which it is called has ended. Yjs emits the update of a transaction
 * last, after its observers and those of gossip: a caller among them has made a change that is not
 * appended yet. Transactions are synchronous, so a microtask is enough.
 */
const transactionEnd = (): Promise<void> => Promise.resolve()

export class Persistence {
  readonly #doc: Y.Doc
  readonly #store: Store
  readonly #onProblem: (failure: Failure) => void
  readonly #listener: (update: Uint8Array, origin: unknown) => void
  /** The number of appends that have not settled, and the last one: they settle in order. */
  #waiting = 0
  #last: Promise<void> = Promise.resolve()
  /** Updates that are on disk, but not in the document: they wait for predecessors. */
  #held: readonly Uint8Array[] = []
  /** The state vector up to which everything is on disk. */
  #saved: Uint8Array
  /** Why a change is not on disk; undefined if everything is. */
  #failure: Failure | undefined
  #repairing: Promise<void> | undefined
  #compacting: Promise<void> | undefined
  readonly #timers: Timers
  /** When the last append ended, in milliseconds of `Timers.now`. */
  #lastWrite = 0
  /** The time of the next try after a failed compaction, in milliseconds of `Timers.now`. */
  #compactAt = 0
  /** Cancels the check for an idle store. */
  #cancel: (() => void) | undefined
  #isClosed = false
  /** Does the stored data differ from the document in a way that no update can express? */
  #isStale = false
  #isRewriting = false
  #replacing: Promise<void> | undefined

  /** `onProblem` is called for failures that no caller waits for. */
  constructor(
    doc: Y.Doc,
    store: Store,
    onProblem: (failure: Failure) => void,
    timers: Timers = nodeTimers,
  ) {
    this.#doc = doc
    this.#store = store
    this.#onProblem = onProblem
    this.#timers = timers
    this.#saved = Y.encodeStateVector(doc)
    this.#listener = (update, origin) => {
      if (origin !== LOADING && !this.#isRewriting) this.#append(update)
    }
  }

  /** Loads the stored updates, and starts to append. Resolves to problems and to updates that wait. */
  async open(): Promise<Restored> {
    const restored = restore(this.#doc, await this.#store.load(), LOADING)
    this.#held = restored.held
    this.#saved = Y.encodeStateVector(this.#doc)
    this.#doc.on('update', this.#listener)
    this.#lastWrite = this.#timers.now()
    this.#lookLater()
    return restored
  }

  /**
   * Resolves when all changes made before the call are on disk. Rejects with a Failure if the disk
   * fails. The changes are then in memory, and each further call tries to save them.
   */
  async flushed(): Promise<void> {
    await transactionEnd()
    await this.#last
    if (this.#failure) await this.#repair()
    while (this.#isStale || this.#replacing) await this.#replace()
  }

  /**
   * Runs `change`, which gives structs of the document other ids, and replaces the stored data by the
   * document. `flushed` waits for that.
   */
  rewrite(change: () => void): void {
    this.#isRewriting = true
    try {
      change()
    } finally {
      this.#isRewriting = false
    }
    const saved = Y.decodeStateVector(this.#saved)
    for (const [writer, clock] of saved)
      saved.set(writer, Math.min(clock, Y.getState(this.#doc.store, writer)))
    this.#saved = Y.encodeStateVector(saved)
    this.#isStale = true
    this.#replace().catch((error) => this.#onProblem(toFailure(error)))
  }

  /** Saves what it can and closes the store. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    await transactionEnd()
    this.#doc.off('update', this.#listener)
    try {
      await this.flushed()
      await this.#compacting
    } catch (error) {
      this.#onProblem(toFailure(error))
    }
    await this.#store.close()
  }

  /** Async, so that a store of the program that throws rejects. */
  async #toStore(update: Uint8Array): Promise<void> {
    await this.#store.append(update)
  }

  #append(update: Uint8Array): void {
    this.#waiting++
    this.#last = this.#toStore(update).then(
      () => this.#ended(),
      (error) => {
        this.#failure ??= toFailure(error)
        this.#ended()
      },
    )
  }

  #ended(): void {
    this.#waiting--
    this.#lastWrite = this.#timers.now()
    if (this.#failure) return
    if (this.#waiting === 0) this.#saved = Y.encodeStateVector(this.#doc)
    this.#compact(false)
    this.#lookLater()
  }

  /** Appends again everything that may not be on disk. Calls share one attempt. */
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

  /** Updates whose predecessors could not be read and that no peer has brought meanwhile. */
  #stillHeld(): readonly Uint8Array[] {
    return this.#held.filter((update) =>
      [...Y.parseUpdateMeta(update).to].some(
        ([writer, end]) => Y.getState(this.#doc.store, writer) < end,
      ),
    )
  }

  /** Calls share one attempt. */
  #replace(): Promise<void> {
    this.#replacing ??= this.#replaceStale().finally(() => {
      this.#replacing = undefined
    })
    return this.#replacing
  }

  async #replaceStale(): Promise<void> {
    await this.#compacting
    this.#isStale = false
    try {
      await this.#compactNow()
    } catch (error) {
      this.#isStale = true
      throw toFailure(error)
    }
  }

  /** Timers and writes call it, so an error of a program's own store is reported. */
  #needsCompaction(isIdle: boolean): boolean {
    try {
      return this.#store.needsCompaction({ isIdle })
    } catch (error) {
      this.#onProblem(toFailure(error))
      return false
    }
  }

  /** Compacts in the background. A failure is reported and loses nothing. */
  #compact(isIdle: boolean): void {
    if (this.#compacting || this.#replacing || !this.#needsCompaction(isIdle)) return
    if (this.#timers.now() < this.#compactAt) return
    this.#compacting = this.#compactNow()
      .catch((error) => {
        this.#compactAt = this.#timers.now() + COMPACT_AGAIN_MS
        this.#onProblem(toFailure(error))
      })
      .finally(() => {
        this.#compacting = undefined
        this.#lookLater()
      })
  }

  async #compactNow(): Promise<void> {
    // Async, so that a store of the program that throws rejects.
    const compact = async (): Promise<void> => this.#store.compact(this.#doc)
    const compacted = compact()
    // They are not in the document, so they go to the new log before the old one is removed.
    this.#held = this.#stillHeld()
    const kept = this.#held.map((update) => this.#toStore(update))
    await Promise.all([compacted, ...kept])
  }

  /** One timer for all writes: when it fires, it waits for the rest of the time since the last write. */
  #lookLater(): void {
    if (this.#cancel || this.#isClosed || !this.#needsCompaction(true)) return
    const at = Math.max(this.#lastWrite + IDLE_MS, this.#compactAt)
    this.#cancel = this.#timers.after(Math.max(0, at - this.#timers.now()), () => this.#look())
  }

  #look(): void {
    this.#cancel = undefined
    const now = this.#timers.now()
    const isIdle = now - this.#lastWrite >= IDLE_MS
    if (isIdle && this.#waiting === 0 && !this.#failure) this.#compact(true)
    else if (isIdle) this.#compactAt = now + COMPACT_AGAIN_MS // the disk fails or is slow
    if (!this.#compacting) this.#lookLater()
  }
}
