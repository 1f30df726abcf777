/**
 * Calls `look` whenever something in a folder changes. A watcher reports new files at once, and a slow
 * poll finds what watchers miss on network file systems or after the inotify watches are used up. It
 * does not read or change the files.
 *
 * ```ts
 * const folder = new Folder({
 *   dir, pollMs: 2000, onProblem,
 *   look: async (names) => { for (const name of names) await consume(join(dir, name)) },
 * })
 * await folder.close()
 * ```
 *
 * - While polls find nothing that the watcher has not reported, the pauses between them grow.
 * - `look` gets all names in the folder, sorted, and runs one at a time. Changes while it runs cause
 *   one further look, so no new file is missed, and a half-written file is seen again when its writer
 *   goes on.
 * - `lookAt`, if it is given, gets the names that the watcher reported, so a new file costs no listing
 *   of a folder that other programs may fill. `look` then runs with the poll, and when another folder
 *   has taken the name.
 * - The folder may be created later, and may vanish and come back: the poll finds it. `onMissing`, if
 *   it is given, is called each time it is missing, and may create it.
 * - If `look` rejects, or the folder cannot be read or watched, `onProblem` is called, once for the
 *   same problem until it is over. The poll goes on.
 */
import { type FSWatcher, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Failure, systemCodeOf, toFailure } from '../errors.ts'
import { within } from '../within.ts'

/**
 * Milliseconds that `close` waits for a running look by default: long enough to consume one message.
 * A look that never ends must not stop a process from ending.
 */
const CLOSE_WAIT_MS = 1_000

/** Milliseconds between two looks for a missing folder, unless the poll is faster. A look costs one failing stat. */
const MISSING_DELAY_MS = 500

/**
 * Milliseconds up to which the pause between two polls grows while they find nothing that the watcher
 * has not reported. Where watchers see nothing, as on a network file system, the first file after a
 * quiet time is found that much later at most; a poll that finds one ends that.
 */
const MAX_POLL_MS = 15_000

/** Maximum of names that are kept for the next look. Beyond it, the folder is listed instead. */
const MAX_CHANGED = 10_000

const isMissing = (error: unknown): boolean => systemCodeOf(error) === 'ENOENT'

/** The result; undefined if there is no such folder. */
const unlessMissing = async <T>(reading: Promise<T>): Promise<T | undefined> => {
  try {
    return await reading
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

export interface FolderOptions {
  readonly dir: string
  /** Milliseconds from the end of a look at all names to the next poll, at least. */
  readonly pollMs: number
  readonly look: (names: readonly string[]) => void | Promise<void>
  /** Gets the names that changed, sorted. Their files may be gone. Without it, every change causes a `look`. */
  readonly lookAt?: (changed: readonly string[]) => void | Promise<void>
  /** Called if the folder does not exist. May create it: another look follows at once. */
  readonly onMissing?: () => void | Promise<void>
  readonly onProblem: (problem: Failure) => void
}

export class Folder {
  readonly #options: FolderOptions
  #watcher: FSWatcher | undefined
  /** The folder that is watched: another one may have taken its name. */
  #watched = ''
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  /** What the next look is for: all names, and the changed ones. */
  #all = false
  readonly #changed = new Set<string>()
  #closed = false
  /** Milliseconds until the next poll, if there is a watcher. */
  #stretchedMs: number
  #isPoll = false
  /** Names of the last list, and those that the watcher has reported since. */
  #known = new Set<string>()
  /** Files that `look` has removed, and that the watcher will report. */
  readonly #removed = new Set<string>()
  /** The last problem that was reported, by its source. */
  readonly #reported = new Map<'watch' | 'look', string>()

  /** Starts to look soon, never before the constructor has returned. */
  constructor(options: FolderOptions) {
    this.#options = options
    this.#stretchedMs = options.pollMs
    this.wake()
  }

  /** To be called when `look` removes a file, so that the report of that causes no further look. */
  noteRemoved(name: string): void {
    this.#removed.add(name)
  }

  /** Looks soon, at all names or, with `lookAt`, at these. During a look, causes another one after it. */
  wake(names?: Iterable<string>): void {
    if (this.#closed) return
    const isList = !names || !this.#options.lookAt || this.#changed.size >= MAX_CHANGED
    if (isList) this.#all = true
    else for (const name of names) this.#changed.add(name)
    this.#looking ??= this.#run()
  }

  /**
   * Ends the watcher, the timer and all further looks. Resolves when a running look has ended, or after
   * `waitMs`, so `look` itself may call it.
   */
  async close(waitMs = CLOSE_WAIT_MS): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#unwatch()
    // The system closes the handle of a watcher after two turns of the event loop.
    await setImmediate()
    await setImmediate()
    if (!this.#looking) return
    await within(waitMs, this.#looking)
  }

  async #run(): Promise<void> {
    while ((this.#all || this.#changed.size > 0) && !this.#closed) {
      try {
        await this.#lookOnce()
        this.#reported.delete('look')
      } catch (error) {
        this.#report('look', toFailure(error))
      }
    }
    this.#looking = undefined
    this.#wakeIn(this.#pollMs)
  }

  get #pollMs(): number {
    return this.#watcher ? this.#stretchedMs : this.#options.pollMs
  }

  /** After a list: has the poll found what the watcher missed? */
  #stretch(names: readonly string[]): void {
    const { pollMs } = this.#options
    const missed = names.some((name) => !this.#known.has(name))
    if (this.#isPoll && missed) this.#stretchedMs = pollMs
    else if (this.#isPoll)
      this.#stretchedMs = Math.max(pollMs, Math.min(this.#stretchedMs * 2, MAX_POLL_MS))
    this.#isPoll = false
    this.#known = new Set(names)
    this.#removed.clear()
  }

  /** Keeps a timer that is running: looks at changes do not delay the poll. */
  #wakeIn(delayMs: number): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#isPoll = true
      this.wake()
    }, delayMs)
  }

  #stopTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #lookOnce(): Promise<void> {
    const { look, lookAt, onMissing } = this.#options
    const changed = [...this.#changed].sort()
    const mustList = this.#all
    this.#changed.clear()
    this.#all = false
    let place = await this.#watchCurrent()
    if (place === 'missing' && onMissing && !this.#closed) {
      await onMissing()
      place = await this.#watchCurrent()
    }
    if (place === 'missing') return this.#searchSoon()
    if (changed.length > 0 && !this.#closed) await lookAt?.(changed)
    if (place === 'same' && !mustList) return
    this.#stopTimer()
    const names = await unlessMissing(readdir(this.#options.dir))
    if (!names) return this.#searchSoon()
    this.#stretch(names)
    if (!this.#closed) await look(names.sort())
  }

  /** The folder is missing: look for it before the next poll. */
  #searchSoon(): void {
    this.#unwatch()
    this.#stopTimer()
    this.#wakeIn(Math.min(MISSING_DELAY_MS, this.#options.pollMs))
  }

  /** Watches the folder that has the name now, unless it is watched already. */
  async #watchCurrent(): Promise<'missing' | 'new' | 'same'> {
    const found = await unlessMissing(stat(this.#options.dir))
    const id = found && `${found.dev} ${found.ino} ${found.birthtimeMs}`
    if (this.#closed || id === this.#watched) return 'same'
    if (id !== undefined && this.#watch(id)) return 'new'
    this.#unwatch()
    return 'missing'
  }

  /**
   * Returns false if the folder is gone. The new watcher starts before the old one ends, so no change
   * is missed if both are of the same folder.
   */
  #watch(id: string): boolean {
    const old = this.#watcher
    try {
      this.#watcher = watch(this.#options.dir, (_event, name) => this.#onChange(name))
      this.#watcher.on('error', (error) => this.#onWatchError(error))
      this.#watched = id
      this.#reported.delete('watch')
      old?.close()
    } catch (error) {
      if (isMissing(error)) return false
      this.#onWatchError(error)
    }
    return true
  }

  /** Reports the error; the poll goes on. */
  #onWatchError(error: unknown): void {
    this.#unwatch()
    if (this.#timer) {
      this.#stopTimer()
      this.#wakeIn(this.#pollMs)
    }
    const { code, message } = toFailure(error)
    const isOutOfWatches = code === 'disk_full' // the system has one code for both
    const hint = `raise the limit of watches if it is reached; until then the folder is checked every ${this.#options.pollMs} ms`
    this.#report(
      'watch',
      new Failure(isOutOfWatches ? 'internal' : code, message, { hint, cause: error }),
    )
  }

  #onChange(name: string | null): void {
    if (name !== null && this.#removed.delete(name)) return
    if (name !== null && this.#known.size < MAX_CHANGED) this.#known.add(name)
    const isItself = name === basename(this.#options.dir) // removed, moved away or replaced
    if (isItself) this.#watched = ''
    this.wake(name === null || isItself ? undefined : [name])
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#watched = ''
  }

  #report(source: 'watch' | 'look', problem: Failure): void {
    if (this.#closed || this.#reported.get(source) === problem.message) return
    this.#reported.set(source, problem.message)
    this.#options.onProblem(problem)
  }
}
