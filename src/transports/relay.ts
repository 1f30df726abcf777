/**
 * A transport that further programs of this host can use. Two agents of a swarm cannot share a Pilot
 * daemon or a data folder, so the second one becomes a guest of the first. To the first it is a peer
 * like any other; its address is that of the first with a number.
 *
 * ```ts
 * const relay = new Relay(new PilotTransport({ swarm: 'kv' }))
 * await relay.open(hooks)
 * const guest = relay.admit(async (text) => socket.write(text))  // '0:0000.0000.000A/1'
 * await guest.receive(text)
 * guest.leave()
 * ```
 */
import { Failure } from '../errors.ts'
import type { Transport, TransportHooks } from './transport.ts'

/** Guests at a time. Each is a peer, and costs a message for each change. */
const MAX_GUESTS = 32

export interface Guest {
  /** Its address, which only the agent knows. */
  readonly address: string
  /** Resolves when the agent has stored the changes in the message. */
  receive(text: string): Promise<void>
  leave(): void
}

type Send = (text: string) => Promise<void>

const closed = (): Failure =>
  new Failure('closed', 'the agent has stopped', { hint: 'start it again' })

export class Relay implements Transport {
  readonly swarm?: string
  readonly #inner: Transport
  readonly #guests = new Map<string, Send>()
  #hooks: TransportHooks | undefined
  readonly trusted?: (network?: number) => Promise<readonly string[]>

  /** `network`: what `inner` seals, if it does; it knows whom it trusts. */
  constructor(inner: Transport, network: Transport = inner) {
    this.#inner = inner
    if (network.trusted) this.trusted = (id) => network.trusted!(id)
    if (inner.swarm !== undefined) this.swarm = inner.swarm
  }

  get kind(): string {
    return this.#inner.kind
  }

  get address(): string {
    return this.#inner.address
  }

  get seal(): Transport['seal'] {
    return this.#inner.seal
  }

  get maxMessageBytes(): number {
    return this.#inner.maxMessageBytes
  }

  async open(hooks: TransportHooks): Promise<void> {
    await this.#inner.open(hooks)
    this.#hooks = hooks
  }

  async send(to: string, text: string): Promise<void> {
    const guest = this.#guests.get(to)
    if (guest) return guest(text)
    if (!this.isPrivate(to)) return this.#inner.send(to, text)
    throw new Failure('not_found', `the program at "${to}" has left`, {
      hint: 'start that program again',
    })
  }

  async discover(): Promise<readonly string[]> {
    return [...(await this.#inner.discover()), ...this.#guests.keys()]
  }

  resolve(name: string): Promise<string> {
    return this.#inner.resolve(name)
  }

  isPrivate(address: string): boolean {
    const own = this.address
    return own !== '' && address.startsWith(`${own}/`)
  }

  canReach(address: string): boolean {
    return this.#inner.canReach?.(address) ?? true
  }

  async leave(handOverMs: number): Promise<void> {
    await this.#inner.leave?.(handOverMs)
  }

  async close(): Promise<void> {
    this.#hooks = undefined
    await this.#inner.close()
    this.#guests.clear()
  }

  /**
   * Adds a guest. `send` hands it a message, and rejects once the guest is gone. Throws a Failure:
   * not_running while this transport is not open, connection_failed if there are too many guests.
   */
  admit(send: Send): Guest {
    const hooks = this.#hooks
    if (!hooks) {
      throw new Failure('not_running', 'the agent is not connected to its swarm yet', {
        hint: 'try again once pilot-gossip status shows an address',
      })
    }
    if (this.#guests.size >= MAX_GUESTS) {
      throw new Failure('connection_failed', `${MAX_GUESTS} programs use this agent already`, {
        hint: 'end one of them, or share one map among several',
      })
    }
    const address = this.#freeAddress()
    this.#guests.set(address, send)
    return {
      address,
      receive: async (text) => {
        if (this.#hooks !== hooks) throw closed()
        const incoming = { from: address, text }
        await (hooks.receiveAll ? hooks.receiveAll([incoming], 0) : hooks.receive(incoming))
      },
      leave: () => {
        if (this.#guests.get(address) === send) this.#guests.delete(address)
      },
    }
  }

  /** The lowest free number: gossip remembers gone peers by address, so addresses are used again. */
  #freeAddress(): string {
    for (let number = 1; ; number++) {
      const address = `${this.address}/${number}`
      if (!this.#guests.has(address)) return address
    }
  }
}
