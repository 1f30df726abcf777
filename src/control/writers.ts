/**
 * The node behind a writer id, as far as this agent knows: itself, or a peer it has met.
 *
 * ```ts
 * const writers = new Writers(agent)
 * writers.nodeOf(108_980_000_000_007) // '0:0000.0000.000A', or undefined
 * ```
 */
import type { Agent } from '../agent/agent.ts'
import { nodeNumber } from '../store/node-number.ts'
import { nodeOf } from '../store/writer.ts'

/** Milliseconds between two searches among the peers: an unknown writer may never come back. */
const SEARCH_MS = 100

export class Writers {
  readonly #agent: Agent
  /** Number of a node -> its address. */
  readonly #addresses = new Map<number, string>()
  #searchAt = 0

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** The address of the node that writes under this id, in any incarnation; undefined if it is unknown. */
  nodeOf(writer: number): string | undefined {
    // Without a data folder an agent has a random id, which does not contain its node.
    if (writer === this.#agent.doc.clientID) return this.#agent.address
    const node = nodeOf(writer)
    return this.#addresses.get(node) ?? this.#search().get(node)
  }

  #search(): ReadonlyMap<number, string> {
    const now = performance.now()
    if (now < this.#searchAt) return this.#addresses
    this.#searchAt = now + SEARCH_MS
    const addresses = [this.#agent.address, ...this.#agent.peers().map((peer) => peer.address)]
    for (const address of addresses) this.#addresses.set(nodeNumber(address), address)
    return this.#addresses
  }
}
