/**
 * Takes our messages out of the inbox folder that the daemon fills. The folder is shared
 * with everything else the agent receives: a file that is not ours is read once, never
 * touched, and not read again.
 *
 * It may hold thousands of those: what the watcher tells of is looked at alone, and the whole
 * folder with the poll. Files are read in parallel and handed over as one batch. They are deleted
 * only after the receiver is through with them: after a crash they are still there.
 *
 * ```ts
 * const inbox = new Inbox({ dir: '/home/me/.pilot/inbox', pollMs: 5000 }, hooks)
 * inbox.start()
 * ```
 */
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, systemCodeOf, toFailure } from '../../errors.ts'
import { Folder } from '../../fs/watched-folder.ts'
import { accepted, deliver, MAX_BATCH, MAX_BATCH_BYTES } from '../delivery.ts'
import type { Incoming, TransportHooks } from '../transport.ts'
import { readInboxFile } from './answers.ts'
import { isSameFile, readSnapshot, readStamp, type Snapshot, type Stamp } from './file.ts'
import { Seen } from './seen.ts'

/**
 * Milliseconds between two looks at files that do not parse yet: a daemon took 90 ms to
 * write 10 MB. A look costs one lstat, and a read where the file has changed.
 */
const PARTIAL_DELAY_MS = 50

/**
 * Files looked at, read or deleted at a time. On two cores 32 empty an inbox six times as fast as
 * one after the other; more only hold more in memory.
 */
const MAX_READS = 32

/** Milliseconds that `close` waits for a `receive` that is running. */
const CLOSE_WAIT_MS = 2000

const OWNER_HINT =
  'check who owns the folder: the daemon and this program must run as the same user'

export interface InboxOptions {
  readonly dir: string
  /** milliseconds between two looks without the watcher's word */
  readonly pollMs: number
}

/** A file, and how it was found; without a stamp it is gone, or no file. */
interface Stamped {
  readonly name: string
  readonly path: string
  readonly stamp: Stamp | undefined
}

/** A file that is a message. */
interface Found extends Incoming {
  readonly name: string
  readonly path: string
  readonly snapshot: Snapshot
}

const isMessageName = (name: string): boolean => name.endsWith('.json')

/** `JSON-20261122-125129.834-000001.json` sorts by what follows its type: time, then counter. */
const sortKey = (name: string): string => name.slice(name.indexOf('-') + 1)

const byArrival = (a: string, b: string): number => {
  const [x, y] = [sortKey(a), sortKey(b)]
  return x < y ? -1 : x > y ? 1 : 0
}

export class Inbox {
  readonly #dir: string
  readonly #pollMs: number
  readonly #hooks: TransportHooks
  readonly #seen = new Seen()
  /** Codes of trouble with single files, each told once: the folder may be full of such files. */
  readonly #told = new Set<unknown>()
  #folder: Folder | undefined
  #again: NodeJS.Timeout | undefined
  #closed = false
  #closing: Promise<void> | undefined
  /** `close` has resolved: what `receive` still does is no longer ours to clean up after. */
  #gone = false

  constructor({ dir, pollMs }: InboxOptions, hooks: TransportHooks) {
    this.#dir = dir
    this.#pollMs = pollMs
    this.#hooks = hooks
  }

  /** Starts to watch and to deliver, what waits already first. */
  start(): void {
    if (this.#closed) return
    this.#folder ??= new Folder({
      dir: this.#dir,
      pollMs: this.#pollMs,
      look: (names) => this.#visitAll(this.#seen.only(names.filter(isMessageName))),
      lookAt: (changed) => this.#visitAll(changed.filter(isMessageName)),
      onMissing: () => this.#seen.clear(), // another may come in its place
      onProblem: (problem) => this.#tell(problem),
    })
  }

  /**
   * Nothing is delivered once it has resolved. A `receive` that runs is waited for, at most
   * 2 s; where it takes longer (or itself waits for this) its message stays in the folder. May
   * be called twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#again)
    await this.#folder?.close(CLOSE_WAIT_MS)
    this.#gone = true
  }

  /**
   * Reads what is there in parallel, and hands it over in the order in which it came: of many
   * waiting messages each would else wait for the files before it, one system call at a time.
   */
  async #visitAll(names: string[]): Promise<void> {
    const sorted = names.sort(byArrival)
    let batch: Found[] = []
    let bytes = 0
    for (let at = 0; at < sorted.length && !this.#closed; ) {
      const stamped = await this.#stampNext(sorted.slice(at, at + MAX_READS))
      at += stamped.length
      const found = await Promise.all(stamped.map((file) => this.#visit(file)))
      for (const one of found) {
        if (one === undefined || !this.#isOurs(one)) continue
        batch.push(one)
        bytes += one.text.length
      }
      const isFull = batch.length + MAX_READS > MAX_BATCH || bytes >= MAX_BATCH_BYTES
      if (!isFull && at < sorted.length) continue
      await this.#handOver(batch, sorted.length - at)
      batch = []
      bytes = 0
    }
    this.#lookAgain()
  }

  /** Those of the next files that may be read at once: as many as their sizes allow, one at least. */
  async #stampNext(names: readonly string[]): Promise<Stamped[]> {
    const all = await Promise.all(names.map((name) => this.#stamp(name)))
    let bytes = 0
    let count = 0
    for (const { stamp } of all) {
      bytes += Number(stamp?.size ?? 0)
      if (count > 0 && bytes > MAX_BATCH_BYTES) break
      count++
    }
    return all.slice(0, count)
  }

  async #stamp(name: string): Promise<Stamped> {
    const path = join(this.#dir, name)
    return { name, path, stamp: await this.#attempt(() => readStamp(path)) }
  }

  async #handOver(batch: readonly Found[], waiting: number): Promise<void> {
    const incoming = batch.map(({ from, text }) => ({ from, text }))
    const taken = await deliver(this.#hooks, incoming, waiting, () => this.#closed)
    if (this.#gone) return
    for (let at = 0; at < taken; at += MAX_READS) {
      const files = batch.slice(at, Math.min(taken, at + MAX_READS))
      await Promise.all(files.map((file) => this.#attempt(() => this.#consume(file))))
    }
  }

  /** What does not parse yet is looked at soon, whatever the watcher tells. */
  #lookAgain(): void {
    clearTimeout(this.#again)
    const partial = this.#seen.partial()
    if (this.#closed || partial.length === 0) return
    this.#again = setTimeout(() => this.#folder?.wake(partial), PARTIAL_DELAY_MS)
  }

  /** Trouble with one file is reported, each kind once, and keeps nobody from the others. */
  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const code = systemCodeOf(error)
      if (!this.#told.has(code)) this.#tell(toFailure(error))
      this.#told.add(code)
      return undefined
    }
  }

  /** Looks at one file; returns it where it is a message. */
  async #visit({ name, path, stamp }: Stamped): Promise<Found | undefined> {
    if (stamp === undefined) {
      this.#seen.forget(name)
      return undefined
    }
    if (this.#seen.leaveAgain(name, stamp)) return undefined
    return this.#attempt(() => this.#read(name, path, stamp))
  }

  async #read(name: string, path: string, stamp: Stamp): Promise<Found | undefined> {
    const leave = (isPartial: boolean): undefined => {
      this.#seen.leave(name, stamp, isPartial)
    }
    let snapshot: Snapshot
    try {
      snapshot = await readSnapshot(path, stamp)
    } catch (error) {
      // Unreadable (another user's, say): reported, and left alone until it changes.
      this.#seen.settle(name, stamp)
      throw error
    }
    if (snapshot.kind === 'too large') {
      this.#seen.settle(name, stamp)
      return undefined
    }
    if (snapshot.kind === 'changing') return leave(true)
    const file = readInboxFile(snapshot.content)
    if (file.kind === 'partial') return leave(true)
    if (file.kind === 'foreign') return leave(false)
    return { name, path, snapshot, from: file.from, text: file.text }
  }

  /** What is not ours is left where it is. */
  #isOurs({ name, text, snapshot }: Found): boolean {
    const isOurs = accepted(this.#hooks, text)
    if (!isOurs) this.#seen.leave(name, snapshot.stamp, false)
    return isOurs
  }

  /**
   * Deletes the file that `snapshot` was read from, unless another message has been written
   * over it since; that one is visited next. What is left is the moment between the check
   * and the unlink: a message of 1.7.2 that comes in it, with the same millisecond in its
   * name, is lost. Later versions never reuse a name.
   */
  async #consume({ name, path, snapshot }: Found): Promise<void> {
    this.#seen.forget(name)
    try {
      if (await isSameFile(path, snapshot)) await unlink(path)
      else this.#folder?.wake([name])
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return
      // It cannot be deleted: it must not be delivered again at every poll.
      this.#seen.settle(name, snapshot.stamp)
      throw error
    }
  }

  #tell({ code, message, hint = OWNER_HINT, cause }: Failure): void {
    if (this.#closed) return
    this.#hooks.onProblem(new Failure(code, `inbox ${this.#dir}: ${message}`, { hint, cause }))
  }
}
