/**
 * Finds the peers of a runtime: the given ones, whose names the transport resolves, and those that
 * the transport discovers. Looks again regularly, since both come and go.
 *
 * ```ts
 * const search = new PeerDiscovery({ transport, peers: ['alice'], countKnown, onPeers, onFailure })
 * await search.resolve()
 * search.start()
 * search.stop()
 * ```
 */
import { type Failure, toFailure } from '../errors.ts'
import type { Transport } from '../transports/transport.ts'

/** Milliseconds between two discoveries. Each may cost some calls of pilotctl. */
const DISCOVER_MS = 60_000

/** The same while no peer is known: the first agents of a swarm must find each other soon. */
const DISCOVER_ALONE_MS = 5_000

export interface PeerDiscoveryOptions {
  readonly transport: Transport
  /** Names or addresses. */
  readonly peers: readonly string[]
  readonly countKnown: () => number
  readonly onPeers: (addresses: readonly string[], source: 'given' | 'found') => void
  /** Called for failures that may pass. */
  readonly onFailure: (failure: Failure) => void
}

export class PeerDiscovery {
  readonly #options: PeerDiscoveryOptions
  /** Given peers without an address yet. */
  #unresolved: readonly string[]
  /** Given names and addresses that are our own. */
  readonly #ours = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: PeerDiscoveryOptions) {
    this.#options = options
    this.#unresolved = options.peers
  }

  /** The given peers without this agent itself: all agents may be given the same list. */
  get given(): readonly string[] {
    return this.#options.peers.filter((name) => !this.#ours.has(name))
  }

  /**
   * Resolves to the addresses of the given peers that have one; the others are looked up again later.
   * Rejects with a Failure: invalid_argument for an invalid name, not_found if none of the peers
   * exists. If only some do not exist, they are reported.
   */
  async resolve(): Promise<string[]> {
    const { transport, onFailure } = this.#options
    const addresses: string[] = []
    const failed: string[] = []
    const unknown: Failure[] = []
    for (const name of this.#unresolved) {
      try {
        const address = await transport.resolve(name)
        if (address === transport.address) this.#ours.add(name)
        else addresses.push(address)
      } catch (error) {
        const failure = toFailure(error)
        if (failure.code === 'invalid_argument') throw failure
        if (failure.code === 'not_found' && !failure.isLocal) unknown.push(failure)
        else onFailure(failure)
        failed.push(name)
      }
    }
    const [first] = unknown
    if (first && unknown.length === this.#unresolved.length) throw first
    for (const failure of unknown) onFailure(failure)
    this.#unresolved = failed
    return addresses
  }

  /** Adds names or addresses. Rejects like `resolve`, and then forgets them. */
  async invite(peers: readonly string[]): Promise<void> {
    const wanted = this.#unresolved
    this.#unresolved = [...wanted, ...peers]
    try {
      this.#options.onPeers(await this.resolve(), 'given')
    } catch (error) {
      this.#unresolved = wanted
      throw error
    }
  }

  /** Starts to look for peers, now and regularly. */
  start(): void {
    void this.#look()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #look(): Promise<void> {
    const { transport, countKnown, onPeers, onFailure } = this.#options
    try {
      const found = await transport.discover()
      if (this.#isStopped) return
      onPeers(found, 'found')
      if (this.#unresolved.length > 0) onPeers(await this.resolve(), 'given')
    } catch (error) {
      if (!this.#isStopped) onFailure(toFailure(error))
    }
    if (this.#isStopped) return
    const wait = countKnown() > 0 ? DISCOVER_MS : DISCOVER_ALONE_MS
    this.#timer = setTimeout(() => void this.#look(), wait)
  }
}
