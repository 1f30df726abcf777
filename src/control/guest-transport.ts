/**
 * Joins a swarm through an agent that runs on this host: the transport of a program that cannot
 * have the agent's daemon, or its data folder, for itself. When `send` resolves, the message is on
 * that agent's disk. When the agent ends, this transport waits until it is back.
 *
 * ```ts
 * const transport = new GuestTransport({ dir: '/var/lib/kv', swarm: 'kv' })
 * await transport.open(hooks)
 * await transport.send(transport.agent, text)
 * ```
 */
import { type Deferred, deferred } from '../deferred.ts'
import { Failure, isFailure, toFailure } from '../errors.ts'
import { accepted, deliver, safeHooks } from '../transports/delivery.ts'
import { Lifecycle } from '../transports/lifecycle.ts'
import type { Transport, TransportHooks } from '../transports/transport.ts'
import { ControlClient } from './client.ts'
import type { Connection } from './connection.ts'
import { type Fields, failureOf } from './protocol.ts'

/** Milliseconds between two attempts to reach an agent that has ended. Each is one connection. */
const RETRY_MS = 500

/** Milliseconds for the agent to store a message: a large one on a busy disk. */
const SEND_MS = 30_000

/** Bytes of a message until the agent has sent its own limit: every transport carries them. */
const MIN_MESSAGE_BYTES = 64 * 1024

export interface GuestTransportOptions {
  /** The data folder of the agent. */
  readonly dir: string
  readonly swarm: string
  /** Names or addresses of further peers, passed on to the agent. */
  readonly peers?: readonly string[]
}

export class GuestTransport implements Transport {
  readonly kind = 'guest'
  readonly swarm: string
  readonly #options: GuestTransportOptions
  readonly #pending = new Map<number, Deferred<void>>()
  #hooks: TransportHooks | undefined
  #connection: Connection | undefined
  #address = ''
  #agent = ''
  #maxMessageBytes = MIN_MESSAGE_BYTES
  #isReadOnly = false
  #next = 1
  #retry: NodeJS.Timeout | undefined
  /** Reading the agent's lines; it ends with the connection. */
  #reading: Promise<void> = Promise.resolve()
  readonly #lifecycle = new Lifecycle('the way by the agent')

  constructor(options: GuestTransportOptions) {
    this.#options = options
    this.swarm = options.swarm
  }

  get address(): string {
    return this.#address
  }

  /** The address of the agent; empty before `open`. */
  get agent(): string {
    return this.#agent
  }

  /** The data folder of the agent. */
  get dir(): string {
    return this.#options.dir
  }

  /** Has the agent ended without coming back? */
  get isLost(): boolean {
    return this.#connection === undefined
  }

  /** Does the agent refuse what its guests write? */
  get isReadOnly(): boolean {
    return this.#isReadOnly
  }

  get maxMessageBytes(): number {
    return this.#maxMessageBytes
  }

  /** Rejects with `not_running` if no agent runs, `invalid_argument` if it belongs to another swarm. */
  open(given: TransportHooks): Promise<void> {
    const hooks = safeHooks(given)
    return this.#lifecycle.open(async (opening) => {
      const connection = await this.#join()
      if (opening.isOver) {
        connection.close()
        throw this.#lifecycle.closed()
      }
      this.#hooks = hooks
      this.#use(connection)
    })
  }

  async send(to: string, text: string): Promise<void> {
    if (!this.#hooks) throw this.#lifecycle.closed()
    if (to !== this.#agent) {
      throw new Failure('connection_failed', `"${to}" can only be reached through the agent`)
    }
    const connection = this.#connection
    if (!connection) throw this.#lost()
    const id = this.#next++
    const stored = deferred<void>()
    this.#pending.set(id, stored)
    const timer = setTimeout(() => stored.reject(this.#late()), SEND_MS)
    try {
      connection.sendLine({ id, text })
      await stored.promise
    } finally {
      clearTimeout(timer)
      this.#pending.delete(id)
    }
  }

  async discover(): Promise<readonly string[]> {
    if (!this.#hooks) throw this.#lifecycle.closed()
    return [this.#agent]
  }

  /** Other peers are reached through the agent, which forwards what it receives. */
  canReach(address: string): boolean {
    return address === this.#agent
  }

  /** Every peer is reached through the agent. */
  async resolve(name: string): Promise<string> {
    if (name === '') throw new Failure('invalid_argument', 'the name of the peer is empty')
    return this.#agent
  }

  close(): Promise<void> {
    clearTimeout(this.#retry)
    this.#connection?.close()
    this.#connection = undefined
    this.#hooks = undefined
    this.#failAll(this.#lifecycle.closed())
    return this.#lifecycle.close(() => this.#reading)
  }

  async #join(): Promise<Connection> {
    const { dir, swarm, peers = [] } = this.#options
    const connection = await new ControlClient(dir).open()
    try {
      connection.send({ command: 'join', swarm, ...(peers.length > 0 && { peers }) })
      const first = await connection.receive()
      if (!first) throw this.#lost()
      const { address, agent, maxMessageBytes, readOnly } = first
      this.#address = String(address)
      this.#agent = String(agent)
      this.#maxMessageBytes = Number(maxMessageBytes)
      this.#isReadOnly = readOnly === true
      return connection
    } catch (error) {
      connection.close()
      throw error
    }
  }

  #use(connection: Connection): void {
    this.#connection = connection
    this.#reading = this.#read(connection)
  }

  /** Takes the agent's lines until it is gone, then tries to reach it again. */
  async #read(connection: Connection): Promise<void> {
    try {
      for (;;) {
        const data = await connection.receive(Number.POSITIVE_INFINITY)
        if (!data || this.#connection !== connection) break
        await this.#take(data)
      }
    } catch (error) {
      this.#report(toFailure(error))
    }
    connection.close()
    if (this.#connection !== connection) return
    this.#connection = undefined
    this.#failAll(this.#lost())
    this.#report(this.#lost())
    this.#retryLater()
  }

  async #take({ id, text, failure }: Fields): Promise<void> {
    if (typeof text === 'string') {
      const hooks = this.#hooks
      if (hooks && accepted(hooks, text)) {
        const isOver = (): boolean => this.#hooks !== hooks
        await deliver(hooks, [{ from: this.#agent, text }], 0, isOver)
      }
      return
    }
    const pending = this.#pending.get(Number(id))
    if (!pending) return
    if (failure === undefined) return pending.resolve()
    const { code, message, hint } = failureOf(failure as Fields)
    pending.reject(new Failure(code, message, { hint, isLocal: true }))
  }

  #retryLater(): void {
    if (!this.#hooks) return
    this.#retry = setTimeout(() => void this.#reconnect(), RETRY_MS)
  }

  async #reconnect(): Promise<void> {
    const hooks = this.#hooks
    try {
      const connection = await this.#join()
      if (hooks && this.#hooks === hooks) this.#use(connection)
      else connection.close()
    } catch (error) {
      const failure = toFailure(error)
      if (!isFailure(failure, 'not_running')) this.#report(failure)
      this.#retryLater()
    }
  }

  #failAll(failure: Failure): void {
    for (const { reject } of this.#pending.values()) reject(failure)
    this.#pending.clear()
  }

  #report(failure: Failure): void {
    this.#hooks?.onProblem(failure)
  }

  #lost(): Failure {
    const { dir, swarm } = this.#options
    return new Failure('not_running', `the agent on "${dir}" has ended`, {
      hint: `start it again with: pilot-gossip run --swarm ${swarm} --data ${dir} --detach`,
      isLocal: true,
    })
  }

  #late(): Failure {
    return new Failure(
      'timeout',
      `the agent on "${this.#options.dir}" did not store the message in time`,
      {
        hint: 'it is busy; the message is sent again',
        isLocal: true,
      },
    )
  }
}
