/**
 * A file that says which process owns a folder, so that two do not work in it at once. It
 * holds the process id and the time that process started; the lock of a process that is
 * gone (killed, or its id given to another since) is taken over. Knows only the processes
 * of this host: it guards no folder that several hosts or containers share, and can only
 * tell that another one's lock lies there.
 *
 * ```ts
 * const lock = new Lock(join(dir, 'lock'))
 * await lock.hold() // rejects with `already_exists` while another owner lives
 * await lock.check() // before a write: rejects when the folder or the lock is not ours any more
 * ;(await readOwner(join(dir, 'lock')))?.pid // who has it, where somebody does
 * await isHeld(join(dir, 'lock')) // true, too, where another host has it and none can tell
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

/** Times. Each failed try means that another process took or left the lock in between. */
const MAX_TRIES = 5

const readLock = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The living process of this host that holds the lock at `path`; undefined where none does. */
export const readOwner = async (path: string): Promise<Owner | undefined> => {
  const owner = parseOwner((await readLock(path)) ?? '')
  return owner && isAlive(owner) ? owner : undefined
}

/**
 * May somebody hold the lock at `path`? Where nobody can tell from here, he may: the process is
 * of another host, or the lock is not for us to read.
 */
export const isHeld = async (path: string): Promise<boolean> => {
  try {
    const owner = parseOwner((await readLock(path)) ?? '')
    if (owner === undefined) return false
    return (owner.host !== undefined && owner.host !== hostOf()) || isAlive(owner)
  } catch {
    return true // it is there, and cannot be read
  }
}

export interface LockOptions {
  /** The Failure (`already_exists`) for a lock that another has; `holder` is a sentence. */
  readonly taken?: (holder: string, owner?: Owner) => Failure
  /** Told to whoever finds it taken: see `Owner`. */
  readonly data?: string
}

const isSame = (before: FileId | undefined, now: FileId | undefined): boolean =>
  before !== undefined && now !== undefined && isSameFile(before, now)

export class Lock {
  readonly #path: string
  readonly #taken: (holder: string, owner?: Owner) => Failure
  readonly #data: string | undefined
  /** Unlike any other lock's, also of this process. */
  #text: string | undefined
  /** Of the lock and of its folder, as they were when it was taken. */
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

  /** Takes the lock, or makes sure that it is still ours; `already_exists` while another owner lives. */
  async hold(): Promise<void> {
    // Made when it is needed: to ask for the own start costs a process on some systems.
    this.#text ??= JSON.stringify({
      ...ownProcess(),
      lock: randomUUID(),
      data: this.#data,
    })
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
   * Makes sure that the folder is the one that was locked, and that the lock is ours: cheap, for
   * use before each write. A lock that was removed by hand is put back. Rejects with
   * `already_exists` where another has it by now, with `not_found` where the folder was removed,
   * moved away or replaced by another.
   */
  async check(): Promise<void> {
    if (isSame(this.#file, await fileIdOf(this.#path))) return
    await this.checkFolder()
    await this.hold()
  }

  /**
   * Rejects with `not_found` when the folder was removed, moved away or replaced by another since
   * it was locked; with the system's error when that cannot be seen.
   */
  async checkFolder(): Promise<void> {
    const dir = dirname(this.#path)
    if (!this.#folder || isSame(this.#folder, await fileIdOf(dir))) return
    throw new Failure('not_found', `"${dir}" was removed, moved or replaced while in use`, {
      hint: 'stop the agent, check that the folder is the right one, and start the agent again',
    })
  }

  /** Gives the lock back where it is still ours. */
  async release(): Promise<void> {
    const text = this.#text
    this.#file = undefined
    this.#folder = undefined
    if (text !== undefined && (await readLock(this.#path)) === text) await this.#remove(text)
  }

  /** Puts our lock there unless one is: `link` does both in one step, and with all its text. */
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
   * Removes the lock that says `expected`. Another process may do the same and place its
   * own before our hand is on it: so first move it away, then look, and put back what lives.
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
