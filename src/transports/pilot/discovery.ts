/**
 * Finds the addresses of a swarm. Pilot cannot search by tag, so this asks three sources: the
 * trusted nodes, each looked up for the swarm's tag; the members of a Pilot network, if one is
 * given; and `peers --search "swarm:NAME"`, for a future version that answers with addresses.
 *
 * ```ts
 * const discovery = new Discovery({ ask: (args) => pilotctl.ask(args, { timeoutMs: 3000 }), swarm: 'kv' })
 * await discovery.find() // ['0:0000.0000.000B']
 * ```
 */
import { toFailure } from '../../errors.ts'
import { readMembers, readNode, readPeerAddresses, readTrusted } from './answers.ts'
import * as commands from './commands.ts'

/** Concurrent lookups: each is a process of 13 ms and a request to the registry. */
const MAX_PARALLEL_LOOKUPS = 4

/**
 * Lookups started by one `find`: about half a second of CPU time. A node that trusts more nodes
 * finds the others with later calls.
 */
const MAX_LOOKUPS = 64

/** Milliseconds after which no further lookup is started. */
const FIND_MS = 10_000

/** Milliseconds until a node of the swarm is looked up again: nodes seldom leave, and a send to one that left fails. */
const FRESH_MS = 5 * 60_000

/**
 * Milliseconds until a node without the tag, or one whose lookup failed, is looked up again: an
 * agent may start there at any time.
 */
const RETRY_MS = 30_000

/** Lookup results kept; the oldest is dropped first. About 100 bytes each. */
const MAX_KNOWN = 4096

/** Addresses that one `find` returns: more than any swarm that gossip was tried with. */
const MAX_FOUND = 10_000

export interface DiscoveryOptions {
  /** runs one command of pilotctl, in bounded time */
  readonly ask: (args: commands.Arguments) => Promise<Readonly<Record<string, unknown>>>
  readonly swarm: string
  /** a Pilot network whose members all belong to the swarm */
  readonly network?: number | undefined
  /** milliseconds of a monotonic clock; default: the process's own */
  readonly now?: () => number
}

interface Known {
  /** undefined if the node is not of the swarm, or could not be looked up */
  readonly address: string | undefined
  /** when to look it up again */
  readonly until: number
}

export class Discovery {
  readonly #ask: DiscoveryOptions['ask']
  readonly #swarm: string
  readonly #tags: readonly string[]
  readonly #network: number | undefined
  readonly #now: () => number
  readonly #known = new Map<number, Known>()
  #running: Promise<readonly string[]> | undefined

  /** Throws `invalid_argument` if `swarm` cannot be a tag. */
  constructor({ ask, swarm, network, now = () => performance.now() }: DiscoveryOptions) {
    this.#ask = ask
    this.#swarm = swarm
    this.#tags = commands.swarmTags(swarm)
    this.#network = network
    this.#now = now
  }

  /**
   * Addresses that may belong to the swarm, each once, perhaps our own among them. Takes at most 10
   * s plus one call. Skips sources and nodes that fail; rejects, with the first Failure, only if
   * every source fails. Concurrent calls share one search.
   */
  find(): Promise<readonly string[]> {
    this.#running ??= this.#find().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #find(): Promise<readonly string[]> {
    const network = this.#network
    const places = [
      this.#trusted(),
      this.#ask(commands.searchPeers(this.#swarm)).then(readPeerAddresses),
      ...(network === undefined ? [] : [this.#members(network)]),
    ]
    const results = await Promise.allSettled(places)
    const found = new Set<string>()
    const failed: unknown[] = []
    for (const result of results) {
      if (result.status === 'rejected') failed.push(result.reason)
      else for (const address of result.value) if (found.size < MAX_FOUND) found.add(address)
    }
    if (failed.length === results.length) throw toFailure(failed[0])
    return [...found]
  }

  async #trusted(): Promise<readonly string[]> {
    return this.#lookup(readTrusted(await this.#ask(commands.trust())))
  }

  async #members(network: number): Promise<readonly string[]> {
    return readMembers(await this.#ask(commands.networkMembers(network)))
  }

  /** The addresses of those nodes that carry the swarm's tag. */
  async #lookup(nodeIds: readonly number[]): Promise<readonly string[]> {
    const start = this.#now()
    const isFresh = (id: number): boolean => (this.#known.get(id)?.until ?? 0) > start
    const unknown = [...new Set(nodeIds)].filter((id) => !isFresh(id))
    // Nodes never seen come before those not seen for long.
    unknown.sort((a, b) => (this.#known.get(a)?.until ?? 0) - (this.#known.get(b)?.until ?? 0))
    const open = unknown.slice(0, MAX_LOOKUPS)
    const work = async (): Promise<void> => {
      while (this.#now() - start < FIND_MS) {
        const id = open.shift()
        if (id === undefined) return
        await this.#learn(id)
      }
    }
    await Promise.all(Array.from({ length: MAX_PARALLEL_LOOKUPS }, work))
    return nodeIds.map((id) => this.#known.get(id)?.address).filter((one) => one !== undefined)
  }

  async #learn(nodeId: number): Promise<void> {
    const before = this.#known.get(nodeId)
    let known: Known
    try {
      const { address, tags } = readNode(await this.#ask(commands.lookup(nodeId)))
      known = hasTag(tags, this.#tags)
        ? { address, until: this.#now() + FRESH_MS }
        : { address: undefined, until: this.#now() + RETRY_MS }
    } catch {
      // The registry did not answer for this node: the earlier result stays valid.
      known = { address: before?.address, until: this.#now() + RETRY_MS }
    }
    this.#known.delete(nodeId)
    this.#known.set(nodeId, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest)
  }
}

/** Ignores case, since registries may change it. */
export const hasTag = (tags: readonly string[], wanted: readonly string[]): boolean => {
  const lower = wanted.map((tag) => tag.toLowerCase())
  return tags.some((tag) => lower.includes(tag.toLowerCase()))
}
