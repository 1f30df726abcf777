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
import { Failure, toFailure } from '../errors.ts'
import type { Transport, TransportHooks } from '../transport.ts'
import { Box } from './box.ts'
import { safeHooks } from './delivery.ts'
import { isHeld, Lock } from './lock.ts'
import { inFolder } from './mailbox-folder.ts'
import { MailReader } from './mailbox-reader.ts'
import { FileNames, MAX_MESSAGE_BYTES } from './message-file.ts'
import { Turns } from './turns.ts'

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
  readonly #turns: Turns
  #address = ''
  /** While it is open. */
  #open: { readonly reader: MailReader; readonly hooks: TransportHooks } | undefined

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
    this.#turns = new Turns(`the mailbox "${address}"`)
  }

  get address(): string {
    return this.#address
  }

  /** `already_exists` while another transport, here or in another process, has the address. */
  open(given: TransportHooks): Promise<void> {
    const hooks = safeHooks(given)
    return this.#turns.begin(async (turn) => {
      try {
        await inFolder(this.#box.path, async () => {
          await this.#box.make()
          await this.#lock.hold()
          await this.#box.sweep()
        })
        if (turn.isOver) throw this.#turns.closed()
      } catch (error) {
        await Promise.allSettled([this.#lock.release()])
        throw error
      }
      this.#address = this.#name
      const reader = new MailReader({
        box: this.#box,
        lock: this.#lock,
        pollMs: this.#pollMs,
        hooks,
      })
      this.#open = { reader, hooks }
    })
  }

  /**
   * Resolves when the message lies in the peer's mailbox. `not_found` where no agent ever
   * opened `to`; `inbox_full` where too much waits (sends at one moment may overshoot).
   */
  async send(to: string, text: string): Promise<void> {
    if (!this.#open) throw this.#turns.closed()
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
    if (!this.#open) throw this.#turns.closed()
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
  close(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    return this.#turns.end(async () => {
      if (!open) return
      await open.reader.close()
      try {
        await this.#lock.release()
      } catch (error) {
        open.hooks.onProblem(toFailure(error))
      }
    })
  }
}
