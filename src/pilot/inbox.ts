/**
 * Takes our messages out of the inbox folder that the daemon fills. The folder is shared
 * with everything else the agent receives: a file that is not ours is read once, never
 * touched, and not read again.
 *
 * A watcher tells of a new file at once; a slow poll is the net below it, since a watcher
 * may be silent (network file systems) and the folder may appear late or vanish. A file is
 * deleted only after `receive` is through with it: after a crash it is still there.
 *
 * ```ts
 * const inbox = new Inbox({ dir: '/home/me/.pilot/inbox', pollMs: 5000 }, hooks)
 * inbox.start()
 * ```
 */
import { type FSWatcher, watch } from 'node:fs'
import { readdir, unlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Failure, toFailure } from '../errors.ts'
import type { TransportHooks } from '../transport.ts'
import { readInboxFile } from './answers.ts'
import { isSame, isSameFile, readSnapshot, readStamp, type Snapshot, type Stamp } from './file.ts'

/**
 * Milliseconds between two looks at files that do not parse yet: a daemon took 90 ms to
 * write 10 MB. A look costs one lstat, and a read where the file has changed.
 */
const PARTIAL_DELAY = 50

/** Milliseconds without a change after which what does not parse is taken for damaged: a guess, well above the slowest write. */
const PARTIAL_SETTLE = 30_000

/** Files that do not parse, looked at between polls: a daemon writes a few at a time. The others wait for the poll. */
const MAX_PARTIAL = 64

/**
 * Milliseconds after which a file of others is finished. 1.7.2 names files by the
 * millisecond and may overwrite one, with ours too, but not after that millisecond.
 */
const FOREIGN_SETTLE = 2000

/** Milliseconds between two looks for a folder that is not there. A look costs one failing readdir. */
const MISSING_DELAY = 500

/** Names that the watcher told of, kept until they are visited; beyond it the folder is listed instead. */
const MAX_DIRTY = 10_000

/** Milliseconds that `close` waits for a `receive` that is running. */
const CLOSE_WAIT = 2000

export interface InboxOptions {
  readonly dir: string
  /** milliseconds between two looks without the watcher's word */
  readonly pollMs: number
}

/** A file that was looked at and left where it is. */
interface Seen {
  readonly stamp: Stamp
  readonly isPartial: boolean
  /** our monotonic clock when this stamp was first seen, in milliseconds */
  readonly since: number
  /** not looked at again until the watcher tells of it */
  readonly isSettled: boolean
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
  /** At most as many as the folder holds files: names that are gone are dropped at each listing. */
  #seen = new Map<string, Seen>()
  readonly #dirty = new Set<string>()
  /** Trouble that was told and has not passed: told once, not at every poll. */
  readonly #told = new Set<string>()
  #mustList = true
  #isMissing = false
  #watcher: FSWatcher | undefined
  #poll: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined
  #work: Promise<void> | undefined
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
    this.#tick()
  }

  /**
   * Nothing is delivered once it has resolved. A `receive` that runs is waited for, at most
   * 2 s; where it takes longer (or itself waits for this) its message stays in the folder. May be called
   * twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#closed = true
    this.#unwatch()
    clearTimeout(this.#poll)
    clearTimeout(this.#again)
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, CLOSE_WAIT)
    })
    await Promise.race([this.#work, patience])
    clearTimeout(timer)
    this.#gone = true
    // The system's handle of a closed watcher is gone after two turns of the event loop.
    await setImmediate()
    await setImmediate()
  }

  /** One poll: a new watcher, since the old one may watch a folder that was replaced, and a listing. */
  #tick(): void {
    if (this.#closed) return
    this.#poll = undefined
    this.#watch()
    this.#mustList = true
    this.#wake()
  }

  /** The new watcher starts before the old one ends, so that no event falls between them. */
  #watch(): void {
    const old = this.#watcher
    this.#watcher = undefined
    try {
      const watcher = watch(this.#dir, (_event, name) => this.#onEvent(name))
      watcher.on('error', (error) => {
        watcher.close()
        this.#tell('watch', error)
      })
      this.#watcher = watcher
      this.#told.delete('watch')
    } catch (error) {
      // A folder that is not there yet is no trouble: it appears with the first message.
      if (codeOf(error) !== 'ENOENT') this.#tell('watch', error)
    }
    old?.close()
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
  }

  #onEvent(name: string | null): void {
    if (name === basename(this.#dir)) {
      // The folder itself was removed or replaced.
      clearTimeout(this.#poll)
      this.#tick()
      return
    }
    if (name === null || this.#dirty.size >= MAX_DIRTY) this.#mustList = true
    else if (isMessageName(name)) this.#dirty.add(name)
    this.#wake()
  }

  #wake(): void {
    if (this.#closed || this.#work) return
    this.#work = this.#run()
      .catch((error: unknown) => this.#tell('inbox', error))
      .finally(() => {
        this.#work = undefined
        this.#schedule()
      })
  }

  async #run(): Promise<void> {
    while (!this.#closed && (this.#mustList || this.#dirty.size > 0)) {
      const names = new Set(this.#dirty)
      this.#dirty.clear()
      if (this.#mustList) for (const name of await this.#list()) names.add(name)
      for (const name of [...names].sort(byArrival)) {
        if (this.#closed) return
        await this.#visit(name)
      }
    }
  }

  /** Sets the timers for the next look. The poll keeps its pace however many events come between. */
  #schedule(): void {
    if (this.#closed) return
    if (this.#mustList || this.#dirty.size > 0) {
      this.#wake()
      return
    }
    if (this.#isMissing) {
      clearTimeout(this.#poll)
      this.#poll = setTimeout(() => this.#tick(), Math.min(MISSING_DELAY, this.#pollMs))
    }
    this.#poll ??= setTimeout(() => this.#tick(), this.#pollMs)
    clearTimeout(this.#again)
    const partial = this.#partial()
    if (partial.length === 0) return
    this.#again = setTimeout(() => {
      for (const name of partial) this.#dirty.add(name)
      this.#wake()
    }, PARTIAL_DELAY)
  }

  #partial(): string[] {
    const names: string[] = []
    for (const [name, { isPartial, isSettled }] of this.#seen) {
      if (isPartial && !isSettled) names.push(name)
      if (names.length === MAX_PARTIAL) break
    }
    return names
  }

  /** Names that are new or may still change. What is settled costs its place in the listing, nothing more. */
  async #list(): Promise<string[]> {
    this.#mustList = false
    let names: string[] = []
    try {
      const entries = await readdir(this.#dir, { withFileTypes: true })
      names = entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
      this.#isMissing = false
      this.#told.delete('inbox')
    } catch (error) {
      this.#isMissing = codeOf(error) === 'ENOENT'
      if (!this.#isMissing) this.#tell('inbox', error)
    }
    const before = this.#seen
    this.#seen = new Map()
    const open: string[] = []
    for (const name of names.filter(isMessageName)) {
      const seen = before.get(name)
      if (seen) this.#seen.set(name, seen)
      if (!seen?.isSettled) open.push(name)
    }
    return open
  }

  async #visit(name: string): Promise<void> {
    try {
      const path = join(this.#dir, name)
      const stamp = await readStamp(path)
      const seen = this.#seen.get(name)
      if (stamp === undefined) this.#seen.delete(name)
      else if (seen && isSame(seen.stamp, stamp)) this.#leave(name, stamp, seen.isPartial)
      else await this.#read(name, path, stamp)
    } catch (error) {
      this.#tell(`file ${String(codeOf(error))}`, error)
    }
  }

  async #read(name: string, path: string, stamp: Stamp): Promise<void> {
    let snapshot: Snapshot
    try {
      snapshot = await readSnapshot(path, stamp)
    } catch (error) {
      // Unreadable (another user's, say): told, and left alone until it changes.
      this.#settle(name, stamp)
      throw error
    }
    if (snapshot.kind === 'too large') return this.#settle(name, stamp)
    if (snapshot.kind === 'changing') return this.#leave(name, stamp, true)
    const file = readInboxFile(snapshot.content)
    if (file.kind === 'partial') return this.#leave(name, stamp, true)
    if (file.kind === 'foreign' || !this.#accepts(file.text)) return this.#leave(name, stamp, false)
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
    this.#seen.delete(name)
    try {
      if (await isSameFile(path, snapshot)) await unlink(path)
      else this.#dirty.add(name)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      // It cannot be deleted: it must not be delivered again at every poll.
      this.#settle(name, snapshot.stamp)
      throw error
    }
  }

  #settle(name: string, stamp: Stamp): void {
    this.#seen.set(name, { stamp, isPartial: false, since: 0, isSettled: true })
  }

  /** Remembers a file that stays, and whether it still needs looks. */
  #leave(name: string, stamp: Stamp, isPartial: boolean): void {
    const now = performance.now()
    const seen = this.#seen.get(name)
    const since = seen && isSame(seen.stamp, stamp) ? seen.since : now
    const age = Math.max(now - since, Date.now() - Number(stamp.mtimeNs / 1_000_000n))
    const isSettled = age >= (isPartial ? PARTIAL_SETTLE : FOREIGN_SETTLE)
    this.#seen.set(name, { stamp, isPartial, since, isSettled })
  }

  #tell(what: string, error: unknown): void {
    if (this.#closed || this.#told.has(what)) return
    this.#told.add(what)
    const { code, message } = toFailure(error)
    const hint =
      what === 'watch'
        ? `new messages are seen every ${this.#pollMs} ms only; is the limit of watches reached?`
        : 'check who owns the folder: the daemon and this program must run as the same user'
    this.#hooks.onProblem(
      new Failure(code, `inbox ${this.#dir}: ${message}`, { hint, cause: error }),
    )
  }
}
