/**
 * Exchanges messages between agents of one process, over a simulated network: for tests, demos and
 * swarms in one program. Each message is copied as UTF-8 bytes, as on a real wire, so agents share no
 * objects, and a lone surrogate arrives as U+FFFD.
 *
 * ```ts
 * const hub = new MemoryHub({ network: new Network({ random: seeded(1), loss: 0.2 }) })
 * const a = new MemoryTransport(hub, 'a')
 * await a.open(hooks)
 * await a.send('b', 'hello')
 * ```
 *
 * A send whose message gets lost resolves. A send to an address that is not open, or that a partition
 * hides, rejects with `connection_failed`, like a call to a dead host.
 */
import { Failure } from '../../errors.ts'
import { accepted, deliver, MAX_BATCH, safeHooks } from '../delivery.ts'
import type { Transport, TransportHooks } from '../transport.ts'
import { Network } from './network.ts'

/** Bytes, far above any push. A larger limit costs a receiver that much memory for each message. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024

/** Unread messages: the default of a Pilot daemon. Each takes its own size in memory. */
const MAX_WAITING = 10_000

/** Calls `run` after `ms` milliseconds, never during this call. Returns a function that cancels it. */
export type Schedule = (run: () => void, ms: number) => () => void

export interface MemoryHubOptions {
  /** Default: a network that loses nothing and has no delay. */
  readonly network?: Network
  /** Default: `setTimeout`. */
  readonly schedule?: Schedule
  /** The time in milliseconds; default: `Date.now`. */
  readonly now?: () => number
  /** UTF-8 bytes; default 4 MiB. */
  readonly maxMessageBytes?: number
  /** Unread messages of an address above which a send to it rejects with `inbox_full`; default 10,000. */
  readonly maxWaiting?: number
}

const byTimer: Schedule = (run, ms) => {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

interface Waiting {
  readonly from: string
  readonly bytes: Buffer
}

/**
 * The messages that wait for one address. A receiver with `receiveAll` has one queue; otherwise each
 * sender has its own.
 */
class Inbox {
  /** Messages that are on the way or unread. */
  waiting = 0
  readonly #hooks: TransportHooks
  readonly #lines = new Map<string, Waiting[]>()
  readonly #underway = new Set<() => void>()
  #closed = false

  constructor(hooks: TransportHooks) {
    this.#hooks = hooks
  }

  /** Lets the message arrive in `ms` milliseconds. */
  expect(from: string, bytes: Buffer, ms: number, schedule: Schedule): void {
    this.waiting++
    const cancel = schedule(() => {
      this.#underway.delete(cancel)
      this.#arrive(from, bytes)
    }, ms)
    this.#underway.add(cancel)
  }

  close(): void {
    this.#closed = true
    for (const cancel of this.#underway) cancel()
    this.#underway.clear()
    this.#lines.clear()
  }

  #arrive(from: string, bytes: Buffer): void {
    if (this.#closed) return
    const key = this.#hooks.receiveAll ? '' : from
    const line = this.#lines.get(key)
    if (line) {
      line.push({ from, bytes })
    } else {
      const started = [{ from, bytes }]
      this.#lines.set(key, started)
      void this.#work(key, started)
    }
  }

  async #work(key: string, line: Waiting[]): Promise<void> {
    while (line.length > 0 && !this.#closed) {
      const batch = line.splice(0, this.#hooks.receiveAll ? MAX_BATCH : 1)
      const incoming = batch.map(({ from, bytes }) => ({ from, text: bytes.toString('utf8') }))
      const ours = incoming.filter(({ text }) => accepted(this.#hooks, text))
      await deliver(this.#hooks, ours, line.length, () => this.#closed)
      this.waiting -= batch.length
    }
    this.#lines.delete(key)
  }
}

/** The network, and the transports that are on it. */
export class MemoryHub {
  readonly network: Network
  readonly maxMessageBytes: number
  readonly #schedule: Schedule
  readonly #now: () => number
  readonly #maxWaiting: number
  readonly #inboxes = new Map<string, Inbox>()

  constructor(options: MemoryHubOptions = {}) {
    this.network = options.network ?? new Network({ random: () => 0 })
    this.maxMessageBytes = options.maxMessageBytes ?? MAX_MESSAGE_BYTES
    this.#schedule = options.schedule ?? byTimer
    this.#now = options.now ?? Date.now
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING
  }

  /** The addresses that are open. */
  get addresses(): string[] {
    return [...this.#inboxes.keys()]
  }

  /** Takes the address until the returned function is called. Throws `already_exists` if it is taken. */
  join(address: string, hooks: TransportHooks): () => void {
    if (this.#inboxes.has(address)) {
      throw new Failure('already_exists', `the address "${address}" is open already`, {
        hint: 'close the transport that uses it, or choose another address',
      })
    }
    const inbox = new Inbox(hooks)
    this.#inboxes.set(address, inbox)
    return () => {
      inbox.close()
      if (this.#inboxes.get(address) === inbox) this.#inboxes.delete(address)
    }
  }

  /** Puts a message on its way. Throws a Failure if a real sender would get one. */
  carry(from: string, to: string, text: string): void {
    const bytes = Buffer.from(text, 'utf8')
    if (bytes.length > this.maxMessageBytes) {
      throw new Failure(
        'too_large',
        `the message has ${bytes.length} bytes; at most ${this.maxMessageBytes} are allowed`,
      )
    }
    const inbox = this.#inboxes.get(to)
    if (!inbox || this.network.isolated(from, to)) {
      throw new Failure('connection_failed', `no transport is open at "${to}"`)
    }
    if (inbox.waiting >= this.#maxWaiting) {
      throw new Failure('inbox_full', `"${to}" holds ${inbox.waiting} unread messages already`, {
        hint: 'send again later',
      })
    }
    for (const ms of this.network.deliveries(from, to, this.#now())) {
      inbox.expect(from, bytes, ms, this.#schedule)
    }
  }
}

export class MemoryTransport implements Transport {
  readonly kind = 'memory'
  readonly #hub: MemoryHub
  readonly #name: string
  /** Closes the transport; undefined while it is not open. */
  #leave: (() => void) | undefined
  #address = ''

  constructor(hub: MemoryHub, address: string) {
    if (address === '') throw new TypeError('a memory transport needs an address')
    this.#hub = hub
    this.#name = address
  }

  get address(): string {
    return this.#address
  }

  get maxMessageBytes(): number {
    return this.#hub.maxMessageBytes
  }

  async open(hooks: TransportHooks): Promise<void> {
    this.#leave = this.#hub.join(this.#name, safeHooks(hooks))
    this.#address = this.#name
  }

  async send(to: string, text: string): Promise<void> {
    if (!this.#leave) throw this.#notOpen()
    this.#hub.carry(this.#name, to, text)
  }

  async discover(): Promise<readonly string[]> {
    if (!this.#leave) throw this.#notOpen()
    return this.#hub.addresses.filter((address) => address !== this.#name)
  }

  async resolve(name: string): Promise<string> {
    return name
  }

  /** Does not wait for a running `receive`, which is the last one. */
  async close(): Promise<void> {
    this.#leave?.()
    this.#leave = undefined
  }

  #notOpen(): Failure {
    return new Failure('closed', `the memory transport of "${this.#name}" is not open`, {
      hint: 'open it',
      isLocal: true,
    })
  }
}
