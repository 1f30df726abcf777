/**
 * Who knows whom. Knowing is mutual, and each node knows as many as the others, so nobody hears
 * strangers while something is measured: rings through all nodes in random orders are laid over
 * each other, and those beside a node in a ring are known to it.
 *
 * ```ts
 * viewsOf(addresses, 100, random).get(address)    // 100 addresses, one or two less by chance
 * ```
 */

/** How often another neighbour is drawn for one that is known already, before a ring has a gap. */
const DRAWS = 30

/** Takes one out; the last one comes into its place. */
const takeOut = (list: number[], at: number): number => {
  const taken = list[at]!
  list[at] = list.at(-1)!
  list.pop()
  return taken
}

/** Lays one more ring. */
const addRing = (views: readonly Set<number>[], random: () => number): void => {
  const order = views.map((_, node) => node)
  const first = takeOut(order, Math.floor(random() * order.length))
  let last = first
  while (order.length > 0) {
    let at = 0
    for (let draw = 0; draw < DRAWS; draw++) {
      at = Math.floor(random() * order.length)
      if (!views[last]!.has(order[at]!)) break
    }
    const next = takeOut(order, at)
    views[last]!.add(next)
    views[next]!.add(last)
    last = next
  }
  views[last]!.add(first)
  views[first]!.add(last)
}

/** Address → those it knows: `size` of them, or everybody where that is more. */
export const viewsOf = (
  addresses: readonly string[],
  size: number,
  random: () => number,
): ReadonlyMap<string, readonly string[]> => {
  if (size >= addresses.length - 1) {
    return new Map(addresses.map((own) => [own, addresses.filter((other) => other !== own)]))
  }
  const views = addresses.map(() => new Set<number>())
  for (let ring = 0; ring < Math.ceil(size / 2); ring++) addRing(views, random)
  return new Map(
    addresses.map((own, node) => [own, [...views[node]!].map((other) => addresses[other]!)]),
  )
}
