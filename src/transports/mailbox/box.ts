/**
 * One agent's mailbox on disk. Any sender puts files into it; only its owner takes them out.
 *
 *     DIR/ADDRESS/new/      messages, one file each; without it no peer can send to the address
 *     DIR/ADDRESS/tmp/      messages being written; renamed into new/ when they are whole
 *     DIR/ADDRESS/left/     what new/ becomes when the owner ends: it comes back with the owner
 *     DIR/ADDRESS/damaged/  files that are not messages of ours, put aside for inspection
 *     DIR/ADDRESS/lock      the owner; without a living one, discovery does not find the mailbox
 *
 * ```ts
 * const box = new Box('/tmp/swarm', 'b')
 * await box.validateRoom(5, 1000) // rejects with `not_found`, `not_running`, `inbox_full`
 * await box.put('001790000000000-000000-1f2e3d4c-5-a.msg', Buffer.from('hello'))
 * ```
 *
 * An owner that ends removes its box, unless something in it was not read. One that was killed
 * cannot: for a while its messages wait for it, then senders are rejected until it is back.
 *
 * Apart from these Failures, methods reject with the system's errors. A message is on disk as soon
 * as the operating system says so, without `fsync`: the crash of a process neither loses nor
 * truncates a message; a power cut may lose some, and one that it truncated is put aside.
 */
import { lstat, mkdir, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, systemCodeOf } from '../../errors.ts'
import { isHeld } from '../../fs/lock.ts'
import { checkOwn, makeOwn, OWN_DIR_MODE, OWN_FILE_MODE } from '../../fs/own-folder.ts'
import { parseName } from './message-file.ts'

/** Bytes of all messages that wait in one mailbox, as a Pilot daemon keeps by default: disk, not memory. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024

/**
 * Milliseconds that the oldest message of a mailbox may wait before a sender checks whether its owner
 * lives. A restarted agent is back sooner. It also gets what it missed by repair, so a longer time
 * would only fill the disk.
 */
const AWAY_MS = 30_000

/** Messages that wait for an agent that is away: rounds and pushes of half a minute. Each costs its size on disk. */
const MAX_AWAY_MESSAGES = 100

/** Milliseconds. Writing takes far less; what is older was left by a writer that died. */
const STALE_MS = 10 * 60 * 1000

/** Files that a process leaves if it dies while it takes or releases the lock. */
const LOCK_REMNANT = /^lock\.[0-9a-f-]{36}$/

/** The names in a folder; undefined if there is no such folder. */
const namesIn = async (path: string): Promise<string[] | undefined> => {
  try {
    return await readdir(path)
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Removes a folder if it is empty. Returns whether it is gone. */
const removeEmpty = async (path: string): Promise<boolean> => {
  try {
    await rmdir(path)
    return true
  } catch (error) {
    const code = systemCodeOf(error)
    if (code === 'ENOENT') return true
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
    return false
  }
}

/** Not by `rm`, which looks at each file twice before. */
const removeFile = async (path: string): Promise<void> => {
  try {
    await unlink(path)
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error
  }
}

/** A valid name of a mailbox and of its folder. */
export const ADDRESS = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/

const WHAT = 'the mailbox folder'

/** Is it a folder of this user? Another user's is no mailbox of ours, and is not looked into. */
const isOwn = async (path: string): Promise<boolean> => {
  try {
    await checkOwn(WHAT, path)
    return true
  } catch {
    return false
  }
}

/** Checks the folder unless there is none. Rejects with `permission_denied`: see `checkOwn`. */
const checkIfThere = async (path: string): Promise<void> => {
  try {
    await checkOwn(WHAT, path)
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error
  }
}

/**
 * The addresses of the mailboxes in a swarm's folder: `open` are those with a living owner. If the
 * owner is on another host, the mailbox counts as open as long as its lock is there, because this
 * host cannot check. Rejects with the system's error.
 */
export const listBoxes = async (dir: string): Promise<{ open: string[]; gone: string[] }> => {
  const open: string[] = []
  const gone: string[] = []
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const { name } = entry
    if (!entry.isDirectory() || !ADDRESS.test(name)) continue
    if (!(await isOwn(join(dir, name)))) continue
    const isOpen = await isHeld(new Box(dir, name).lock)
    ;(isOpen ? open : gone).push(name)
  }
  return { open, gone }
}

export class Box {
  readonly path: string
  readonly #dir: string
  readonly #address: string
  #swept = 0
  #isShut = false
  #shutting: Promise<void> | undefined

  /** `dir` is the swarm's folder, `address` a valid one: it becomes the name of a folder. */
  constructor(dir: string, address: string) {
    this.path = join(dir, address)
    this.#dir = dir
    this.#address = address
  }

  /** The file that its owner locks. */
  get lock(): string {
    return join(this.path, 'lock')
  }

  /** Where messages wait; another folder after `shut`. */
  get inbox(): string {
    return this.#isShut ? this.#left : join(this.path, 'new')
  }

  get isShut(): boolean {
    return this.#isShut
  }

  get #left(): string {
    return join(this.path, 'left')
  }

  get #damaged(): string {
    return join(this.path, 'damaged')
  }

  get #drafts(): string {
    return join(this.path, 'tmp')
  }

  /** For its owner: creates missing folders, and brings back what was not read before. */
  async make(): Promise<void> {
    await makeOwn(WHAT, this.path)
    await makeOwn(WHAT, this.inbox)
    await makeOwn(WHAT, this.#drafts)
    await this.#check()
    const left = await namesIn(this.#left)
    if (!left) return
    for (const name of left) await rename(join(this.#left, name), join(this.inbox, name))
    await removeEmpty(this.#left)
  }

  /** Rejects with `permission_denied` if a folder of the box is a link, or another user's. */
  async #check(): Promise<void> {
    for (const path of [this.path, this.inbox, this.#drafts, this.#left, this.#damaged])
      await checkIfThere(path)
  }

  /** For its owner: rejects further messages. Those that have arrived are in `inbox`, as before. */
  shut(): Promise<void> {
    this.#shutting ??= this.#shut()
    return this.#shutting
  }

  async #shut(): Promise<void> {
    try {
      await rename(this.inbox, this.#left)
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error // else it was removed
    }
    this.#isShut = true
  }

  /**
   * For its owner, after `shut`: removes `inbox` if it is empty, and returns whether it is gone. Only
   * then can no further message arrive.
   */
  removeInbox(): Promise<boolean> {
    return removeEmpty(this.inbox)
  }

  /** For its owner, after `shut`: removes everything that is empty or useless, except the lock. */
  async clear(): Promise<void> {
    await removeEmpty(this.#left)
    // Messages that are being written here cannot be delivered any more; their sends reject.
    const drafts = (await namesIn(this.#drafts)) ?? []
    for (const name of drafts)
      if (parseName(name)) await rm(join(this.#drafts, name), { force: true })
    await removeEmpty(this.#drafts)
    await removeEmpty(this.#damaged)
    for (const name of (await namesIn(this.path)) ?? [])
      if (LOCK_REMNANT.test(name)) await rm(join(this.path, name), { force: true })
  }

  /** Removes the box if it is empty. */
  async removeEmpty(): Promise<void> {
    await removeEmpty(this.path)
  }

  /** Rejects if there is no room for `bytes` more, or if `maxWaiting` messages wait already. */
  async validateRoom(bytes: number, maxWaiting: number): Promise<void> {
    await this.#check()
    const names = await namesIn(this.inbox)
    if (!names) throw this.#notFound()
    const waiting = names.reduce((sum, name) => sum + (parseName(name)?.bytes ?? 0), 0)
    if ((await this.#seemsAway(names)) && !(await isHeld(this.lock))) {
      throw new Failure(
        'not_running',
        `no agent reads the mailbox "${this.#address}": its agent was killed or has stopped`,
        {
          hint: `start that agent again: it then reads the ${names.length} messages that wait`,
        },
      )
    }
    if (names.length >= maxWaiting || waiting + bytes > MAX_WAITING_BYTES) {
      throw new Failure(
        'inbox_full',
        `the mailbox "${this.#address}" holds ${names.length} messages of ${waiting} bytes already`,
        { hint: 'send again when its agent has read them' },
      )
    }
  }

  /** Has its agent read nothing for so long, or left so much, that it may be gone? The lock shows it. */
  async #seemsAway(names: readonly string[]): Promise<boolean> {
    if (names.length >= MAX_AWAY_MESSAGES) return true
    // Names sort by time, but senders choose names. The file's own time is trustworthy.
    const [first, ...others] = names
    if (first === undefined) return false
    const oldest = others.reduce((least, name) => (name < least ? name : least), first)
    try {
      const { mtimeMs } = await lstat(join(this.inbox, oldest))
      return Date.now() - mtimeMs > AWAY_MS
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return false // it was read just now
      throw error
    }
  }

  #notFound(): Failure {
    return new Failure('not_found', `no agent has opened "${this.#address}" in "${this.#dir}"`, {
      hint: 'start the agent first, and check that both use the same folder',
    })
  }

  /** Delivers a message, whole or not at all. Rejects with `not_found` if its owner has just ended. */
  async put(name: string, content: Buffer): Promise<void> {
    const written = join(this.#drafts, name)
    try {
      await this.#write(written, content)
      await rename(written, join(this.inbox, name))
    } catch (error) {
      await rm(written, { force: true })
      if (systemCodeOf(error) !== 'ENOENT') throw error
      // We may have created again what its owner removed.
      await removeEmpty(this.#drafts)
      await removeEmpty(this.path)
      throw this.#notFound()
    }
  }

  async #write(path: string, content: Buffer): Promise<void> {
    try {
      await writeFile(path, content, { flag: 'wx', mode: OWN_FILE_MODE })
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') throw error
      await this.#makeDrafts() // another program removed it
      await writeFile(path, content, { flag: 'wx', mode: OWN_FILE_MODE })
    }
  }

  /** Does not create the box itself: only its owner may. */
  async #makeDrafts(): Promise<void> {
    try {
      await mkdir(this.#drafts, { mode: OWN_DIR_MODE })
    } catch (error) {
      if (systemCodeOf(error) !== 'EEXIST') throw error // another sender was faster
    }
  }

  /** Removes a message that was read. */
  async remove(name: string): Promise<void> {
    await removeFile(join(this.inbox, name))
    if (!this.#shutting) return
    await Promise.allSettled([this.#shutting]) // it may have moved before we came
    await removeFile(join(this.inbox, name))
  }

  /** The path to which `putAside` moves a file. */
  asideOf(name: string): string {
    return join(this.#damaged, name)
  }

  async putAside(name: string): Promise<void> {
    await makeOwn(WHAT, this.#damaged)
    await rename(join(this.inbox, name), this.asideOf(name))
  }

  /** Was the last `sweep` so long ago that there may be stale files again? */
  get isToSweep(): boolean {
    return Date.now() - this.#swept > STALE_MS
  }

  /** Removes files that senders had begun to write when they died. */
  async sweep(): Promise<void> {
    this.#swept = Date.now()
    await makeOwn(WHAT, this.#drafts)
    for (const name of await readdir(this.#drafts)) {
      const path = join(this.#drafts, name)
      const found = await lstat(path).catch((error: unknown) => {
        if (systemCodeOf(error) === 'ENOENT') return undefined // its writer renamed it just now
        throw error
      })
      if (found && !found.isDirectory() && this.#swept - found.mtimeMs > STALE_MS)
        await rm(path, { force: true })
    }
  }
}
