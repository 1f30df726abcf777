/**
 * Exchanges messages between agents of one host through a folder, without Pilot or a network.
 *
 * ```ts
 * const a = new MailboxTransport({ dir: '/tmp/swarm', address: 'a' })
 * await a.open(hooks)
 * await a.send('b', 'hello') // if b is busy or restarting, the message waits
 * await a.leave(1000)        // for good: hands over what has arrived, removes the mailbox
 * await a.close()
 * ```
 *
 * Each open address has a subfolder (box.ts), and each message is a file in it (message-file.ts).
 *
 * Any user who can write to the folder can claim any name: `from` is part of the file name, and
 * nothing proves it. Let only trusted users write there.
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

/** Messages in a mailbox. Each send lists the folder of the receiver: 1,000 names take half a millisecond. */
const MAX_WAITING = 1_000

/** Milliseconds. The watcher reports messages at once; the poll is for file systems on which it fails. */
const POLL_MS = 2_000

export interface MailboxOptions {
  /** The folder of the swarm; created if it is missing. */
  readonly dir: string
  /** Its own name: 1 to 64 of `A-Z a-z 0-9 . _ -`, not starting with a dot. */
  readonly address: string
  /** Milliseconds between two polls; default 2,000, up to 15,000 while the watcher misses nothing. */
  readonly pollMs?: number
  /** Messages in a mailbox above which a send to it rejects with `inbox_full`; default 1,000. */
  readonly maxWaiting?: number
}

const validateAddress = (address: string): string => {
  if (ADDRESS.test(address)) return address
  throw new Failure('invalid_argument', `"${address}" cannot be the name of a mailbox`, {
    hint: 'use 1 to 64 letters, digits, dots, underscores and dashes, and no dot in front',
  })
}

/** What the transport has while it is open. */
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
  /** Undefined while it is closed. */
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

  /** Rejects with `already_exists` while another transport, in any process, has the address. */
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
        // The first error is the cause.
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
   * Resolves when the message is in the mailbox of the peer. Rejects with `not_found` if no agent has
   * opened `to`, with `not_running` if its agent was killed or closed without `leave` some time ago,
   * and with `inbox_full` if too many messages wait (concurrent sends may exceed the limit).
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
    const name = this.#names.next(bytes.length) // before any wait, so that sends keep their order
    await inFolder(box.path, async () => {
      await box.validateRoom(bytes.length, this.#maxWaiting)
      await box.put(name, bytes)
    })
  }

  /** The names whose mailbox an agent has open, as far as this host knows: see `listBoxes`. */
  async discover(): Promise<readonly string[]> {
    if (!this.#open) throw this.#lifecycle.closed()
    const { open } = await inFolder(this.#dir, () => listBoxes(this.#dir))
    return open.filter((name) => name !== this.#name)
  }

  /** The name itself, whether an agent has it open or not. */
  async resolve(name: string): Promise<string> {
    return validateAddress(name)
  }

  /**
   * Refuses further messages and hands over those that have arrived, or none if `handOverMs` is 0.
   * `close` then removes the mailbox, unless messages are left for the next `open`.
   */
  async leave(handOverMs: number): Promise<void> {
    await this.#open?.reader.leave(handOverMs)
  }

  /**
   * Waits for a running `receive`, for one second at most. Without `leave`, the mailbox and its
   * messages stay for the next `open`.
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

  /** Unlocks the mailbox, and removes it after `leave` if it is empty. */
  async #release(box: Box): Promise<void> {
    const { isShut } = box
    if (isShut) await box.clear()
    await this.#lock.release()
    if (isShut) await box.removeEmpty()
  }
}
