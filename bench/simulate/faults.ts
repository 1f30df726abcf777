/**
 * What a swarm survives: two parts that do not hear each other for a while, and nodes that are
 * down for a while. Something is written meanwhile; then it is asked how long it takes until
 * everybody has everything.
 *
 * ```ts
 * measurePartition(swarm, [3, 2], 20).ms
 * measureChurn(swarm, 0.1, 20).ms
 * ```
 */
import type { Spread } from './spread.ts'
import type { Swarm } from './swarm.ts'

/** Milliseconds; virtual. Long enough for some rounds in vain, and for peers to be left alone. */
export const FAULT_MS = 30_000

/** Milliseconds; virtual, between two writes meanwhile. */
const PAUSE_MS = 10_000

/** Milliseconds; virtual, over which nodes go down one after another, and come back. */
const SPREAD_MS = 5_000

export interface Recovery {
  /** Milliseconds from the end of the fault until everybody has all that was written meanwhile; infinity: not in time. */
  readonly ms: number
  /** Rounds of everybody in that time. */
  readonly rounds: number
  /** Nodes that were cut off, or down. */
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

/** A shuffled copy. */
const shuffle = <T>(list: readonly T[], random: () => number): T[] => {
  const copy = [...list]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const kept = copy[i]!
    copy[i] = copy[j]!
    copy[j] = kept
  }
  return copy
}

/** Splits the swarm in shares `a` and `b`, both of which write. */
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

/** Stops that share of the nodes, while others write; they come back with the documents that they had. */
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
  // The last one of them comes back.
  swarm.run(start + SPREAD_MS + FAULT_MS - swarm.now)
  return recover(swarm, spreads, count, 'restarts')
}
