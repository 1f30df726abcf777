/**
 * Takes our messages from the inbox folder that the daemon fills. The folder also holds everything
 * else that the node receives: a file that is not ours is read once, and never touched.
 *
 * There may be thousands of those, so a watcher event visits only the files it names, and a poll
 * visits the whole folder. Files are read in parallel and handed over as one batch. They are
 * deleted only after the receiver has handled them, so a crash loses none.
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
 * Milliseconds between two reads of files that do not parse yet: a daemon took 90 ms to write
 * 10 MB. Each costs one lstat, and a read if the file has changed.
 */
const PARTIAL_DELAY_MS = 50

/**
 * Files checked, read or deleted at a time. On two cores 32 empty an inbox six times as fast as
 * one; more only take more memory.
 */
const MAX_READS = 32

/** Milliseconds that `close` waits for a running `receive`. */
const CLOSE_WAIT_MS = 2000

const OWNER_HINT =
  'check who owns the folder: the daemon and this program must run as the same user'

export interface InboxOptions {
  readonly dir: string
  /** milliseconds between two polls */
  readonly pollMs: number
}

/** A file with the stamp it had; without a stamp it is gone, or not a regular file. */
interface Stamped {
  readonly name: string
  readonly path: string
  readonly stamp: Stamp | undefined
}

/** A file that contains a message. */
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
  /** Error codes of single files, each reported once: the folder may be full of such files. */
  readonly #reported = new Set<unknown>()
  #folder: Folder | undefined
  #visitTimer: NodeJS.Timeout | undefined
  #closed = false
  #closing: Promise<void> | undefined
  /** Has `close` resolved? A `receive` that still runs must then not delete files. */
  #gone = false

  constructor({ dir, pollMs }: InboxOptions, hooks: TransportHooks) {
    this.#dir = dir
    this.#pollMs = pollMs
    this.#hooks = hooks
  }

  /** Starts to watch and to deliver, waiting messages first. */
  start(): void {
    if (this.#closed) return
    this.#folder ??= new Folder({
      dir: this.#dir,
      pollMs: this.#pollMs,
      look: (names) => this.#visitAll(this.#seen.only(names.filter(isMessageName))),
      lookAt: (changed) => this.#visitAll(changed.filter(isMessageName)),
      onMissing: () => this.#seen.clear(), // a new folder may take its place
      onProblem: (problem) => this.#report(problem),
    })
  }

  /**
   * Resolves when no more messages will be delivered. It waits at most 2 s for a running `receive`;
   * if that takes longer (or itself waits for `close`), its message stays in the folder. May be
   * called twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#visitTimer)
    await this.#folder?.close(CLOSE_WAIT_MS)
    this.#gone = true
  }

  /**
   * Reads the files in parallel and hands them over in order of arrival: one after the other, each
   * message would wait for the system calls of all files before it.
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
    this.#visitAgain()
  }

  /** The next files that may be read at once: as many as fit into a batch, but at least one. */
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

  /** Visits files that do not parse yet again soon, without waiting for the watcher. */
  #visitAgain(): void {
    clearTimeout(this.#visitTimer)
    const partial = this.#seen.partial()
    if (this.#closed || partial.length === 0) return
    this.#visitTimer = setTimeout(() => this.#folder?.wake(partial), PARTIAL_DELAY_MS)
  }

  /** Reports an error with one file, each kind once, so that the other files are still handled. */
  async #attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const code = systemCodeOf(error)
      if (!this.#reported.has(code)) this.#report(toFailure(error))
      this.#reported.add(code)
      return undefined
    }
  }

  /** Returns the file if it is a message. */
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
      // It is unreadable, for example another user's: reported, and not read again until it changes.
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

  /** A file that is not ours stays where it is. */
  #isOurs({ name, text, snapshot }: Found): boolean {
    const isOurs = accepted(this.#hooks, text)
    if (!isOurs) this.#seen.leave(name, snapshot.stamp, false)
    return isOurs
  }

  /**
   * Deletes the file that `snapshot` was read from, unless another message has overwritten it
   * since; that one is visited next. One race remains: a message of 1.7.2 that arrives between the
   * check and the unlink, with the same millisecond in its name, is lost. Later versions never
   * reuse a name.
   */
  async #consume({ name, path, snapshot }: Found): Promise<void> {
    this.#seen.forget(name)
    try {
      if (await isSameFile(path, snapshot)) await unlink(path)
      else this.#folder?.wake([name])
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return
      // It cannot be deleted, so it must not be delivered again at every poll.
      this.#seen.settle(name, snapshot.stamp)
      throw error
    }
  }

  #report({ code, message, hint = OWNER_HINT, cause }: Failure): void {
    if (this.#closed) return
    this.#hooks.onProblem(new Failure(code, `inbox ${this.#dir}: ${message}`, { hint, cause }))
  }
}
