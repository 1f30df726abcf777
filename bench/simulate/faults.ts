/**
 * Recovery from faults: two parts of the swarm that cannot reach each other for a while, and nodes
 * that are down for a while. Nodes write meanwhile. It measures the time from the end of the fault
 * until all nodes have everything.
 *
 * ```ts
 * measurePartition(swarm, [3, 2], 20).ms
 * measureChurn(swarm, 0.1, 20).ms
 * ```
 */
import type { Spread } from './spread.ts'
import type { Swarm } from './swarm.ts'

// All times are milliseconds of virtual time.

/** Long enough for rounds to fail, and for peers to be backed off from. */
export const FAULT_MS = 30_000

/** Between two writes during a fault. */
const PAUSE_MS = 10_000

/** Nodes go down, and come back, one after another within this time. */
const SPREAD_MS = 5_000

export interface Recovery {
  /** From the end of the fault until all nodes have all writes; infinity: not in time. */
  readonly ms: number
  readonly rounds: number
  /** Nodes that were cut off or down. */
  readonly nodes: number
  readonly writes: number
}

const recover = (
  swarm: Swarm,
  spreads: readonly Spread[],
  nodes: number,
  what: string,
): Recovery => {
  const ms = swarm.settle(spreads, what)
  return { ms, rounds: Math.ceil(ms / swarm.intervalMs), nodes, writes: spreads.length }
}

const shuffle = <T>(list: readonly T[], random: () => number): T[] => {
  const copy = [...list]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[copy[i], copy[j]] = [copy[j]!, copy[i]!]
  }
  return copy
}

/** Splits the swarm into shares `a` and `b`, which write in turn. */
export const measurePartition = (
  swarm: Swarm,
  [a, b]: readonly [number, number],
  length: number,
): Recovery => {
  const all = shuffle(swarm.addresses, swarm.random)
  const cut = Math.min(all.length - 1, Math.max(1, Math.round((all.length * a) / (a + b))))
  const left = new Set(all.slice(0, cut))
  swarm.simulation.network.partition([all.slice(0, cut), all.slice(cut)])
  const spreads: Spread[] = []
  for (let ms = 0; ms < FAULT_MS; ms += PAUSE_MS) {
    const isLeftsTurn = spreads.length % 2 === 0
    const writer = swarm.pick((address) => left.has(address) === isLeftsTurn)
    spreads.push(swarm.write(length, writer))
    swarm.run(PAUSE_MS)
  }
  swarm.simulation.network.heal()
  return recover(swarm, spreads, Math.min(cut, all.length - cut), 'a partition')
}

/** Stops a share of the nodes while others write; they come back with the documents they had. */
export const measureChurn = (swarm: Swarm, share: number, length: number): Recovery => {
  const count = Math.round(swarm.addresses.length * share)
  const down = shuffle(swarm.addresses, swarm.random).slice(0, count)
  const start = swarm.now
  for (const address of down) {
    const after = swarm.random() * SPREAD_MS
    swarm.simulation.at(start + after, () => swarm.restart(address, FAULT_MS))
  }
  swarm.run(SPREAD_MS)
  const spreads: Spread[] = []
  while (swarm.now + PAUSE_MS <= start + FAULT_MS) {
    spreads.push(swarm.write(length))
    swarm.run(PAUSE_MS)
  }
  // The last node comes back.
  swarm.run(start + SPREAD_MS + FAULT_MS - swarm.now)
  return recover(swarm, spreads, count, 'restarts')
}
