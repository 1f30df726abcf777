/**
 * What the cases of the transport contract share: a world for each case, and sending until a
 * message has arrived.
 *
 * ```ts
 * const kit = new TransportKit(createWorld, { lossy: true })
 * kit.case('carries a word', async (open) => {
 *   const [a, b] = [await open('a'), await open('b', seen)]
 *   await kit.deliver(a, b.address, 'hello', () => seen.has('hello'))
 * })
 * ```
 */
import type { Transport, TransportHooks } from '../transports/transport.ts'
import { type ContractCase, poll } from './contract.ts'
import { Recorder } from './recorder.ts'

export interface TransportWorld {
  /** A transport that is not open yet. The same name always has the same address. */
  transport(name: string): Promise<Transport>
  /** An address at which no peer answers. */
  dead(): Promise<string>
  /** Ends what the world itself started. The cases close their transports. */
  close(): Promise<void>
}

export interface TransportContractOptions {
  /** Messages may get lost: each is sent again until it has arrived. Default false. */
  readonly lossy?: boolean
  /** Messages wait for a receiver that is away. Default false. */
  readonly persistent?: boolean
  /** Each message costs a process or more: fewer are sent, few at once, with longer waits. Default false. */
  readonly slow?: boolean
  /** Makes a message of a text, if the transport carries only certain messages. Default: the text itself. */
  readonly wrap?: (text: string) => string
}

/** Opens the transport of that name in the case's world; it is closed after the case. */
export type Open = (name: string, hooks?: TransportHooks) => Promise<Transport>

/** Milliseconds in which a message must arrive. */
const DELIVERY_MS = 10_000
const SLOW_DELIVERY_MS = 60_000

export class TransportKit {
  readonly lossy: boolean
  readonly persistent: boolean
  readonly slow: boolean
  readonly wrap: (text: string) => string
  readonly timeoutMs: number
  readonly #createWorld: () => Promise<TransportWorld>

  constructor(createWorld: () => Promise<TransportWorld>, options: TransportContractOptions) {
    const { lossy = false, persistent = false, slow = false, wrap = (text) => text } = options
    this.lossy = lossy
    this.persistent = persistent
    this.slow = slow
    this.wrap = wrap
    this.timeoutMs = slow ? SLOW_DELIVERY_MS : DELIVERY_MS
    this.#createWorld = createWorld
  }

  /** A case in a world of its own. */
  case(name: string, play: (open: Open, world: TransportWorld) => Promise<void>): ContractCase {
    return { name, run: () => this.#run(play), timeoutMs: this.timeoutMs * 3 }
  }

  /** Sends `text` until `seen`: once, unless messages may get lost. */
  async deliver(from: Transport, to: string, text: string, seen: () => boolean): Promise<void> {
    await from.send(to, text)
    await this.until(`${JSON.stringify(text.slice(0, 60))} at ${to}`, async () => {
      if (this.lossy && !seen()) await from.send(to, text)
      return seen()
    })
  }

  /** Resolves once `isDone`, within the time that a message may take. */
  until(what: string, isDone: () => boolean | Promise<boolean>): Promise<void> {
    return poll(what, isDone, this.timeoutMs)
  }

  async #run(play: (open: Open, world: TransportWorld) => Promise<void>): Promise<void> {
    const world = await this.#createWorld()
    const opened: Transport[] = []
    try {
      await play(async (name, hooks = new Recorder()) => {
        const transport = await world.transport(name)
        opened.push(transport)
        await transport.open(hooks)
        return transport
      }, world)
    } finally {
      for (const transport of opened) await transport.close()
      await world.close()
    }
  }
}
