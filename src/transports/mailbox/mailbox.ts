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
import { Failure, toFailure } from '../../errors.ts'
import { Lock } from '../../fs/lock.ts'
import { safeHooks } from '../delivery.ts'
import { Lifecycle } from '../lifecycle.ts'
import type { Transport, TransportHooks } from '../transport.ts'
import { ADDRESS, Box, listBoxes } from './box.ts'
import { inFolder, takeBox } from './mailbox-folder.ts'
import { MailReader } from './mailbox-reader.ts'
import { FileNames, MAX_MESSAGE_BYTES } from './message-file.ts'

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
    hint: 'use 1 to 64 letters, digits, dots, underscores and dashes, and no dot in front',
  })
}

/** What it has while it is open. */
interface Open {
  readonly box: Box
  readonly reader: MailReader
  readonly hooks: TransportHooks
}

export class MailboxTransport implements Transport {
  readonly kind = 'mailbox'
  readonly maxMessageBytes = MAX_MESSAGE_BYTES
  readonly #dir: string
  readonly #name: string
  readonly #pollMs: number
  readonly #maxWaiting: number
  readonly #lock: Lock
  readonly #names: FileNames
  readonly #lifecycle: Lifecycle
  #address = ''
  /** While it is open. */
  #open: Open | undefined

  constructor(options: MailboxOptions) {
    const { dir, address, pollMs = POLL_MS, maxWaiting = MAX_WAITING } = options
    if (!(pollMs > 0)) throw new TypeError(`pollMs must be above 0, not ${pollMs}`)
    if (!(maxWaiting > 0)) throw new TypeError(`maxWaiting must be above 0, not ${maxWaiting}`)
    this.#dir = dir
    this.#name = validateAddress(address)
    this.#pollMs = pollMs
    this.#maxWaiting = maxWaiting
    this.#lock = new Lock(new Box(dir, address).lock)
    this.#names = new FileNames(address)
    this.#lifecycle = new Lifecycle(`the mailbox "${address}"`)
  }

  get address(): string {
    return this.#address
  }

  /** `already_exists` while another transport, here or in another process, has the address. */
  open(given: TransportHooks): Promise<void> {
    const hooks = safeHooks(given)
    return this.#lifecycle.open(async (opening) => {
      const box = new Box(this.#dir, this.#name)
      try {
        await inFolder(box.path, async () => {
          await takeBox(box, this.#lock)
          await box.sweep()
        })
      } catch (error) {
        // The first error is the one that says why.
        await Promise.allSettled([this.#lock.release()])
        await Promise.allSettled([box.removeEmpty()])
        throw error
      }
      if (opening.isOver) {
        await box.shut()
        await this.#release(box)
        throw this.#lifecycle.closed()
      }
      this.#address = this.#name
      const reader = new MailReader({ box, lock: this.#lock, pollMs: this.#pollMs, hooks })
      this.#open = { box, reader, hooks }
    })
  }

  /**
   * Resolves when the message lies in the peer's mailbox. `not_found` where no agent has `to` open,
   * `not_running` where nobody has read there for a while, as it was killed or was closed without
   * `leave`; `inbox_full` where too much waits (sends at one moment may overshoot).
   */
  async send(to: string, text: string): Promise<void> {
    if (!this.#open) throw this.#lifecycle.closed()
    const bytes = Buffer.from(text, 'utf8')
    if (bytes.length > MAX_MESSAGE_BYTES) {
      throw new Failure(
        'too_large',
        `the message has ${bytes.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed`,
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
    if (!this.#open) throw this.#lifecycle.closed()
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
  async leave(handOverMs: number): Promise<void> {
    await this.#open?.reader.leave(handOverMs)
  }

  /**
   * Waits for a `receive` in progress, for a second at most. Without `leave` the mailbox and what
   * waits in it stay, for the next `open`.
   */
  close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    return this.#lifecycle.close(async () => {
      if (!open) return
      await open.reader.close()
      try {
        await this.#release(open.box)
      } catch (error) {
        open.hooks.onProblem(toFailure(error))
      }
    })
  }

  /** Gives the mailbox back, and after `leave` removes what is empty of it. */
  async #release(box: Box): Promise<void> {
    const { isShut } = box
    if (isShut) await box.clear()
    await this.#lock.release()
    if (isShut) await box.removeEmpty()
  }
}
