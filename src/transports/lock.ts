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
 * (await readOwner(join(dir, 'lock')))?.pid // who has it, where somebody does
 * await isHeld(join(dir, 'lock')) // true, too, where another host has it and none can tell
 * await lock.release()
 * ```
 */
import { randomUUID } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { Failure } from '../errors.ts'

/** Times. Each failed try means that another process took or left the lock in between. */
const TRIES = 5

export interface Owner {
  readonly pid: number
  /** when the process started, in clock ticks since the host did; empty where nobody tells */
  readonly start: string
  /** among whose processes the id was given out; absent in locks of older versions */
  readonly host?: string
}

/** This host, or the container: two that share a name still count their processes apart. */
const hostOf = (): string => {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`
  } catch {
    return hostname() // no such file system
  }
}

const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code

/** For when a process started that has ended, and whose parent has not asked how. */
const DEAD = 'dead'

/** The 22nd field of /proc/PID/stat; empty on systems without. */
const startOf = (pid: number): string => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const [state, ...rest] = fields.slice(fields.lastIndexOf(')') + 2).split(' ')
    return state === 'Z' ? DEAD : (rest[18] ?? '')
  } catch {
    return '' // no such file system or no such process: the caller asks by signal too
  }
}

/** Does that very process live, and not another that was given its id since? */
export const isAlive = ({ pid, start }: Owner): boolean => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false // EPERM: it lives, as somebody else's
  }
  const now = startOf(pid)
  return now !== DEAD && (start === '' || now === '' || now === start)
}

/** Undefined for what no Lock wrote: such a file belongs to nobody. */
const parseOwner = (text: string): Owner | undefined => {
  try {
    const { pid, start, host } = JSON.parse(text) as Partial<Record<keyof Owner, unknown>>
    if (typeof pid !== 'number' || !(pid > 0) || typeof start !== 'string') return undefined
    return { pid, start, ...(typeof host === 'string' && { host }) }
  } catch {
    return undefined // not JSON
  }
}

const readLock = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
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

export class Lock {
  readonly #path: string
  /** Unlike any other lock's, also of this process. */
  readonly #text = JSON.stringify({
    pid: process.pid,
    start: startOf(process.pid),
    host: hostOf(),
    lock: randomUUID(),
  })

  constructor(path: string) {
    this.#path = path
  }

  /** Takes the lock, or makes sure that it is still ours; `already_exists` while another owner lives. */
  async hold(): Promise<void> {
    for (let left = TRIES; left > 0; left--) {
      const found = await readLock(this.#path)
      if (found === this.#text) return
      if (found === undefined) {
        await this.#place()
        continue
      }
      const owner = parseOwner(found)
      if (owner && isAlive(owner)) throw this.#taken(`process ${owner.pid} has it`)
      await this.#remove(found)
    }
    throw this.#taken('several processes want it at once')
  }

  /** Gives the lock back where it is still ours. */
  async release(): Promise<void> {
    if ((await readLock(this.#path)) === this.#text) await this.#remove(this.#text)
  }

  /** Puts our lock there unless one is: `link` does both in one step, and with all its text. */
  async #place(): Promise<void> {
    const made = `${this.#path}.${randomUUID()}`
    try {
      await writeFile(made, this.#text, { flag: 'wx' })
      await link(made, this.#path)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
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
      if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error
    } finally {
      await rm(away, { force: true })
    }
  }

  #taken(why: string): Failure {
    return new Failure('already_exists', `"${this.#path}" is taken: ${why}`, {
      hint: 'Stop the other agent, or choose another folder or name for this one.',
    })
  }
}
