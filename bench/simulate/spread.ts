/**
 * How one write spreads: when each node had it, and after how many hops.
 *
 * ```ts
 * spread.arrive('b', 'a', now)
 * spread.timeOf(0.99)       // milliseconds until 99 % of the nodes had it; infinity: never
 * ```
 */
export class Spread {
  /** Milliseconds of the write. */
  readonly startedAt: number
  readonly #nodes: number
  /** By address. */
  readonly #hops = new Map<string, number>()
  /** Milliseconds since the write, ascending. */
  readonly #times: number[] = [0]
  /** By address. */
  readonly #timeOf = new Map<string, number>()

  constructor(nodes: number, writer: string, now: number) {
    this.#nodes = nodes
    this.startedAt = now
    this.#hops.set(writer, 0)
    this.#timeOf.set(writer, 0)
  }

  /** Nodes that have it. */
  get reached(): number {
    return this.#times.length
  }

  get hasAll(): boolean {
    return this.reached === this.#nodes
  }

  /** Milliseconds until the last of the nodes that have it. */
  get lastTime(): number {
    return this.#times.at(-1)!
  }

  /** A node received it; only the first time counts. */
  arrive(address: string, from: string, now: number): void {
    if (this.#hops.has(address)) return
    this.#hops.set(address, (this.#hops.get(from) ?? 0) + 1)
    this.#times.push(now - this.startedAt)
    this.#timeOf.set(address, now - this.startedAt)
  }

  /** Milliseconds until that node had it; infinity: never. */
  msOf(address: string): number {
    return this.#timeOf.get(address) ?? Number.POSITIVE_INFINITY
  }

  /** Milliseconds until that share of the nodes had it; infinity if fewer have it. */
  timeOf(share: number): number {
    return this.#times[Math.ceil(share * this.#nodes) - 1] ?? Number.POSITIVE_INFINITY
  }

  /** Hops after which that share of the nodes had it; infinity if fewer have it. */
  hopsTo(share: number): number {
    const hops = [...this.#hops.values()].sort((a, b) => a - b)
    return hops[Math.ceil(share * this.#nodes) - 1] ?? Number.POSITIVE_INFINITY
  }
}
