/**
 * A store in LevelDB, for programs that use LevelDB already. The package `classic-level` must be
 * installed.
 *
 * ```ts
 * import { LevelStore } from 'pilot-gossip/level'
 * const store = new LevelStore({ dir: '/var/lib/agent/level' })
 * ```
 *
 * Acknowledged updates survive a crash and a power failure, as in the log. If the disk damages files,
 * it promises less, so the log is the default: **LevelDB drops the end of a damaged journal without a
 * report, and everything if the list of its files is damaged. A lost end is not detected.** Peers
 * send back what they have of it; the rest is lost, even if it was acknowledged. What is detected:
 *
 * - An entry with a wrong checksum is `damaged`: it is moved to the file `damaged-N.bin`.
 * - A gap between the state and the last update is `missing`.
 * - A database that cannot be opened, or not read to its end, is `damaged`: its folder is renamed to
 *   `damaged-N`, and a new one is created. If the system refuses (missing rights, no space, open
 *   elsewhere), nothing is changed and `load` rejects.
 *
 * The writer id stays safe (see `../identity.ts`). If a lost end was published, `take` finds that the
 * clock is too low and gives a new id. If it was not published, no peer has it and it never comes
 * back, since LevelDB deletes the journal when it opens: its clocks may be used again. After a
 * detected problem the id is always new: entries behind a gap wait under the old id, and would mix
 * with new ones of the same clocks.
 *
 * Deleted entries take space until LevelDB has rewritten its tables: up to 4 MiB more.
 */
import { join, resolve } from 'node:path'
import * as Y from 'yjs'
import { Failure } from '../../errors.ts'
import { nodeDisk, writeWhole } from '../../fs/disk.ts'
import { FolderLock } from '../../fs/folder-lock.ts'
import type { Sizes } from '../compaction.ts'
import { newerFormat } from '../head.ts'
import { proofOf } from '../proof.ts'
import { type Medium, QueuedStore } from '../queued-store.ts'
import type { Loaded, StoreProblem } from '../store.ts'
import {
  type LevelDatabase,
  type LevelOperation,
  type OpenLevel,
  openLevel,
  toLevelFailure,
} from './level-database.ts'
import {
  decodeEntry,
  ENTRY_BYTES,
  type Entry,
  type EntryKind,
  encodeKey,
  encodeValue,
} from './level-entry.ts'

/** The format of keys, values and head. A change that older programs cannot read makes it 2. */
const FORMAT = 1

const HEAD_KEY = encodeKey('head', 0)

/** Below and above all keys. */
const FIRST_KEY = Uint8Array.of(0)
const LAST_KEY = Uint8Array.of(0xff)

export interface LevelStoreOptions {
  /** A folder for this document alone. Created if it does not exist. */
  readonly dir: string
  /** Default: opens it with the package `classic-level`. */
  readonly open?: OpenLevel
  /** Called by `load` if it reports a problem: the agent must go on under a new writer id. */
  readonly onIncomplete?: () => void
}

export class LevelStore extends QueuedStore {
  constructor(options: LevelStoreOptions) {
    super(new LevelMedium(options))
  }
}

const put = (kind: EntryKind, number: number, payload: Uint8Array): LevelOperation => {
  const key = encodeKey(kind, number)
  return { type: 'put', key, value: encodeValue(key, payload) }
}

/** `next` is the number of the next update. */
const putHead = (next: number): LevelOperation =>
  put('head', 0, Buffer.from(JSON.stringify({ format: FORMAT, next })))

/** Throws a Failure for a newer format. */
const nextOf = (payload: Uint8Array, dir: string): number => {
  const { format, next } = JSON.parse(new TextDecoder().decode(payload))
  if (format > FORMAT) throw newerFormat(dir, format, FORMAT)
  return Number(next)
}

const sizeOf = (payloads: readonly Uint8Array[]): number =>
  payloads.reduce((sum, { length }) => sum + ENTRY_BYTES + length, 0)

class LevelMedium implements Medium {
  readonly dir: string
  readonly lock: FolderLock
  readonly #folder: string
  readonly #open: OpenLevel
  readonly #onIncomplete: (() => void) | undefined

  /** Absent after a failure: LevelDB accepts nothing more until it is opened again. */
  #database: Promise<LevelDatabase> | undefined
  /** The number of the next update. */
  #next = 0
  #stateBytes = 0
  #log = { bytes: 0, updates: 0 }
  #hasDamage = false

  constructor(options: LevelStoreOptions) {
    // Absolute, since the program may change its working folder.
    this.dir = resolve(options.dir)
    // The lock of LevelDB is released for a moment after each failure.
    this.lock = new FolderLock(this.dir)
    this.#folder = join(this.dir, 'db')
    this.#open = options.open ?? openLevel
    this.#onIncomplete = options.onIncomplete
  }

  async load(): Promise<Loaded> {
    const problems: StoreProblem[] = []
    const entries = await this.#read(problems)
    // The oldest: it is deleted once a newer one was proved.
    const state = entries.find(({ kind }) => kind === 'state')
    const found = entries.filter(({ kind }) => kind === 'update')
    const first = state?.number ?? 0
    this.#next = Math.max(this.#next, first, (found.at(-1)?.number ?? -1) + 1)
    const later = found.filter(({ number }) => number >= first)
    const missing = this.#next - first - later.length
    if (missing > 0) {
      problems.push(this.#problem('missing', '', 0, `${missing} updates are missing`))
    }
    const updates = found.map(({ payload }) => payload)
    this.#stateBytes = state ? sizeOf([state.payload]) : 0
    this.#log = { bytes: sizeOf(updates), updates: updates.length }
    this.#hasDamage = problems.length > 0
    if (this.#hasDamage) this.#onIncomplete?.()
    return { state: state?.payload, updates, problems }
  }

  async commit(updates: readonly Uint8Array[]): Promise<void> {
    await this.#using(async (database) => {
      const operations = updates.map((update, index) => put('update', this.#next + index, update))
      const next = this.#next + updates.length
      await database.batch([...operations, putHead(next)], { sync: true })
      this.#next = next
      this.#log.bytes += sizeOf(updates)
      this.#log.updates += updates.length
    })
  }

  /**
   * Adds the new state beside the old one, writes it into a table, reads it back and proves it. Then one
   * batch deletes everything that it replaces. After a crash before that batch, the old state and all
   * updates are there.
   */
  async compact(doc: Y.Doc, inTurn: (task: () => Promise<void>) => Promise<void>): Promise<void> {
    const update = Y.encodeStateAsUpdateV2(doc)
    const prove = proofOf(doc)
    let before = { number: 0, bytes: 0, updates: 0 }
    await inTurn(async () => {
      before = { number: this.#next, ...this.#log }
    })
    const key = encodeKey('state', before.number)
    await this.#using(async (database) => {
      await database.batch([put('state', before.number, update)], { sync: true })
      await database.compactRange(key, key)
      const value = await database.get(key)
      prove(value && decodeEntry(key, value)?.payload)
      const replaced: LevelOperation[] = []
      const range = { gt: HEAD_KEY, lt: encodeKey('update', before.number) }
      for await (const old of database.keys(range)) {
        if (Buffer.compare(old, key) !== 0) replaced.push({ type: 'del', key: old })
      }
      await database.batch(replaced, { sync: true })
      this.#stateBytes = sizeOf([update])
      this.#log.bytes -= before.bytes
      this.#log.updates -= before.updates
      this.#hasDamage = false
      await database.compactRange(FIRST_KEY, LAST_KEY)
    })
  }

  sizes(): Sizes {
    const { bytes, updates } = this.#log
    return { stateBytes: this.#stateBytes, logBytes: bytes, logUpdates: updates }
  }

  hasDamage(): boolean {
    return this.#hasDamage
  }

  async close(): Promise<void> {
    const database = this.#database
    this.#database = undefined
    await (await database)?.close()
  }

  describe(error: unknown, doing: string): Failure {
    return toLevelFailure(error, doing)
  }

  /** All entries in order of their keys. None if LevelDB cannot read them: then the folder is moved aside. */
  async #read(problems: StoreProblem[]): Promise<Entry[]> {
    try {
      return await this.#using((database) => this.#readEntries(database, problems))
    } catch (error) {
      const failure = toLevelFailure(error, 'read the database')
      if (failure.code !== 'damaged') throw failure
      const aside = await this.#freeName()
      await nodeDisk.rename(this.#folder, join(this.dir, aside))
      await nodeDisk.syncDir(this.dir)
      this.#next = 0
      const what = `${failure.message}; all of it is now in "${aside}"`
      problems.push(this.#problem('damaged', aside, 0, what))
      return []
    }
  }

  async #readEntries(database: LevelDatabase, problems: StoreProblem[]): Promise<Entry[]> {
    const entries: Entry[] = []
    const damaged: LevelOperation[] = []
    for await (const [key, value] of database.iterator()) {
      const entry = decodeEntry(key, value)
      if (entry) {
        entries.push(entry)
        continue
      }
      const aside = `${await this.#freeName()}.bin`
      await writeWhole(nodeDisk, this.dir, aside, value)
      const name = Buffer.from(key).toString('hex')
      const what = `the entry ${name} has a wrong checksum; its value is now in "${aside}"`
      problems.push(this.#problem('damaged', aside, value.length, what))
      damaged.push({ type: 'del', key })
    }
    if (damaged.length > 0) await database.batch(damaged, { sync: true })
    return entries
  }

  /** A name for damaged data that no file or folder has, with or without a suffix. */
  async #freeName(): Promise<string> {
    const names = await nodeDisk.list(this.dir)
    for (let number = 1; ; number++) {
      const name = `damaged-${number}`
      if (!names.includes(name) && !names.includes(`${name}.bin`)) return name
    }
  }

  /** Runs with the database, which is opened if necessary and closed after a failure. */
  async #using<T>(run: (database: LevelDatabase) => Promise<T>): Promise<T> {
    this.#database ??= this.#reopen()
    const opened = this.#database
    try {
      return await run(await opened)
    } catch (error) {
      if (this.#database === opened) this.#database = undefined
      // The first error is the cause.
      await Promise.allSettled([opened.then((database) => database.close())])
      throw error
    }
  }

  async #reopen(): Promise<LevelDatabase> {
    await nodeDisk.makeDir(this.#folder)
    const database = await this.#open(this.#folder)
    try {
      const value = await database.get(HEAD_KEY)
      const head = value && decodeEntry(HEAD_KEY, value)
      // An update that was not acknowledged may have been written.
      this.#next = Math.max(this.#next, head ? nextOf(head.payload, this.dir) : 0)
      return database
    } catch (error) {
      await database.close()
      throw error
    }
  }

  #problem(type: StoreProblem['type'], file: string, bytes: number, what: string): StoreProblem {
    const failure = new Failure('damaged', `"${this.#folder}": ${what}`, {
      hint: 'keep the agent running: peers send back what was lost, if they have it',
    })
    return { type, file, bytes, failure }
  }
}
