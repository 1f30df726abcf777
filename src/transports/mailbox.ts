/**
 * Agents of one host over a folder, no Pilot and no network needed.
 *
 * ```ts
 * const a = new MailboxTransport({ dir: '/tmp/swarm', address: 'a' })
 * await a.open(hooks)
 * await a.send('b', 'hello') // b may be away: the message waits
 * ```
 *
 * Each address has a folder in it (box.ts), each message a file in that (message-file.ts).
 *
 * Who may write to the folder may claim any name: `from` is what the writer put into the
 * file's name, and nothing proves it. Give the folder to nobody you do not trust.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, isFailure, toFailure } from '../errors.ts'
import type { Incoming, Transport, TransportHooks } from '../transport.ts'
import { Box } from './box.ts'
import { accepted, deliver, MAX_BATCH, MAX_BATCH_BYTES } from './delivery.ts'
import { Folder } from './folder.ts'
import { isHeld, Lock } from './lock.ts'
import { FileNames, MAX_MESSAGE_BYTES, parseName, readMessage } from './message-file.ts'

/** Messages. Each send lists the receiver's folder: 1,000 names cost about half a millisecond. */
const MAX_WAITING = 1_000

/** Milliseconds. The watcher sees messages at once; this is for where it does not work. */
const POLL_MS = 2_000

const ADDRESS = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/

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

/** Files read or removed at a time. More only hold more in memory. */
const READ_AT_ONCE = 32

/** A file that is a message. */
interface Found extends Incoming {
  readonly name: string
}

/** As many of the names, first to last, as one batch may hold of bytes; one at least. */
const nextBatch = (names: readonly string[]): readonly string[] => {
  let bytes = 0
  const end = names.findIndex((name, i) => {
    bytes += parseName(name)?.bytes ?? 0
    return i > 0 && bytes > MAX_BATCH_BYTES
  })
  return end < 0 ? names : names.slice(0, end)
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

export class MailboxTransport implements Transport {
  readonly kind = 'mailbox'
  readonly maxMessageBytes = MAX_MESSAGE_BYTES
  readonly #dir: string
  readonly #name: string
  readonly #pollMs: number
  readonly #maxWaiting: number
  readonly #lock: Lock
  readonly #box: Box
  readonly #names: FileNames
  #state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  #hooks: TransportHooks | undefined
  #folder: Folder | undefined
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
    this.#box = new Box(dir, address)
    this.#names = new FileNames(address)
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
      await inFolder(this.#box.path, async () => {
        await this.#make()
        await this.#box.sweep()
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
      dir: this.#box.inbox,
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
    const box = new Box(this.#dir, validateAddress(to))
    const name = this.#names.next(bytes.length) // before any wait: sends keep their order
    await inFolder(box.path, async () => {
      await box.validateRoom(bytes.length, this.#maxWaiting)
      await box.put(name, bytes)
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
      if (await isHeld(join(this.#dir, name, 'lock'))) names.push(name)
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

  /** Asked after an await, when `close` may have been called. */
  #isOpening(): boolean {
    return this.#state === 'opening'
  }

  #notOpen(): Failure {
    const why = this.#state === 'closed' ? 'is closed' : 'is not open'
    return new Failure('closed', `the mailbox "${this.#name}" ${why}`)
  }

  async #make(): Promise<void> {
    await this.#box.make()
    await this.#lock.hold()
  }

  async #remake(hooks: TransportHooks): Promise<void> {
    const { path } = this.#box
    await inFolder(path, () => this.#make())
    hooks.onProblem(
      new Failure('not_found', `the mailbox folder "${path}" was gone, and is made anew`, {
        hint: 'Messages that waited in it are lost. See who removed it.',
      }),
    )
  }

  async #look(names: readonly string[], hooks: TransportHooks): Promise<void> {
    try {
      await this.#lock.hold() // another may have it since somebody removed the folder
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return // all of it is gone: onMissing comes next
      throw error
    }
    await this.#consumeAll(
      names.filter((name) => !this.#passed.has(name)),
      hooks,
    )
    if (this.#state !== 'open') return
    const present = new Set(names)
    for (const kept of [this.#passed, this.#unread]) {
      for (const name of kept) if (!present.has(name)) kept.delete(name)
    }
    if (this.#box.isToSweep) await this.#box.sweep()
  }

  /** Reads in parallel, hands on in the order of sending, and removes what was handed on. */
  async #consumeAll(names: readonly string[], hooks: TransportHooks): Promise<void> {
    for (let at = 0; at < names.length && this.#state === 'open'; ) {
      const next = nextBatch(names.slice(at, at + MAX_BATCH))
      at += next.length
      const found: Found[] = []
      for (let i = 0; i < next.length; i += READ_AT_ONCE) {
        const read = next.slice(i, i + READ_AT_ONCE).map((name) => this.#read(name, hooks))
        for (const one of await Promise.all(read))
          if (one && this.#isOurs(one, hooks)) found.push(one)
      }
      const batch = found.map(({ from, text }) => ({ from, text }))
      const isOver = (): boolean => this.#state !== 'open'
      const taken = await deliver(hooks, batch, names.length - at, isOver)
      for (let i = 0; i < taken; i += READ_AT_ONCE) {
        const files = found.slice(i, Math.min(taken, i + READ_AT_ONCE))
        await Promise.all(files.map(({ name }) => this.#remove(name, hooks)))
      }
    }
  }

  /** The message in a file; what is no message is put aside. */
  async #read(name: string, hooks: TransportHooks): Promise<Found | undefined> {
    const named = parseName(name)
    let text: string | undefined
    try {
      if (named) text = await readMessage(join(this.#box.inbox, name), named.bytes)
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      if (!this.#unread.has(name)) hooks.onProblem(toFailure(error))
      this.#unread.add(name)
      return undefined
    }
    if (this.#state !== 'open') return undefined
    if (!named || text === undefined) {
      await this.#putAside(name, hooks)
      return undefined
    }
    return { name, from: named.from, text }
  }

  /** What is not ours stays where it is, and is asked for once. */
  #isOurs({ name, text }: Found, hooks: TransportHooks): boolean {
    const isOurs = accepted(hooks, text)
    if (!isOurs) this.#passed.add(name)
    return isOurs
  }

  async #remove(name: string, hooks: TransportHooks): Promise<void> {
    await this.#take(name, hooks, () => this.#box.remove(name))
  }

  async #putAside(name: string, hooks: TransportHooks): Promise<void> {
    await this.#take(name, hooks, () => this.#box.putAside(name))
    hooks.onProblem(
      new Failure('invalid_argument', `"${name}" is no message: it is put aside`, {
        hint: `See "${this.#box.asideOf(name)}", and remove it.`,
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
