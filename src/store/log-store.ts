/**
 * The store in a folder of its own: an append-only log of updates, and now and then the whole
 * state in a file, after which a new log begins (see `names.ts`, `head.ts`, `record.ts`).
 *
 * ```ts
 * const store = new LogStore({ dir: '/home/ann/.pilot-gossip/swarm/kv' })
 * restore(doc, await store.load())
 * await store.append(update) // on disk
 * ```
 *
 * What happens when the power is cut in a compaction from generation 3 to 4:
 * 1. `log-000004.bin` is there, empty, and takes what is appended from now on. A start reads
 *    state 3, log 3, log 4.
 * 2. The new state is written under a temporary name, read back and proved. A start ignores it.
 * 3. It is renamed to `state-000004.bin`. A start reads state 4, log 4, and removes 3.
 * 4. Generation 3 is removed.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type * as Y from 'yjs'
import { Failure } from '../errors.ts'
import { isDueForCompaction } from './compaction.ts'
import { type Disk, type DiskFile, nodeDisk, writeWhole } from './disk.ts'
import { toDiskFailure } from './disk-failure.ts'
import { encodeHead, headBytes, MARKER_BYTES } from './head.ts'
import { fileName, parseName } from './names.ts'
import { encodeRecords, MAX_PAYLOAD, RECORD_BYTES, UPDATE_V1 } from './record.ts'
import { type Aside, type OpenLog, type Recovered, recover } from './recovery.ts'
import { encodeState } from './state-file.ts'
import type { Loaded, Store, StoreProblem, StoreStats } from './store.ts'

/**
 * Bytes written with one flush, unless one update alone is longer. More would hold up the
 * first of those that wait for the sake of the last.
 */
const COMMIT_BYTES = 4 * 1024 * 1024

/** The first generation that a compaction makes, so that generation 1 never has a state to miss. */
const FIRST_COMPACTED = 2

export interface LogStoreOptions {
  /** A folder for this document alone; made where it does not exist. */
  readonly dir: string
  /** Default the real one. */
  readonly disk?: Disk
}

const NOT_LOADED = 'the store was not loaded: call load first, and wait for it'

/** What waits for its turn: an update, or (without one) the beginning of a new log. */
interface Job {
  readonly update: Uint8Array | undefined
  readonly resolve: () => void
  readonly reject: (failure: Failure) => void
}

export class LogStore implements Store {
  readonly #dir: string
  readonly #disk: Disk
  #isLoaded = false
  readonly #jobs: Job[] = []
  #isWorking = false
  #work: Promise<void> = Promise.resolve()
  #compacting: Promise<void> | undefined
  #closing: Promise<void> | undefined

  #log: OpenLog | undefined
  /** The log's handle; none after a failure, and then what is behind `log.length` is cut off. */
  #file: DiskFile | undefined
  #newest = 0
  #stateBytes = 0
  /** Logs before the one that is written now. */
  #older = { bytes: 0, updates: 0 }
  #appended = 0
  #commits = 0
  #hasDamage = false
  /** Damaged bytes of which there is no copy yet. */
  #asides: readonly Aside[] = []

  constructor(options: LogStoreOptions) {
    this.#dir = options.dir
    this.#disk = options.disk ?? nodeDisk
  }

  async load(): Promise<Loaded> {
    if (this.#isLoaded) throw new TypeError('load was called twice')
    if (this.#closing) throw this.#closed()
    let found: Recovered
    try {
      if (await this.#isMissing()) await this.#disk.makeDir(this.#dir)
      found = await recover(this.#disk, this.#dir)
    } catch (error) {
      throw toDiskFailure(error, `read the store in "${this.#dir}"`)
    }
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
    const untidy = await this.#tidy(found.useless)
    this.#isLoaded = true
    return { state, updates, problems: [...problems, ...untidy] }
  }

  append(update: Uint8Array): Promise<void> {
    if (!(update instanceof Uint8Array) || update.length === 0) {
      throw new TypeError('append takes an update: a Uint8Array that is not empty')
    }
    if (!this.#isLoaded) throw new TypeError(NOT_LOADED)
    if (this.#closing) return Promise.reject(this.#closed())
    if (update.length > MAX_PAYLOAD) {
      const message = `an update of ${update.length} bytes; at most ${MAX_PAYLOAD} can be kept`
      return Promise.reject(new Failure('too_large', message))
    }
    return this.#enqueue(update)
  }

  needsCompaction(): boolean {
    return this.#hasDamage || isDueForCompaction(this.stats())
  }

  compact(doc: Y.Doc): Promise<void> {
    if (!this.#isLoaded) throw new TypeError(NOT_LOADED)
    if (this.#closing) return Promise.reject(this.#closed())
    this.#compacting ??= this.#compact(doc).finally(() => {
      this.#compacting = undefined
    })
    return this.#compacting
  }

  stats(): StoreStats {
    return {
      stateBytes: this.#stateBytes,
      logBytes: this.#older.bytes + (this.#log?.length ?? 0),
      logUpdates: this.#older.updates + (this.#log?.updates ?? 0),
      appended: this.#appended,
      commits: this.#commits,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Who asked for the compaction is told of its failure.
    await Promise.allSettled([this.#compacting])
    await this.#work
    const file = this.#file
    this.#file = undefined
    try {
      await file?.close()
    } catch (error) {
      throw toDiskFailure(error, `close the log in "${this.#dir}"`)
    }
  }

  async #isMissing(): Promise<boolean> {
    try {
      await this.#disk.list(this.#dir)
      return false
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
      throw error
    }
  }

  /** Sets damaged bytes aside and removes what is of no more use; tells what it could not do. */
  async #tidy(useless: readonly string[]): Promise<StoreProblem[]> {
    const untidy: StoreProblem[] = []
    const attempt = async (file: string, doing: string, run: () => Promise<void>) => {
      try {
        await run()
      } catch (error) {
        const failure = toDiskFailure(error, `${doing} in "${this.#dir}"`)
        untidy.push({ type: 'untidy', file, bytes: 0, failure })
      }
    }
    await attempt('', 'set damaged bytes aside', () => this.#setAside())
    for (const name of useless) {
      await attempt(name, `remove "${name}"`, () => this.#disk.remove(join(this.#dir, name)))
    }
    return untidy
  }

  /** Copies damaged bytes; those that were copied at an earlier start have their file. */
  async #setAside(): Promise<void> {
    if (this.#asides.length === 0) return
    const names = await this.#disk.list(this.#dir)
    for (const { name, bytes } of this.#asides) {
      if (!names.includes(name)) await writeWhole(this.#disk, this.#dir, name, bytes)
    }
    this.#asides = []
  }

  #enqueue(update: Uint8Array | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ update, resolve, reject })
      if (!this.#isWorking) this.#work = this.#workOff()
    })
  }

  async #workOff(): Promise<void> {
    this.#isWorking = true
    await null // what is appended in this turn of the event loop goes into one commit
    while (this.#jobs.length > 0) {
      const jobs = this.#jobs.splice(0, this.#countNext())
      const updates = jobs.map(({ update }) => update).filter((update) => update !== undefined)
      try {
        await (updates.length > 0 ? this.#commit(updates) : this.#beginLog(FIRST_COMPACTED))
        for (const { resolve } of jobs) resolve()
      } catch (error) {
        const failure = toDiskFailure(error, `write to the store in "${this.#dir}"`)
        // Whatever waits may build on what was lost. A new log loses nothing.
        const lost = updates.length > 0 ? [...jobs, ...this.#jobs.splice(0)] : jobs
        for (const { reject } of lost) reject(failure)
      }
    }
    this.#isWorking = false
  }

  /** How many jobs go together: updates up to `COMMIT_BYTES`, or one new log. */
  #countNext(): number {
    let bytes = 0
    let count = 0
    for (const { update } of this.#jobs) {
      if (!update) break
      bytes += RECORD_BYTES + update.length
      if (count > 0 && bytes > COMMIT_BYTES) break
      count++
    }
    return Math.max(1, count)
  }

  async #commit(updates: readonly Uint8Array[]): Promise<void> {
    const log = this.#log ?? (await this.#beginLog())
    try {
      this.#file ??= await this.#reopen(log)
      const bytes = encodeRecords(log.marker, UPDATE_V1, updates)
      await this.#file.write(bytes, log.length)
      await this.#file.sync()
      log.length += bytes.length
      log.updates += updates.length
      this.#appended += updates.length
      this.#commits++
    } catch (error) {
      // After a failed flush nobody knows what is on disk: begin anew from the last good record.
      await this.#dropFile(error)
      throw error
    }
  }

  async #reopen(log: OpenLog): Promise<DiskFile> {
    const file = await this.#disk.open(join(this.#dir, fileName('log', log.generation)))
    try {
      await file.truncate(log.length)
    } catch (error) {
      await file.close()
      throw error
    }
    return file
  }

  /** Closes the log's handle; when that fails too, both errors are told. */
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
    await writeWhole(this.#disk, this.#dir, fileName('log', generation), head)
    this.#newest = generation
    this.#older = {
      bytes: this.#older.bytes + (this.#log?.length ?? 0),
      updates: this.#older.updates + (this.#log?.updates ?? 0),
    }
    this.#log = { generation, marker, length: head.length, updates: 0 }
    await this.#dropFile()
    return this.#log
  }

  async #compact(doc: Y.Doc): Promise<void> {
    // Both before the first await: what is appended later lands in the new log.
    const { bytes, prove } = encodeState(doc)
    await this.#enqueue(undefined)
    const generation = this.#newest
    try {
      await this.#setAside()
      const name = fileName('state', generation)
      await writeWhole(this.#disk, this.#dir, name, bytes, prove)
      this.#stateBytes = bytes.length
      this.#older = { bytes: 0, updates: 0 }
      this.#hasDamage = false
      for (const old of await this.#disk.list(this.#dir)) {
        const file = parseName(old)
        if (file && file.generation < generation) await this.#disk.remove(join(this.#dir, old))
      }
    } catch (error) {
      throw toDiskFailure(error, `compact the store in "${this.#dir}"`)
    }
  }

  #closed(): Failure {
    return new Failure('closed', `the store in "${this.#dir}" is closed`)
  }
}
