/**
 * automerge-repo's network on a transport of ours: peers greet one another by name, and a message
 * is its CBOR in base64. Automerge brings its own protocol, so this is no gossip: it asks of the
 * transport that what is sent arrives, whole and, where sends follow one another, in order.
 *
 * ```ts
 * const hub = new MemoryHub()
 * const repo = new Repo({ network: [new TransportAdapter(() => new MemoryTransport(hub, 'a'))] })
 * ```
 */
import {
  cbor,
  type Message,
  NetworkAdapter,
  type PeerId,
  type PeerMetadata,
} from '@automerge/automerge-repo'
import { isFailure } from '../../src/errors.ts'
import type { Incoming, Transport } from '../../src/transports/transport.ts'

/** What a message is made of. `arrive` is answered by `welcome`; both introduce the sender. */
type Letter =
  | { readonly type: 'arrive' | 'welcome'; readonly peer: PeerId; readonly metadata: PeerMetadata }
  | { readonly type: 'leave' }
  | { readonly type: 'message'; readonly cbor: string }

export class TransportAdapter extends NetworkAdapter {
  /** What went wrong that no caller was told. */
  readonly problems: unknown[] = []
  readonly #make: () => Transport
  #transport: Transport | undefined
  /** Who has greeted, by address. */
  readonly #peers = new Map<string, PeerId>()
  /** Steps that touch the transport follow one another. */
  #last: Promise<void> = Promise.resolve()
  #isReady = false
  #beReady = (): void => {}
  readonly #ready: Promise<void>

  /** `make` gives a transport of the same address for each connection. */
  constructor(make: () => Transport) {
    super()
    this.#make = make
    this.#ready = new Promise((resolve) => {
      this.#beReady = () => {
        this.#isReady = true
        resolve()
      }
    })
  }

  isReady(): boolean {
    return this.#isReady
  }

  whenReady(): Promise<void> {
    return this.#ready
  }

  connect(peerId: PeerId, peerMetadata: PeerMetadata = {}): void {
    this.peerId = peerId
    this.peerMetadata = peerMetadata
    this.#step(async () => {
      const transport = this.#make()
      this.#transport = transport
      await transport.open({
        accepts: () => true,
        receive: (incoming) => this.#receive(incoming),
        onProblem: (problem) => this.problems.push(problem),
      })
      const addresses = await transport.discover()
      for (const to of addresses) await this.#post(to, this.#greeting('arrive'))
      // With nobody there, nobody is to be waited for.
      if (addresses.length === 0) this.#beReady()
    })
  }

  send(message: Message): void {
    for (const [address, peer] of this.#peers) {
      if (peer !== message.targetId) continue
      const text = Buffer.from(cbor.encode(message)).toString('base64')
      this.#step(() => this.#post(address, { type: 'message', cbor: text }))
    }
  }

  disconnect(): void {
    const addresses = [...this.#peers.keys()]
    for (const address of addresses) this.#forget(address)
    this.#step(async () => {
      for (const to of addresses) await this.#post(to, { type: 'leave' })
      await this.#transport?.close()
      this.#transport = undefined
    })
  }

  /** Resolves when all that was begun has ended. */
  settled(): Promise<void> {
    return this.#last
  }

  #step(run: () => Promise<void>): void {
    this.#last = this.#last.then(run).catch((error: unknown) => {
      this.problems.push(error)
    })
  }

  #greeting(type: 'arrive' | 'welcome'): Letter {
    const { peerId, peerMetadata: metadata = {} } = this
    if (peerId === undefined) throw new TypeError('connect comes first')
    return { type, peer: peerId, metadata }
  }

  /** A peer to whom nothing can be sent has left. */
  async #post(to: string, letter: Letter): Promise<void> {
    try {
      await this.#transport?.send(to, JSON.stringify(letter))
    } catch (error) {
      if (!isFailure(error) || error.code !== 'connection_failed') throw error
      this.#forget(to)
    }
  }

  #receive({ from, text }: Incoming): void {
    const letter: Letter = JSON.parse(text)
    if (letter.type === 'leave') {
      this.#forget(from)
    } else if (letter.type === 'message') {
      // What was sent to an earlier connection of ours is not for this one.
      if (this.#peers.has(from))
        this.emit('message', cbor.decode(Buffer.from(letter.cbor, 'base64')))
    } else {
      if (letter.type === 'arrive') this.#step(() => this.#post(from, this.#greeting('welcome')))
      this.#meet(from, letter.peer, letter.metadata)
    }
  }

  #meet(address: string, peerId: PeerId, peerMetadata: PeerMetadata): void {
    if (this.#peers.get(address) === peerId) return
    this.#forget(address)
    this.#peers.set(address, peerId)
    this.#beReady()
    this.emit('peer-candidate', { peerId, peerMetadata })
  }

  #forget(address: string): void {
    const peerId = this.#peers.get(address)
    if (peerId === undefined) return
    this.#peers.delete(address)
    this.emit('peer-disconnected', { peerId })
  }
}
