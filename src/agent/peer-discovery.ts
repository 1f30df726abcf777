/**
 * Where a runtime's peers come from: those it was given, whose names the transport resolves, and
 * those the transport finds by itself. Looks again now and then, as both come and go.
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

/** Milliseconds between two looks for peers. Each may cost some calls of pilotctl. */
const DISCOVER_MS = 60_000

/** The same while nobody is known: a runtime of a new swarm waits for the others. */
const DISCOVER_ALONE_MS = 5_000

export interface PeerDiscoveryOptions {
  readonly transport: Transport
  /** Names or addresses. */
  readonly peers: readonly string[]
  readonly countKnown: () => number
  readonly onPeers: (addresses: readonly string[], source: 'given' | 'found') => void
  /** Trouble that may pass. */
  readonly onFailure: (failure: Failure) => void
}

export class PeerDiscovery {
  readonly #options: PeerDiscoveryOptions
  /** Peers that were given and have no address yet. */
  #unresolved: readonly string[]
  /** Names and addresses that were given and turned out to be our own. */
  readonly #ours = new Set<string>()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(options: PeerDiscoveryOptions) {
    this.#options = options
    this.#unresolved = options.peers
  }

  /** The peers that were given at first, without ourselves: agents may all be given one list. */
  get given(): readonly string[] {
    return this.#options.peers.filter((name) => !this.#ours.has(name))
  }

  /**
   * The addresses of those given peers that have one; the others stay for later. Rejects with a
   * Failure: invalid_argument when one cannot be a name, not_found when none of them exists. One
   * of several that does not exist is reported, and looked up again later.
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

  /** Takes further names or addresses; rejects like `resolve`, and then forgets them. */
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

  /** Looks, and goes on to look. */
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
