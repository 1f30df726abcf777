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
 * - The folder need not exist yet, and may vanish and come back: it is found again by the
 *   poll. Each time it is missing `onMissing` is asked, where given, and may create it.
 * - When `look` rejects, or the folder cannot be read or watched, `onProblem` is told, but
 *   the same trouble only once until it is over; looking goes on with the poll.
 */
import { type FSWatcher, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { type Failure, toFailure } from '../errors.ts'

/**
 * Milliseconds `close` waits for a look under way. Long enough for the message in hand to
 * be consumed; a look that never ends must not keep a process from stopping.
 */
const CLOSE_WAIT = 1_000

const isMissing = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException | null)?.code === 'ENOENT'

export interface FolderOptions {
  readonly dir: string
  /** milliseconds between the end of a look and the next where nothing wakes it */
  readonly pollMs: number
  readonly look: (names: readonly string[]) => void | Promise<void>
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
  #again = false
  #closed = false
  /** the last trouble told, by where it came from */
  readonly #told = new Map<'watch' | 'look', string>()

  /** Starts to look at once, though never before the constructor has returned. */
  constructor(options: FolderOptions) {
    this.#options = options
    this.wake()
  }

  /** Looks soon; while a look is under way, once more after it. */
  wake(): void {
    if (this.#closed) return
    this.#again = true
    this.#looking ??= this.#run()
  }

  /**
   * Starts no further look, and leaves no watcher and no timer. Resolves when the look under
   * way has ended, or after one second when it does not (so `look` itself may call it).
   */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#unwatch()
    if (!this.#looking) return
    let late: NodeJS.Timeout | undefined
    const bound = new Promise<void>((resolve) => {
      late = setTimeout(resolve, CLOSE_WAIT)
    })
    await Promise.race([this.#looking, bound])
    clearTimeout(late)
  }

  async #run(): Promise<void> {
    clearTimeout(this.#timer)
    while (this.#again && !this.#closed) {
      this.#again = false
      try {
        await this.#lookOnce()
        this.#told.delete('look')
      } catch (error) {
        this.#tell('look', error)
      }
    }
    this.#looking = undefined
    if (!this.#closed) this.#timer = setTimeout(() => this.wake(), this.#options.pollMs)
  }

  async #lookOnce(): Promise<void> {
    const { look, onMissing } = this.#options
    let names = await this.#names()
    if (!names && onMissing && !this.#closed) {
      await onMissing()
      names = await this.#names()
    }
    if (names && !this.#closed) await look(names.sort())
  }

  /** What is in the folder, read after the watcher sits on it; undefined when there is none. */
  async #names(): Promise<string[] | undefined> {
    const { dir } = this.#options
    try {
      const { dev, ino, birthtimeMs } = await stat(dir)
      if (this.#closed) return undefined
      this.#watch(`${dev} ${ino} ${birthtimeMs}`)
      return await readdir(dir)
    } catch (error) {
      if (!isMissing(error)) throw error
      this.#unwatch()
      return undefined
    }
  }

  /** Sits on the folder that has the name now, unless it does already. */
  #watch(found: string): void {
    if (found === this.#watched) return
    this.#unwatch()
    try {
      this.#watcher = watch(this.#options.dir, () => this.wake())
      this.#watcher.on('error', (error) => {
        this.#unwatch()
        this.#tell('watch', error)
      })
      this.#watched = found
      this.#told.delete('watch')
    } catch (error) {
      if (isMissing(error)) throw error
      this.#tell('watch', error) // the poll goes on
    }
  }

  #unwatch(): void {
    this.#watcher?.close()
    this.#watcher = undefined
    this.#watched = ''
  }

  #tell(source: 'watch' | 'look', error: unknown): void {
    const problem = toFailure(error)
    if (this.#closed || this.#told.get(source) === problem.message) return
    this.#told.set(source, problem.message)
    this.#options.onProblem(problem)
  }
}
