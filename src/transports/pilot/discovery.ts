/**
 * Looks for the addresses of a swarm. Pilot has no search by tag, so three places are
 * asked: the nodes this one trusts, each looked up for the swarm's tag; the members of a
 * Pilot network, where one is given; and `peers --search "swarm:NAME"`, for a version that
 * may answer it with addresses one day.
 *
 * ```ts
 * const discovery = new Discovery({ ask: (args) => pilotctl.ask(args, { timeoutMs: 3000 }), swarm: 'kv' })
 * await discovery.find() // ['0:0000.0000.000B']
 * ```
 */
import { toFailure } from '../../errors.ts'
import { readMembers, readNode, readPeerAddresses, readTrusted } from './answers.ts'
import * as commands from './commands.ts'

/** Lookups at once: each is a process of 13 ms and a question to the registry. */
const MAX_PARALLEL_LOOKUPS = 4

/** Lookups started by one `find`: about half a second of processor. Who trusts more nodes than this finds the others with the next ones. */
const MAX_LOOKUPS = 64

/** Milliseconds after which no further lookup is started. */
const FIND_MS = 10_000

/** Milliseconds that a node is believed to be of the swarm without asking again: it leaves seldom, and a send to it then fails. */
const FRESH_MS = 5 * 60_000

/** Milliseconds before a node without the tag, or a lookup that failed, is asked for again: an agent may start there at any time. */
const RETRY_MS = 30_000

/** Answers kept; the oldest goes first. About 100 bytes each. */
const MAX_KNOWN = 4096

/** Addresses of one answer that are passed on: more than any swarm that gossip was tried with. */
const MAX_FOUND = 10_000

export interface DiscoveryOptions {
  /** runs one command of pilotctl, bounded in time */
  readonly ask: (args: commands.Arguments) => Promise<Readonly<Record<string, unknown>>>
  readonly swarm: string
  /** a Pilot network whose members are all of the swarm */
  readonly network?: number | undefined
  /** milliseconds, monotonic; default the process's clock */
  readonly now?: () => number
}

interface Known {
  /** `undefined` where the node is not of the swarm, or could not be looked up */
  readonly address: string | undefined
  /** when to ask again */
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

  /** Throws `invalid_argument` where `swarm` cannot be a tag. */
  constructor({ ask, swarm, network, now = () => performance.now() }: DiscoveryOptions) {
    this.#ask = ask
    this.#swarm = swarm
    this.#tags = commands.swarmTags(swarm)
    this.#network = network
    this.#now = now
  }

  /**
   * Addresses that may be of the swarm, each once, perhaps our own among them. Takes at
   * most 10 s and one call more. A place or node that fails is passed over; rejects, with
   * the first Failure, only where no place answered. Calls at once share one search.
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

  /** Addresses of those of the nodes that carry the swarm's tag. */
  async #lookup(nodeIds: readonly number[]): Promise<readonly string[]> {
    const start = this.#now()
    const isFresh = (id: number): boolean => (this.#known.get(id)?.until ?? 0) > start
    const unknown = [...new Set(nodeIds)].filter((id) => !isFresh(id))
    // Those never seen before those that were only seen long ago.
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
      // The registry did not answer for this one node; what it said before still holds.
      known = { address: before?.address, until: this.#now() + RETRY_MS }
    }
    this.#known.delete(nodeId)
    this.#known.set(nodeId, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest)
  }
}

/** Registries may change the case of a tag. */
export const hasTag = (tags: readonly string[], wanted: readonly string[]): boolean => {
  const lower = wanted.map((tag) => tag.toLowerCase())
  return tags.some((tag) => lower.includes(tag.toLowerCase()))
}
