/**
 * Which peers each node knows. Knowing is mutual and all nodes know equally many, so no node learns
 * of a new peer during a measurement: rings through all nodes in random order are laid over each
 * other, and neighbours in a ring know each other. The first rings are those on which gossip looks
 * for neighbours, as real nodes get to know all others.
 *
 * ```ts
 * viewsOf(addresses, 100, 3, random).get(address)    // 100 addresses, one or two fewer by chance
 * ```
 */
import { ringHash } from '../../src/gossip/index.ts'

/** Draws of another neighbour if one is already known; after that a ring has a gap. */
const DRAWS = 30

/** Removes an item; the last one takes its place. */
const takeOut = (list: number[], at: number): number => {
  const taken = list[at]!
  list[at] = list.at(-1)!
  list.pop()
  return taken
}

const addRing = (views: readonly Set<number>[], random: () => number): void => {
  const order = views.map((_, node) => node)
  const first = takeOut(order, Math.floor(random() * order.length))
  let last = first
  const connect = (next: number): void => {
    views[last]!.add(next)
    views[next]!.add(last)
    last = next
  }
  while (order.length > 0) {
    let at = 0
    for (let draw = 0; draw < DRAWS; draw++) {
      at = Math.floor(random() * order.length)
      if (!views[last]!.has(order[at]!)) break
    }
    connect(takeOut(order, at))
  }
  connect(first)
}

/** Connects the nodes that would be neighbours if all knew each other (see `src/gossip/rings.ts`). */
const addHashRing = (
  views: readonly Set<number>[],
  addresses: readonly string[],
  ring: number,
): void => {
  const order = addresses
    .map((address, node) => ({ address, node, hash: ringHash(ring, address) }))
    .sort((a, b) => a.hash - b.hash || (a.address < b.address ? -1 : 1))
  for (const [i, { node }] of order.entries()) {
    const next = order[(i + 1) % order.length]!.node
    views[node]!.add(next)
    views[next]!.add(node)
  }
}

/** `size` peers for each address, or all if that is fewer. */
export const viewsOf = (
  addresses: readonly string[],
  size: number,
  hashRings: number,
  random: () => number,
): ReadonlyMap<string, readonly string[]> => {
  if (size >= addresses.length - 1) {
    return new Map(addresses.map((own) => [own, addresses.filter((other) => other !== own)]))
  }
  const views = addresses.map(() => new Set<number>())
  const rings = Math.ceil(size / 2)
  for (let ring = 0; ring < rings; ring++) {
    if (ring < hashRings) addHashRing(views, addresses, ring)
    else addRing(views, random)
  }
  return new Map(
    addresses.map((own, node) => [own, [...views[node]!].map((other) => addresses[other]!)]),
  )
}
