/**
 * A file that names the process that owns a folder, so that two processes do not use it at once. It
 * holds the process id and the start time of the process. The lock of a process that has ended is
 * taken over, also if its id was reused. Only processes of this host can be checked: the lock does not
 * protect a folder that several hosts or containers share, but shows that one of another host is there.
 *
 * ```ts
 * const lock = new Lock(join(dir, 'lock'))
 * await lock.hold() // rejects with `already_exists` while another owner lives
 * await lock.check() // before a write: rejects if the folder or the lock is not ours any more
 * ;(await readOwner(join(dir, 'lock')))?.pid // the owner, if it is a live process of this host
 * await isHeld(join(dir, 'lock')) // also true for a lock of another host, which cannot be checked
 * await lock.release()
 * ```
 */
import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure, systemCodeOf } from '../errors.ts'
import { type FileId, fileIdOf, isSameFile } from './file-id.ts'
import { describeOwner, hostOf, isAlive, type Owner, ownProcess, parseOwner } from './owner.ts'

export { describeOwner, isAlive, type Owner } from './owner.ts'

/** Maximum of tries. One fails if another process takes or leaves the lock at the same time. */
const MAX_TRIES = 5

const readLock = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The live process of this host that holds the lock at `path`; undefined if there is none. */
export const readOwner = async (path: string): Promise<Owner | undefined> => {
  const owner = parseOwner((await readLock(path)) ?? '')
  return owner && isAlive(owner) ? owner : undefined
}

/**
 * May a process hold the lock at `path`? True also if that cannot be checked: the process is of
 * another host, or the lock cannot be read.
 */
export const isHeld = async (path: string): Promise<boolean> => {
  try {
    const owner = parseOwner((await readLock(path)) ?? '')
    if (owner === undefined) return false
    return (owner.host !== undefined && owner.host !== hostOf()) || isAlive(owner)
  } catch {
    return true // it exists, but cannot be read
  }
}

export interface LockOptions {
  /** Makes the Failure (`already_exists`) for a lock that another process holds; `holder` is a sentence. */
  readonly taken?: (holder: string, owner?: Owner) => Failure
  /** The data folder to write into the lock: see `Owner`. */
  readonly data?: string
}

const isSame = (before: FileId | undefined, now: FileId | undefined): boolean =>
  before !== undefined && now !== undefined && isSameFile(before, now)

export class Lock {
  readonly #path: string
  readonly #taken: (holder: string, owner?: Owner) => Failure
  readonly #data: string | undefined
  /** The text of the lock, different from that of any other lock, also of this process. */
  #text: string | undefined
  /** The lock and its folder as they were when it was taken. */
  #file: FileId | undefined
  #folder: FileId | undefined

  constructor(path: string, options: LockOptions = {}) {
    this.#path = path
    this.#data = options.data
    this.#taken =
      options.taken ??
      ((holder) =>
        new Failure('already_exists', `"${path}" is taken: ${holder}`, {
          hint: 'stop the other agent, or choose another folder or name for this one',
        }))
  }

  /** Takes the lock, or checks that it is still ours. Rejects with `already_exists` while another owner lives. */
  async hold(): Promise<void> {
    // Not in the constructor: on some systems the own start time costs a process.
    this.#text ??= JSON.stringify({
      ...ownProcess(),
      lock: randomUUID(),
      data: this.#data,
    })
    if (await this.#isUntouched()) return
    for (let left = MAX_TRIES; left > 0; left--) {
      const found = await readLock(this.#path)
      if (found === this.#text) {
        this.#file = await fileIdOf(this.#path)
        this.#folder = await fileIdOf(dirname(this.#path))
        return
      }
      if (found === undefined) {
        await this.#place(this.#text)
        continue
      }
      const owner = parseOwner(found)
      if (owner && isAlive(owner)) throw this.#taken(describeOwner(owner), owner)
      await this.#remove(found)
    }
    throw this.#taken('several processes want it at once')
  }

  /**
   * Checks that the folder is the one that was locked, and that the lock is ours. Cheap enough for each
   * write. A lock that was removed by hand is restored. Rejects with `already_exists` if another
   * process has it, and with `not_found` if the folder was removed, moved or replaced.
   */
  async check(): Promise<void> {
    if (await this.#isUntouched()) return
    await this.checkFolder()
    await this.hold()
  }

  /**
   * Rejects with `not_found` if the folder was removed, moved or replaced since it was locked, and with
   * the error of the system if that cannot be checked.
   */
  async checkFolder(): Promise<void> {
    const dir = dirname(this.#path)
    if (!this.#folder || isSame(this.#folder, await fileIdOf(dir))) return
    throw new Failure('not_found', `"${dir}" was removed, moved or replaced while in use`, {
      hint: 'stop the agent, check that the folder is the right one, and start the agent again',
    })
  }

  /** Removes the lock if it is still ours. */
  async release(): Promise<void> {
    const text = this.#text
    this.#file = undefined
    this.#folder = undefined
    if (text !== undefined && (await readLock(this.#path)) === text) await this.#remove(text)
  }

  /** Is it the file that we took? Its text is never written again. */
  async #isUntouched(): Promise<boolean> {
    return this.#file !== undefined && isSame(this.#file, await fileIdOf(this.#path))
  }

  /** Creates the lock unless there is one. `link` is atomic, and the file has its whole text. */
  async #place(text: string): Promise<void> {
    const made = `${this.#path}.${randomUUID()}`
    try {
      await writeFile(made, text, { flag: 'wx' })
      await link(made, this.#path)
    } catch (error) {
      if (systemCodeOf(error) !== 'EEXIST') throw error
    } finally {
      await rm(made, { force: true })
    }
  }

  /**
   * Removes the lock with the text `expected`. Another process may do the same and create its own in
   * between. So the lock is moved away and read, and put back if it is another one.
   */
  async #remove(expected: string): Promise<void> {
    const away = `${this.#path}.${randomUUID()}`
    try {
      await rename(this.#path, away)
      if ((await readFile(away, 'utf8')) !== expected) await link(away, this.#path)
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT' && systemCodeOf(error) !== 'EEXIST') throw error
    } finally {
      await rm(away, { force: true })
    }
  }
}
