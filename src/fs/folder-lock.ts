/**
 * The lock of a store on its folder. It is held from before the folder is read until the store is
 * closed, and keeps out other stores of any process and by any path. A folder that can be read but not
 * written is read without the lock, which is then taken before the first write.
 *
 * ```ts
 * const lock = new FolderLock(dir)
 * await lock.take()     // rejects with `already_exists` and the owner while another store has it
 * await lock.check()    // before each write
 * await lock.release()
 * ```
 */
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, isFailure, systemCodeOf } from '../errors.ts'
import { Lock } from './lock.ts'

const NAME = 'store.lock'

/** Errors of writing after which reading may still work. */
const UNWRITABLE: ReadonlySet<unknown> = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOSPC', 'EDQUOT'])

/** Only the owner, as for all files of the store. */
const DIR_MODE = 0o700

/** The lock file of the store in a folder. */
export const lockIn = (dir: string): Lock =>
  new Lock(join(dir, NAME), {
    taken: (holder) =>
      new Failure(
        'already_exists',
        `cannot open the store in "${dir}": it is open already: ${holder}`,
        { hint: 'close the other store, or choose another folder for this one' },
      ),
  })

export class FolderLock {
  readonly #dir: string
  readonly #lock: Pick<Lock, 'hold' | 'check' | 'release'>
  /** The content of the folder when it was read without the lock. */
  #unlocked: string | undefined

  constructor(dir: string, lock: Pick<Lock, 'hold' | 'check' | 'release'> = lockIn(dir)) {
    this.#dir = dir
    this.#lock = lock
  }

  /** Takes the lock, and creates a missing folder. Rejects with a Failure or an error of the system. */
  async take(): Promise<void> {
    try {
      await this.#lock.hold()
    } catch (error) {
      const code = isFailure(error) ? undefined : systemCodeOf(error)
      if (code === 'ENOENT') {
        await mkdir(this.#dir, { recursive: true, mode: DIR_MODE })
        await this.#lock.hold()
      } else if (UNWRITABLE.has(code)) this.#unlocked = await this.#look()
      else throw error
    }
  }

  /** Rejects if the folder or the lock is not ours any more, or if the folder changed before it was locked. */
  async check(): Promise<void> {
    if (this.#unlocked === undefined) return this.#lock.check()
    await this.#lock.hold()
    if ((await this.#look()) !== this.#unlocked) {
      await this.#lock.release()
      throw new Failure(
        'already_exists',
        `"${this.#dir}" was changed by another process while it could not be locked`,
        { hint: 'close this store and open it again' },
      )
    }
    this.#unlocked = undefined
  }

  async release(): Promise<void> {
    await this.#lock.release()
  }

  /** The names and sizes of all files except locks. */
  async #look(): Promise<string> {
    const names = (await readdir(this.#dir)).filter((name) => !name.startsWith(NAME)).sort()
    const sizes = await Promise.all(
      names.map(async (name) => `${name} ${(await stat(join(this.#dir, name))).size}`),
    )
    return sizes.join('\n')
  }
}
