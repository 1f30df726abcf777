/**
 * A folder that is looked through whenever something in it changes: a watcher, so that a
 * new file is seen at once, and a slow poll as the net under it, because watchers miss
 * things (network file systems, exhausted inotify watches). Knows nothing of what the
 * files say, and touches none of them.
 *
 * ```ts
 * const folder = new Folder({
 *   dir, pollMs: 2000, onProblem,
 *   look: async (names) => { for (const name of names) await consume(join(dir, name)) },
 * })
 * await folder.close()
 * ```
 *
 * - `look` gets all names in the folder, sorted, and runs one at a time. Changes while it
 *   runs are coalesced into one further look, so a file that came in meanwhile is not missed,
 *   and a file that was half written is seen again when its writer goes on.
 * - Where `lookAt` is given it gets the names that the watcher told of, so that a new file
 *   costs no listing: for a folder that may be full of what belongs to others. `look` then
 *   comes with the poll, and where the folder is another one than before.
 * - The folder need not exist yet, and may vanish and come back: it is found again by the
 *   poll. Each time it is missing `onMissing` is asked, where given, and may create it.
 * - When `look` rejects, or the folder cannot be read or watched, `onProblem` is told, but
 *   the same trouble only once until it is over; looking goes on with the poll.
 */
import { type FSWatcher, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Failure, systemCodeOf, toFailure } from '../errors.ts'
import { within } from '../within.ts'

/**
 * Milliseconds `close` waits for a look under way, unless told otherwise. Long enough for the
 * message in hand to be consumed; a look that never ends must not keep a process from stopping.
 */
const CLOSE_WAIT_MS = 1_000

/** Milliseconds between two looks for a folder that is missing, or less where the poll is faster. A look costs one failing stat. */
const MISSING_DELAY_MS = 500

/** Names that the watcher told of, kept for the next look; beyond it the folder is listed instead. */
const MAX_CHANGED = 10_000

const isMissing = (error: unknown): boolean => systemCodeOf(error) === 'ENOENT'

/** The result, undefined where there is no such folder. */
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
  /** milliseconds between the end of a look at all names and the next where nothing wakes it */
  readonly pollMs: number
  readonly look: (names: readonly string[]) => void | Promise<void>
  /** Names that changed, sorted; a file of theirs may be gone. Without it every change leads to a `look`. */
  readonly lookAt?: (changed: readonly string[]) => void | Promise<void>
  /** The folder does not exist. May create it: it is looked for once more right after. */
  readonly onMissing?: () => void | Promise<void>
  readonly onProblem: (problem: Failure) => void
}

export class Folder {
  readonly #options: FolderOptions
  #watcher: FSWatcher | undefined
  /** which folder the watcher sits on: another may have taken its name */
  #watched = ''
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  /** what the next look is at: all names, and these */
  #all = false
  readonly #changed = new Set<string>()
  #closed = false
  /** the last trouble told, by where it came from */
  readonly #told = new Map<'watch' | 'look', string>()

  /** Starts to look at once, though never before the constructor has returned. */
  constructor(options: FolderOptions) {
    this.#options = options
    this.wake()
  }

  /** Looks soon, at all names or with `lookAt` at these; while a look is under way, once more after it. */
  wake(names?: Iterable<string>): void {
    if (this.#closed) return
    const isList = !names || !this.#options.lookAt || this.#changed.size >= MAX_CHANGED
    if (isList) this.#all = true
    else for (const name of names) this.#changed.add(name)
    this.#looking ??= this.#run()
  }

  /**
   * Starts no further look, and leaves no watcher and no timer. Resolves when the look under
   * way has ended, or after `waitMs` when it does not (so `look` itself may call it).
   */
  async close(waitMs = CLOSE_WAIT_MS): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#unwatch()
    // The system's handle of a closed watcher is gone after two turns of the event loop.
    await setImmediate()
    await setImmediate()
    if (!this.#looking) return
    await within(waitMs, this.#looking)
  }

  async #run(): Promise<void> {
    while ((this.#all || this.#changed.size > 0) && !this.#closed) {
      try {
        await this.#lookOnce()
        this.#told.delete('look')
      } catch (error) {
        this.#tell('look', toFailure(error))
      }
    }
    this.#looking = undefined
    this.#wakeIn(this.#options.pollMs)
  }

  /** Leaves a timer that runs already alone: looks at changes do not put the poll off. */
  #wakeIn(delayMs: number): void {
    if (this.#closed) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
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
    let place = await this.#sit()
    if (place === 'missing' && onMissing && !this.#closed) {
      await onMissing()
      place = await this.#sit()
    }
    if (place === 'missing') return this.#searchSoon()
    if (changed.length > 0 && !this.#closed) await lookAt?.(changed)
    if (place === 'same' && !mustList) return
    this.#stopTimer()
    const names = await unlessMissing(readdir(this.#options.dir))
    if (!names) return this.#searchSoon()
    if (!this.#closed) await look(names.sort())
  }

  /** The folder is missing: it is looked for before the poll. */
  #searchSoon(): void {
    this.#unwatch()
    this.#stopTimer()
    this.#wakeIn(Math.min(MISSING_DELAY_MS, this.#options.pollMs))
  }

  /** Sits on the folder that has the name now, unless it does already. */
  async #sit(): Promise<'missing' | 'new' | 'same'> {
    const found = await unlessMissing(stat(this.#options.dir))
    const id = found && `${found.dev} ${found.ino} ${found.birthtimeMs}`
    if (this.#closed || id === this.#watched) return 'same'
    if (id !== undefined && this.#watch(id)) return 'new'
    this.#unwatch()
    return 'missing'
  }

  /**
   * False where the folder is gone. The new watcher starts before the old one ends: they may
   * sit on the same folder, and miss nothing in it.
   */
  #watch(id: string): boolean {
    const old = this.#watcher
    try {
      this.#watcher = watch(this.#options.dir, (_event, name) => this.#onChange(name))
      this.#watcher.on('error', (error) => this.#onWatchError(error))
      this.#watched = id
      this.#told.delete('watch')
      old?.close()
    } catch (error) {
      if (isMissing(error)) return false
      this.#onWatchError(error)
    }
    return true
  }

  /** The poll goes on. */
  #onWatchError(error: unknown): void {
    this.#unwatch()
    const { code, message } = toFailure(error)
    const isOutOfWatches = code === 'disk_full' // the system has one code for both
    const hint = `raise the limit of watches if it is reached; until then the folder is checked every ${this.#options.pollMs} ms`
    this.#tell(
      'watch',
      new Failure(isOutOfWatches ? 'internal' : code, message, { hint, cause: error }),
    )
  }

  #onChange(name: string | null): void {
    const isItself = name === basename(this.#options.dir) // removed, moved away or replaced
    if (isItself) this.#watched = ''
    this.wake(name === null || isItself ? undefined : [name])
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#watched = ''
  }

  #tell(source: 'watch' | 'look', problem: Failure): void {
    if (this.#closed || this.#told.get(source) === problem.message) return
    this.#told.set(source, problem.message)
    this.#options.onProblem(problem)
  }
}
