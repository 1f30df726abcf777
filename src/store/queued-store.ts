/**
 * The part that all stores share, above the medium that keeps the bytes: one load, writes in groups,
 * one compaction at a time, one close.
 *
 * ```ts
 * class LogStore extends QueuedStore {
 *   constructor(options: LogStoreOptions) { super(mediumIn(options.dir)) }
 * }
 * ```
 */
import type * as Y from 'yjs'
import { Failure } from '../errors.ts'
import type { FolderLock } from '../fs/folder-lock.ts'
import { drawShare, isDueForCompaction, type Moment, type Sizes } from './compaction.ts'
import { GroupCommit } from './group-commit.ts'
import type { Loaded, Store, StoreStats } from './store.ts'

/** Keeps the bytes of updates. Its calls may reject with any error; `describe` makes a Failure of it. */
export interface Medium {
  /** The folder, for messages. */
  readonly dir: string
  /** Held from before `load` until after `close`. Absent on a disk that no other process can reach. */
  readonly lock?: FolderLock
  load(): Promise<Loaded>
  /** Makes the updates durable, in order. One call at a time. */
  commit(updates: readonly Uint8Array[]): Promise<void>
  /**
   * Replaces the stored data by the state of `doc`, which is read before the first await. `inTurn` runs
   * a task after all updates that wait at the call, and nothing is written while it runs.
   */
  compact(doc: Y.Doc, inTurn: (task: () => Promise<void>) => Promise<void>): Promise<void>
  sizes(): Sizes
  /** Was damage found that a compaction removes? */
  hasDamage(): boolean
  close(): Promise<void>
  /** `doing` completes the sentence "cannot …". Returns a Failure unchanged. */
  describe(error: unknown, doing: string): Failure
}

const NOT_LOADED = 'the store was not loaded: call load first, and wait for it'

export class QueuedStore implements Store {
  readonly #medium: Medium
  readonly #queue: GroupCommit
  /** The share of the state's bytes that the log must have to be compacted. */
  readonly #share = drawShare()
  #state: 'new' | 'loading' | 'loaded' = 'new'
  #loading: Promise<Loaded> | undefined
  #compacting: Promise<void> | undefined
  #closing: Promise<void> | undefined

  constructor(medium: Medium) {
    this.#medium = medium
    this.#queue = new GroupCommit({
      commit: async (updates) => {
        await medium.lock?.check()
        await medium.commit(updates)
      },
      describe: (error) => medium.describe(error, `write to the store in "${medium.dir}"`),
    })
  }

  async load(): Promise<Loaded> {
    if (this.#state !== 'new') throw new TypeError('load was called twice')
    if (this.#closing) throw this.#closed()
    this.#state = 'loading'
    this.#loading = this.#load()
    return this.#loading
  }

  append(update: Uint8Array): Promise<void> {
    this.#checkLoaded()
    return this.#closing ? Promise.reject(this.#closed()) : this.#queue.append(update)
  }

  needsCompaction(moment?: Moment): boolean {
    return this.#medium.hasDamage() || isDueForCompaction(this.#medium.sizes(), moment, this.#share)
  }

  compact(doc: Y.Doc): Promise<void> {
    this.#checkLoaded()
    if (this.#closing) return Promise.reject(this.#closed())
    this.#compacting ??= this.#compact(doc).finally(() => {
      this.#compacting = undefined
    })
    return this.#compacting
  }

  stats(): StoreStats {
    const { appended, commits } = this.#queue
    return { ...this.#medium.sizes(), appended, commits }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #load(): Promise<Loaded> {
    const { lock } = this.#medium
    try {
      await lock?.take()
      const loaded = await this.#medium.load()
      if (this.#closing) throw this.#closed()
      this.#state = 'loaded'
      return loaded
    } catch (error) {
      this.#state = 'new'
      // The first error is the cause.
      await Promise.allSettled([lock?.release()])
      throw this.#medium.describe(error, `read the store in "${this.#medium.dir}"`)
    }
  }

  async #compact(doc: Y.Doc): Promise<void> {
    const { lock } = this.#medium
    const inTurn = (task: () => Promise<void>): Promise<void> =>
      this.#queue.run(async () => {
        await lock?.check()
        await task()
      })
    try {
      await this.#medium.compact(doc, inTurn)
    } catch (error) {
      throw this.#medium.describe(error, `compact the store in "${this.#medium.dir}"`)
    }
  }

  async #close(): Promise<void> {
    // Their callers get the failures.
    await Promise.allSettled([this.#loading, this.#compacting])
    await this.#queue.idle()
    try {
      await this.#medium.close()
    } catch (error) {
      throw this.#medium.describe(error, `close the store in "${this.#medium.dir}"`)
    } finally {
      await this.#release()
    }
  }

  async #release(): Promise<void> {
    try {
      await this.#medium.lock?.release()
    } catch (error) {
      throw this.#medium.describe(error, `unlock the store in "${this.#medium.dir}"`)
    }
  }

  #checkLoaded(): void {
    if (this.#state !== 'loaded') throw new TypeError(NOT_LOADED)
  }

  #closed(): Failure {
    return new Failure('closed', `the store in "${this.#medium.dir}" is closed`)
  }
}
