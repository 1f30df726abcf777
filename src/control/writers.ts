/**
 * Which node stands behind a writer id, as far as this agent knows: itself, or a peer it has met.
 *
 * ```ts
 * const writers = new Writers(agent)
 * writers.nodeOf(108_980_000_000_007) // '0:0000.0000.000A', or undefined
 * ```
 */
import type { Agent } from '../agent/agent.ts'
import { nodeNumber } from '../store/node-number.ts'
import { nodeOf } from '../store/writer.ts'

/** Milliseconds between two looks at the peers for the sake of a writer nobody knows, who may never come back. */
const LOOK_MS = 100

export class Writers {
  readonly #agent: Agent
  /** Number of a node -> its address. */
  readonly #addresses = new Map<number, string>()
  #lookAt = 0

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /** The address of the node that writes under this id, whatever its incarnation; undefined where it is not known. */
  nodeOf(writer: number): string | undefined {
    // Without a data folder an agent has an id by chance, which names no node.
    if (writer === this.#agent.doc.clientID) return this.#agent.address
    const node = nodeOf(writer)
    return this.#addresses.get(node) ?? this.#look().get(node)
  }

  #look(): ReadonlyMap<number, string> {
    const now = performance.now()
    if (now < this.#lookAt) return this.#addresses
    this.#lookAt = now + LOOK_MS
    const addresses = [this.#agent.address, ...this.#agent.peers().map((peer) => peer.address)]
    for (const address of addresses) this.#addresses.set(nodeNumber(address), address)
    return this.#addresses
  }
}
