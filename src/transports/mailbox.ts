/**
 * Agents of one host over a folder, no Pilot and no network needed.
 *
 * ```ts
 * const a = new MailboxTransport({ dir: '/tmp/swarm', address: 'a' })
 * await a.open(hooks)
 * await a.send('b', 'hello') // b may be busy, or be started again just now: the message waits
 * await a.leave(1000)        // ends for good: what has come is handed over, the box goes
 * await a.close()
 * ```
 *
 * Each address that is open has a folder in it (box.ts), each message a file in that
 * (message-file.ts).
 *
 * Who may write to the folder may claim any name: `from` is what the writer put into the
 * file's name, and nothing proves it. Give the folder to nobody you do not trust.
 */
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure, isFailure, toFailure } from '../errors.ts'
import type { Incoming, Transport, TransportHooks } from '../transport.ts'
import { ADDRESS, Box, listBoxes } from './box.ts'
import { accepted, deliver, MAX_BATCH, MAX_BATCH_BYTES } from './delivery.ts'
import { Folder } from './folder.ts'
import { Lock } from './lock.ts'
import { FileNames, MAX_MESSAGE_BYTES, parseName, readMessage } from './message-file.ts'

/** Messages. Each send lists the receiver's folder: 1,000 names cost about half a millisecond. */
const MAX_WAITING = 1_000

/** Milliseconds. The watcher sees messages at once; this is for where it does not work. */
const POLL_MS = 2_000

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

/** Times. Each failed try means that another process removed the folder in between. */
const MAKE_TRIES = 5

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
  #box: Box
  readonly #names: FileNames
  #state: 'new' | 'opening' | 'open' | 'closed' = 'new'
  #hooks: TransportHooks | undefined
  #folder: Folder | undefined
  /** The look under way. */
  #looking: Promise<void> | undefined
  #leaving: Promise<void> | undefined
  /** Ends the wait of `leave`. */
  #endLeave: (() => void) | undefined
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
    this.#box = new Box(dir, address)
    this.#lock = new Lock(this.#box.lock)
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
    this.#box = new Box(this.#dir, this.#name)
    this.#leaving = undefined
    this.#passed.clear()
    this.#unread.clear()
    try {
      await inFolder(this.#box.path, async () => {
        await this.#make()
        await this.#box.sweep()
      })
    } catch (error) {
      if (this.#isOpening()) this.#state = 'new'
      await Promise.allSettled([this.#box.removeEmpty()]) // the first error is the one that says why
      throw error
    }
    if (!this.#isOpening()) {
      await this.#box.shut()
      await this.#release()
      throw this.#notOpen()
    }
    this.#state = 'open'
    this.#hooks = hooks
    this.#folder = new Folder({
      dir: this.#box.inbox,
      pollMs: this.#pollMs,
      look: (names) => {
        this.#looking = this.#look(names, hooks)
        return this.#looking
      },
      onMissing: () => this.#remake(hooks),
      onProblem: hooks.onProblem,
    })
  }

  /**
   * Resolves when the message lies in the peer's mailbox. `not_found` where no agent has `to` open,
   * `not_running` where nobody has read there for a while, as it was killed or was closed without
   * `leave`; `inbox_full` where too much waits (sends at one moment may overshoot).
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

  /** The names whose mailbox somebody has open now, as far as can be told from here: see `listBoxes`. */
  async discover(): Promise<readonly string[]> {
    if (this.#state !== 'open') throw this.#notOpen()
    const { open } = await inFolder(this.#dir, () => listBoxes(this.#dir))
    return open.filter((name) => name !== this.#name)
  }

  /** The name itself, whether anybody has it open or not. */
  async resolve(name: string): Promise<string> {
    return validateAddress(name)
  }

  /**
   * Nobody can send to it any more; what has come is handed over, but none of it where `handOverMs`
   * is 0. Then `close` removes the mailbox, unless something in it was not taken: that is there at
   * the next `open`.
   */
  leave(handOverMs: number): Promise<void> {
    const hooks = this.#hooks
    if (this.#state !== 'open' || !hooks) return Promise.resolve()
    this.#leaving ??= this.#leave(hooks, handOverMs)
    return this.#leaving
  }

  /**
   * Waits for a `receive` in progress, for a second at most. Without `leave` the mailbox and what
   * waits in it stay, for the next `open`.
   */
  async close(): Promise<void> {
    const was = this.#state
    this.#state = 'closed'
    if (was !== 'open') return
    this.#endLeave?.()
    await this.#leaving
    await this.#folder?.close()
    try {
      await this.#release()
    } catch (error) {
      this.#hooks?.onProblem(toFailure(error))
    }
  }

  async #leave(hooks: TransportHooks, handOverMs: number): Promise<void> {
    try {
      await this.#folder?.close(0)
      await this.#lock.hold() // another may have it since somebody removed the folder
      await this.#box.shut()
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') hooks.onProblem(toFailure(error))
      return
    }
    if (handOverMs <= 0 || this.#state !== 'open') return
    let late: NodeJS.Timeout | undefined
    const bound = new Promise<void>((resolve) => {
      this.#endLeave = resolve
      late = setTimeout(resolve, handOverMs)
    })
    await Promise.race([this.#handOver(hooks), bound])
    clearTimeout(late)
  }

  /** What has come and was not looked at, when the look under way is over. Never rejects. */
  async #handOver(hooks: TransportHooks): Promise<void> {
    try {
      await Promise.allSettled([this.#looking])
      const names = await readdir(this.#box.inbox)
      await this.#consume(names.sort(), hooks)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') hooks.onProblem(toFailure(error))
    }
  }

  /** Gives the mailbox back, and after `leave` removes what is empty of it. */
  async #release(): Promise<void> {
    const { isShut } = this.#box
    if (isShut) await this.#box.clear()
    await this.#lock.release()
    if (isShut) await this.#box.removeEmpty()
  }

  /** Asked after an await, when `close` may have been called. */
  #isOpening(): boolean {
    return this.#state === 'opening'
  }

  #notOpen(): Failure {
    const why = this.#state === 'closed' ? 'is closed' : 'is not open'
    return new Failure('closed', `the mailbox "${this.#name}" ${why}`)
  }

  /** The lock comes first: what another is about to remove must not be made again. */
  async #make(): Promise<void> {
    for (let left = MAKE_TRIES; ; left--) {
      await mkdir(this.#box.path, { recursive: true })
      try {
        await this.#lock.hold()
        break
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || left <= 1) throw error
      }
    }
    await this.#box.make()
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
    await this.#consume(names, hooks)
    if (this.#state !== 'open') return
    const present = new Set(names)
    for (const kept of [this.#passed, this.#unread]) {
      for (const name of kept) if (!present.has(name)) kept.delete(name)
    }
    if (this.#box.isToSweep) await this.#box.sweep()
  }

  /** Reads in parallel, hands on in the order of sending, and removes what was handed on. */
  async #consume(present: readonly string[], hooks: TransportHooks): Promise<void> {
    const names = present.filter((name) => !this.#passed.has(name))
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
