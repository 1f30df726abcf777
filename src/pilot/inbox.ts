/**
 * Takes our messages out of the inbox folder that the daemon fills. The folder is shared
 * with everything else the agent receives: a file that is not ours is read once, never
 * touched, and not read again.
 *
 * It may hold thousands of those: what the watcher tells of is looked at alone, and the whole
 * folder with the poll. A file is deleted only after `receive` is through with it: after a
 * crash it is still there.
 *
 * ```ts
 * const inbox = new Inbox({ dir: '/home/me/.pilot/inbox', pollMs: 5000 }, hooks)
 * inbox.start()
 * ```
 */
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, toFailure } from '../errors.ts'
import type { TransportHooks } from '../transport.ts'
import { Folder } from '../transports/folder.ts'
import { readInboxFile } from './answers.ts'
import { isSameFile, readSnapshot, readStamp, type Snapshot, type Stamp } from './file.ts'
import { Seen } from './seen.ts'

/**
 * Milliseconds between two looks at files that do not parse yet: a daemon took 90 ms to
 * write 10 MB. A look costs one lstat, and a read where the file has changed.
 */
const PARTIAL_DELAY = 50

/** Milliseconds that `close` waits for a `receive` that is running. */
const CLOSE_WAIT = 2000

const OWNER_HINT =
  'check who owns the folder: the daemon and this program must run as the same user'

export interface InboxOptions {
  readonly dir: string
  /** milliseconds between two looks without the watcher's word */
  readonly pollMs: number
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code

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
    await this.#folder?.close(CLOSE_WAIT)
    this.#gone = true
  }

  async #visitAll(names: string[]): Promise<void> {
    for (const name of names.sort(byArrival)) {
      if (this.#closed) return
      await this.#visit(name)
    }
    this.#lookAgain()
  }

  /** What does not parse yet is looked at soon, whatever the watcher tells. */
  #lookAgain(): void {
    clearTimeout(this.#again)
    const partial = this.#seen.partial()
    if (this.#closed || partial.length === 0) return
    this.#again = setTimeout(() => this.#folder?.wake(partial), PARTIAL_DELAY)
  }

  async #visit(name: string): Promise<void> {
    try {
      const path = join(this.#dir, name)
      const stamp = await readStamp(path)
      if (stamp === undefined) this.#seen.forget(name)
      else if (!this.#seen.leaveAgain(name, stamp)) await this.#read(name, path, stamp)
    } catch (error) {
      const code = codeOf(error)
      if (!this.#told.has(code)) this.#tell(toFailure(error))
      this.#told.add(code)
    }
  }

  async #read(name: string, path: string, stamp: Stamp): Promise<void> {
    let snapshot: Snapshot
    try {
      snapshot = await readSnapshot(path, stamp)
    } catch (error) {
      // Unreadable (another user's, say): told, and left alone until it changes.
      this.#seen.settle(name, stamp)
      throw error
    }
    if (snapshot.kind === 'too large') return this.#seen.settle(name, stamp)
    if (snapshot.kind === 'changing') return this.#seen.leave(name, stamp, true)
    const file = readInboxFile(snapshot.content)
    if (file.kind === 'partial') return this.#seen.leave(name, stamp, true)
    if (file.kind === 'foreign' || !this.#accepts(file.text))
      return this.#seen.leave(name, stamp, false)
    try {
      await this.#hooks.receive({ from: file.from, text: file.text })
    } catch (error) {
      this.#hooks.onProblem(toFailure(error))
    }
    if (!this.#gone) await this.#consume(name, path, snapshot)
  }

  #accepts(text: string): boolean {
    try {
      return this.#hooks.accepts(text)
    } catch (error) {
      this.#hooks.onProblem(toFailure(error))
      return false
    }
  }

  /**
   * Deletes the file that `snapshot` was read from, unless another message has been written
   * over it since; that one is visited next. What is left is the moment between the check
   * and the unlink: a message of 1.7.2 that comes in it, with the same millisecond in its
   * name, is lost. Later versions never reuse a name.
   */
  async #consume(name: string, path: string, snapshot: Snapshot): Promise<void> {
    this.#seen.forget(name)
    try {
      if (await isSameFile(path, snapshot)) await unlink(path)
      else this.#folder?.wake([name])
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
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
