/**
 * Agents of one host over a folder, no Pilot and no network needed.
 *
 * ```ts
 * const a = new MailboxTransport({ dir: '/tmp/swarm', address: 'a' })
 * await a.open(hooks)
 * await a.send('b', 'hello') // b may be away: the message waits
 * ```
 *
 * What lies where, for each address:
 *
 *     DIR/ADDRESS/new/      messages, one file each; their names sort by time of sending
 *     DIR/ADDRESS/tmp/      messages being written; renamed into new/ when whole
 *     DIR/ADDRESS/damaged/  files that are no message of ours, put aside for you to see
 *     DIR/ADDRESS/lock      who reads this mailbox; without a living one it is found by nobody
 *
 * A file holds the text alone. Its name, `TIME-COUNT-WRITER-BYTES-FROM.msg`, carries the
 * sender and the size, so that a mailbox is measured without opening a file.
 *
 * Who may write to the folder may claim any name: `from` is what the writer put into the
 * file's name, and nothing proves it. Give the folder to nobody you do not trust.
 *
 * A message is on disk as soon as the operating system says so, without `fsync`: the crash
 * of a process loses and halves nothing; a power cut may lose messages, and one that it
 * left too short is put aside.
 */
import { randomBytes } from 'node:crypto'
import { lstat, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, isFailure, toFailure } from '../errors.ts'
import type { Transport, TransportHooks } from '../transport.ts'
import { Folder } from './folder.ts'
import { isHeld, Lock } from './lock.ts'

/** Bytes. Far above any push of ours; a larger cap costs a reader that much memory at once. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024

/** Bytes of all messages that wait in one mailbox, as a Pilot daemon keeps by default: disk, not memory. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024

/** Messages. Each send lists the receiver's folder: 1,000 names cost about half a millisecond. */
const MAX_WAITING = 1_000

/** Milliseconds. The watcher sees messages at once; this is for where it does not work. */
const POLL_MS = 2_000

/** Milliseconds. Writing takes far less; what is older was left by a writer that died. */
const STALE_MS = 10 * 60 * 1000

const ADDRESS = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/
const FILE_NAME = /^\d{15}-\d{6}-[0-9a-f]{8}-(\d{1,9})-([A-Za-z0-9_-][A-Za-z0-9._-]{0,63})\.msg$/

export interface MailboxOptions {
  /** the swarm's folder; made where it is missing */
  readonly dir: string
  /** own name: 1 to 64 of `A-Z a-z 0-9 . _ -`, not starting with a dot */
  readonly address: string
  /** milliseconds; default 2,000 */
  readonly pollMs?: number
  /** messages a mailbox holds before a send to it rejects with `inbox_full`; default 1,000 */
  readonly maxWaiting?: number
}

const validateAddress = (address: string): string => {
  if (ADDRESS.test(address)) return address
  throw new Failure('invalid_argument', `"${address}" cannot be the name of a mailbox`, {
    hint: 'Use 1 to 64 letters, digits, dots, underscores and dashes, with no dot in front.',
  })
}

const codeOf = (error: unknown): unknown => (error as NodeJS.ErrnoException).code

/** Rejects as `work` does, but what the operating system says becomes a Failure that names the folder. */
const inFolder = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (isFailure(error)) throw error
    const { code, message } = toFailure(error)
    throw new Failure(code, `the mailbox folder "${path}" cannot be used: ${message}`, {
      hint: 'See that it exists, is readable and writable for this user, and that the disk has room.',
      cause: error,
    })
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The text of a message file; undefined for what no sender of ours leaves. */
const readMessage = async (path: string, bytes: number): Promise<string | undefined> => {
  const found = await lstat(path)
  if (!found.isFile() || found.size !== bytes || bytes > MAX_MESSAGE_BYTES) return undefined
  const content = await readFile(path)
  try {
    return decoder.decode(content)
  } catch {
    return undefined // not UTF-8
  }
}

export class MailboxTransport implements Transport {
  readonly kind = 'mailbox'
  readonly maxMessageBytes = MAX_MESSAGE_BYTES
  readonly #dir: string
  readonly #name: string
  readonly #pollMs: number
  readonly #maxWaiting: number
  readonly #lock: Lock
  /** Tells this writer's files from those of a sender of the same name before or beside it. */
  readonly #writer = randomBytes(4).toString('hex')
  #time = 0
  #count = 0
  #state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  #hooks: TransportHooks | undefined
  #folder: Folder | undefined
  #swept = 0
  /** files that are left where they lie: refused, or not to be removed */
  readonly #passed = new Set<string>()
  /** files that could not be read, to be tried again but told of once */
  readonly #unread = new Set<string>()

  constructor(options: MailboxOptions) {
    const { dir, address, pollMs = POLL_MS, maxWaiting = MAX_WAITING } = options
    if (!(pollMs > 0)) throw new TypeError(`pollMs must be above 0, not ${pollMs}`)
    if (!(maxWaiting > 0)) throw new TypeError(`maxWaiting must be above 0, not ${maxWaiting}`)
    this.#dir = dir
    this.#name = validateAddress(address)
    this.#pollMs = pollMs
    this.#maxWaiting = maxWaiting
    this.#lock = new Lock(join(dir, address, 'lock'))
  }

  get address(): string {
    return this.#state === 'new' || this.#state === 'opening' ? '' : this.#name
  }

  /** `already_exists` while another transport, here or in another process, has the address. */
  async open(hooks: TransportHooks): Promise<void> {
    if (this.#state === 'closed') throw this.#notOpen()
    if (this.#state !== 'new') {
      throw new Failure('already_exists', `the mailbox "${this.#name}" is open already`)
    }
    this.#state = 'opening'
    try {
      await inFolder(this.#path(this.#name), async () => {
        await this.#make()
        await this.#sweep()
      })
    } catch (error) {
      if (this.#isOpening()) this.#state = 'new'
      throw error
    }
    if (!this.#isOpening()) {
      await this.#lock.release()
      throw this.#notOpen()
    }
    this.#state = 'open'
    this.#hooks = hooks
    this.#folder = new Folder({
      dir: this.#path(this.#name, 'new'),
      pollMs: this.#pollMs,
      look: (names) => this.#look(names, hooks),
      onMissing: () => this.#remake(hooks),
      onProblem: hooks.onProblem,
    })
  }

  /**
   * Resolves when the message lies in the peer's mailbox. `not_found` where no agent ever
   * opened `to`; `inbox_full` where too much waits (sends at one moment may overshoot).
   */
  async send(to: string, text: string): Promise<void> {
    if (this.#state !== 'open') throw this.#notOpen()
    const bytes = Buffer.from(text, 'utf8')
    if (bytes.length > MAX_MESSAGE_BYTES) {
      throw new Failure(
        'too_large',
        `a message of ${bytes.length} bytes: at most ${MAX_MESSAGE_BYTES} are carried`,
      )
    }
    const file = this.#nextName(bytes.length)
    await inFolder(this.#path(validateAddress(to)), async () => {
      await this.#validateRoom(to, bytes.length)
      const written = this.#path(to, 'tmp', file)
      try {
        await this.#write(to, written, bytes)
        await rename(written, this.#path(to, 'new', file))
      } catch (error) {
        await rm(written, { force: true })
        throw error
      }
    })
  }

  /**
   * The names whose mailbox somebody has open now. One whose holder is of another host counts as
   * open for as long as its lock lies there: nobody can tell from here.
   */
  async discover(): Promise<readonly string[]> {
    if (this.#state !== 'open') throw this.#notOpen()
    const found = await inFolder(this.#dir, () => readdir(this.#dir, { withFileTypes: true }))
    const names: string[] = []
    for (const entry of found) {
      const { name } = entry
      if (!entry.isDirectory() || !ADDRESS.test(name) || name === this.#name) continue
      if (await isHeld(this.#path(name, 'lock'))) names.push(name)
    }
    return names
  }

  /** The name itself, whether anybody has it open or not. */
  async resolve(name: string): Promise<string> {
    return validateAddress(name)
  }

  /** Waits for a `receive` in progress, for a second at most. The folder and what waits in it stay. */
  async close(): Promise<void> {
    const was = this.#state
    this.#state = 'closed'
    if (was !== 'open') return
    await this.#folder?.close()
    try {
      await this.#lock.release()
    } catch (error) {
      this.#hooks?.onProblem(toFailure(error))
    }
  }

  #path(address: string, ...parts: string[]): string {
    return join(this.#dir, address, ...parts)
  }

  /** Asked after an await, when `close` may have been called. */
  #isOpening(): boolean {
    return this.#state === 'opening'
  }

  #notOpen(): Failure {
    const why = this.#state === 'closed' ? 'is closed' : 'is not open'
    return new Failure('closed', `the mailbox "${this.#name}" ${why}`)
  }

  async #make(): Promise<void> {
    await mkdir(this.#path(this.#name, 'new'), { recursive: true })
    await mkdir(this.#path(this.#name, 'tmp'), { recursive: true })
    await this.#lock.hold()
  }

  async #remake(hooks: TransportHooks): Promise<void> {
    const path = this.#path(this.#name)
    await inFolder(path, () => this.#make())
    hooks.onProblem(
      new Failure('not_found', `the mailbox folder "${path}" was gone, and is made anew`, {
        hint: 'Messages that waited in it are lost. See who removed it.',
      }),
    )
  }

  /** Own names sort in the order they were given out, even where the clock goes back. */
  #nextName(bytes: number): string {
    const now = Date.now()
    if (now > this.#time) {
      this.#time = now
      this.#count = 0
    } else {
      this.#count++
    }
    const time = `${this.#time}`.padStart(15, '0')
    const count = `${this.#count}`.padStart(6, '0')
    return `${time}-${count}-${this.#writer}-${bytes}-${this.#name}.msg`
  }

  async #validateRoom(to: string, bytes: number): Promise<void> {
    let names: string[]
    try {
      names = await readdir(this.#path(to, 'new'))
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      throw new Failure('not_found', `no agent has opened "${to}" in "${this.#dir}"`, {
        hint: 'Start it there first, or see whether both use the same folder.',
      })
    }
    const waiting = names.reduce((sum, name) => sum + Number(FILE_NAME.exec(name)?.[1] ?? 0), bytes)
    if (names.length >= this.#maxWaiting || waiting > MAX_WAITING_BYTES) {
      throw new Failure(
        'inbox_full',
        `the mailbox "${to}" holds ${names.length} messages of ${waiting - bytes} bytes already`,
        { hint: 'Send again when its agent runs and has read them.' },
      )
    }
  }

  async #write(to: string, path: string, bytes: Buffer): Promise<void> {
    try {
      await writeFile(path, bytes, { flag: 'wx' })
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
      await mkdir(this.#path(to, 'tmp')) // removed by somebody who took it for rubbish
      await writeFile(path, bytes, { flag: 'wx' })
    }
  }

  /** Removes what died writers left half written. */
  async #sweep(): Promise<void> {
    this.#swept = Date.now()
    const dir = this.#path(this.#name, 'tmp')
    await mkdir(dir, { recursive: true })
    for (const name of await readdir(dir)) {
      const path = join(dir, name)
      const found = await stat(path).catch((error: unknown) => {
        if (codeOf(error) === 'ENOENT') return undefined // its writer renamed it just now
        throw error
      })
      if (found && this.#swept - found.mtimeMs > STALE_MS) await rm(path, { force: true })
    }
  }

  async #look(names: readonly string[], hooks: TransportHooks): Promise<void> {
    try {
      await this.#lock.hold() // another may have it since somebody removed the folder
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return // all of it is gone: onMissing comes next
      throw error
    }
    for (const name of names) {
      if (this.#state !== 'open') return
      if (!this.#passed.has(name)) await this.#consume(name, hooks)
    }
    const present = new Set(names)
    for (const kept of [this.#passed, this.#unread]) {
      for (const name of kept) if (!present.has(name)) kept.delete(name)
    }
    if (Date.now() - this.#swept > STALE_MS) await this.#sweep()
  }

  /** Hands one message on and removes it, whatever is wrong with it: the next must get its turn. */
  async #consume(name: string, hooks: TransportHooks): Promise<void> {
    const path = this.#path(this.#name, 'new', name)
    const [, bytes, from] = FILE_NAME.exec(name) ?? []
    let text: string | undefined
    try {
      if (from !== undefined) text = await readMessage(path, Number(bytes))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      if (!this.#unread.has(name)) hooks.onProblem(toFailure(error))
      this.#unread.add(name)
      return
    }
    if (this.#state !== 'open') return
    if (from === undefined || text === undefined) return this.#putAside(name, hooks)
    try {
      if (!hooks.accepts(text)) {
        this.#passed.add(name)
        return
      }
      await hooks.receive({ from, text })
    } catch (error) {
      hooks.onProblem(toFailure(error))
    }
    await this.#take(name, hooks, () => rm(path, { force: true }))
  }

  async #putAside(name: string, hooks: TransportHooks): Promise<void> {
    const aside = this.#path(this.#name, 'damaged', name)
    await this.#take(name, hooks, async () => {
      await mkdir(this.#path(this.#name, 'damaged'), { recursive: true })
      await rename(this.#path(this.#name, 'new', name), aside)
    })
    hooks.onProblem(
      new Failure('invalid_argument', `"${name}" is no message: it is put aside`, {
        hint: `See "${aside}", and remove it.`,
      }),
    )
  }

  /** Takes a file out of new/; where that fails it stays, and is not looked at again. */
  async #take(name: string, hooks: TransportHooks, take: () => Promise<void>): Promise<void> {
    try {
      await take()
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return
      this.#passed.add(name)
      hooks.onProblem(toFailure(error))
    }
  }
}
