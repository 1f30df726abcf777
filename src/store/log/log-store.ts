/**
 * A store in a folder of its own: an append-only log of updates. From time to time the whole state is
 * written to a file, and a new log begins (see `names.ts`, `../head.ts`, `../record.ts`).
 *
 * ```ts
 * const store = new LogStore({ dir: '/home/ann/.pilot-gossip/swarm/kv' })
 * restore(doc, await store.load())
 * await store.append(update) // now it is on disk
 * ```
 *
 * The steps of a compaction from generation 3 to 4, and a start after a power failure in each:
 * 1. An empty `log-000004.bin` is created, to which later updates are appended. A start reads state 3,
 *    log 3 and log 4.
 * 2. The new state is written under a temporary name, read back and proved. A start ignores it.
 * 3. It is renamed to `state-000004.bin`. A start reads state 4 and log 4, and removes generation 3.
 * 4. Generation 3 is removed.
 *
 * A file that the system refuses to read is kept through all of that (`kept-…`).
 */
import { randomBytes } from 'node:crypto'
import { join, resolve } from 'node:path'
import type * as Y from 'yjs'
import { type Failure, systemCodeOf } from '../../errors.ts'
import { type Disk, type DiskFile, nodeDisk, writeWhole } from '../../fs/disk.ts'
import { toDiskFailure } from '../../fs/disk-failure.ts'
import type { FolderLock } from '../../fs/folder-lock.ts'
import type { Sizes } from '../compaction.ts'
import { encodeHead, headBytes, MARKER_BYTES } from '../head.ts'
import { type Medium, QueuedStore } from '../queued-store.ts'
import { encodeGroup, RECORD_BYTES } from '../record.ts'
import type { Loaded, StoreProblem } from '../store.ts'
import { type FileName, fileName, parseName } from './names.ts'
import { type Aside, type OpenLog, recover } from './recovery.ts'
import { encodeState } from './state-file.ts'

/** The first generation that a compaction creates, so that generation 1 never has a state. */
const FIRST_COMPACTED = 2

export interface LogStoreOptions {
  /** A folder for this document alone. Created if it does not exist. */
  readonly dir: string
  /** Default: the real disk. */
  readonly disk?: Disk
  /**
   * Called by `load` if stored data could not be read and may be readable later. The agent must not go
   * on under the same writer id (see `Identity.distrust`).
   */
  readonly onIncomplete?: () => void
}

export class LogStore extends QueuedStore {
  constructor(options: LogStoreOptions) {
    super(new LogMedium(options))
  }
}

class LogMedium implements Medium {
  readonly dir: string
  readonly lock?: FolderLock
  readonly #disk: Disk
  readonly #onIncomplete: (() => void) | undefined

  #log: OpenLog | undefined
  /** The handle of the log. Absent after a failure: then the bytes after `log.length` are cut off. */
  #file: DiskFile | undefined
  #newest = 0
  #stateBytes = 0
  /** The logs before the current one. */
  #older = { bytes: 0, updates: 0 }
  #hasDamage = false
  /** Damaged bytes that are not copied yet. */
  #asides: readonly Aside[] = []
  /** Files that compactions must keep, since their content is unknown. */
  #unreadable: FileName[] = []

  constructor(options: LogStoreOptions) {
    // Absolute, since the program may change its working folder.
    this.dir = resolve(options.dir)
    this.#disk = options.disk ?? nodeDisk
    const lock = this.#disk.lock?.(this.dir)
    if (lock) this.lock = lock
    this.#onIncomplete = options.onIncomplete
  }

  async load(): Promise<Loaded> {
    if (await this.#isMissing()) await this.#disk.makeDir(this.dir)
    const found = await recover(this.#disk, this.dir)
    const { state, updates, problems, log, logBytes, newest } = found
    this.#log = log
    this.#newest = newest
    this.#stateBytes = state ? headBytes('state') + RECORD_BYTES + state.length : 0
    this.#older = {
      bytes: logBytes - (log?.length ?? 0),
      updates: updates.length - (log?.updates ?? 0),
    }
    this.#hasDamage = problems.some(({ type }) => type === 'damaged' || type === 'missing')
    this.#asides = found.asides
    this.#unreadable = [...found.unreadable]
    if (!found.isWhole) this.#onIncomplete?.()
    const untidy = await this.#tidy(found.useless)
    return { state, updates, problems: [...problems, ...untidy] }
  }

  async commit(updates: readonly Uint8Array[]): Promise<void> {
    const log = this.#log ?? (await this.#beginLog())
    try {
      this.#file ??= await this.#reopen(log)
      const bytes = encodeGroup(log.marker, updates)
      await this.#file.write(bytes, log.length)
      await this.#file.sync()
      log.length += bytes.length
      log.updates += updates.length
    } catch (error) {
      // After a failed flush the content is unknown: go on from the last valid record.
      await this.#dropFile(error)
      throw error
    }
  }

  async compact(doc: Y.Doc, inTurn: (task: () => Promise<void>) => Promise<void>): Promise<void> {
    // Both before the first await: later updates go to the new log.
    const { bytes, prove } = encodeState(doc)
    await inTurn(async () => {
      await this.#beginLog(FIRST_COMPACTED)
    })
    const generation = this.#newest
    await this.#setAside()
    await this.#keepUnreadable()
    await writeWhole(this.#disk, this.dir, fileName('state', generation), bytes, prove)
    this.#stateBytes = bytes.length
    this.#older = { bytes: 0, updates: 0 }
    this.#hasDamage = false
    const kept = this.#unreadable.map((file) => fileName(file.kind, file.generation, true))
    for (const old of await this.#disk.list(this.dir)) {
      const file = parseName(old)
      if (file && file.generation < generation && !kept.includes(old)) {
        await this.#disk.remove(join(this.dir, old))
      }
    }
  }

  sizes(): Sizes {
    return {
      stateBytes: this.#stateBytes,
      logBytes: this.#older.bytes + (this.#log?.length ?? 0),
      logUpdates: this.#older.updates + (this.#log?.updates ?? 0),
    }
  }

  hasDamage(): boolean {
    return this.#hasDamage
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close()
  }

  describe(error: unknown, doing: string): Failure {
    return toDiskFailure(error, doing)
  }

  async #isMissing(): Promise<boolean> {
    try {
      await this.#disk.list(this.dir)
      return false
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return true
      throw error
    }
  }

  /** Copies damaged bytes and removes useless files. Returns a problem for each step that failed. */
  async #tidy(useless: readonly string[]): Promise<StoreProblem[]> {
    const untidy: StoreProblem[] = []
    const attempt = async (file: string, doing: string, run: () => Promise<void>) => {
      try {
        await run()
      } catch (error) {
        const failure = toDiskFailure(error, `${doing} in "${this.dir}"`)
        untidy.push({ type: 'untidy', file, bytes: 0, failure })
      }
    }
    await attempt('', 'set damaged bytes aside', () => this.#setAside())
    for (const name of useless) {
      await attempt(name, `remove "${name}"`, () => this.#disk.remove(join(this.dir, name)))
    }
    return untidy
  }

  /** Copies damaged bytes, unless an earlier start has copied them. */
  async #setAside(): Promise<void> {
    if (this.#asides.length === 0) return
    const names = await this.#disk.list(this.dir)
    for (const { name, bytes } of this.#asides) {
      if (!names.includes(name)) await writeWhole(this.#disk, this.dir, name, bytes)
    }
    this.#asides = []
  }

  /** Renames unreadable files, so that the following compaction keeps them. */
  async #keepUnreadable(): Promise<void> {
    for (const [index, file] of this.#unreadable.entries()) {
      if (file.isKept) continue
      const { kind, generation } = file
      const from = join(this.dir, fileName(kind, generation))
      await this.#disk.rename(from, join(this.dir, fileName(kind, generation, true)))
      this.#unreadable[index] = { kind, generation, isKept: true }
      await this.#disk.syncDir(this.dir)
    }
  }

  async #reopen(log: OpenLog): Promise<DiskFile> {
    const file = await this.#disk.open(join(this.dir, fileName('log', log.generation)))
    try {
      await file.truncate(log.length)
      // An earlier run may not have flushed its last bytes and the name, on which we now build.
      await file.sync()
      await this.#disk.syncDir(this.dir)
    } catch (error) {
      await file.close()
      throw error
    }
    return file
  }

  /** Closes the handle of the log. If that fails, too, it throws both errors. */
  async #dropFile(cause?: unknown): Promise<void> {
    const file = this.#file
    this.#file = undefined
    try {
      await file?.close()
    } catch (error) {
      throw cause === undefined ? error : new AggregateError([cause, error], `${cause}; ${error}`)
    }
  }

  async #beginLog(least = 1): Promise<OpenLog> {
    const generation = Math.max(least, this.#newest + 1)
    const marker = randomBytes(MARKER_BYTES)
    const head = encodeHead('log', marker)
    await writeWhole(this.#disk, this.dir, fileName('log', generation), head)
    this.#newest = generation
    this.#older = {
      bytes: this.#older.bytes + (this.#log?.length ?? 0),
      updates: this.#older.updates + (this.#log?.updates ?? 0),
    }
    this.#log = { generation, marker, length: head.length, updates: 0 }
    await this.#dropFile()
    return this.#log
  }
}
