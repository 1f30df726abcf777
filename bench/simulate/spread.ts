/**
 * How one write spreads: when each node had it, and after how many hops. The writer has it after
 * none, who had it from a node with 3 hops has 4.
 *
 * ```ts
 * spread.arrive('b', 'a', now)
 * spread.timeOf(0.99)       // milliseconds until 99 % of the nodes had it; infinity: never
 * ```
 */
export class Spread {
  /** Milliseconds; when it was written. */
  readonly startedAt: number
  readonly #nodes: number
  /** Address → hops. */
  readonly #hopsOf = new Map<string, number>()
  /** Milliseconds since the start, in order. */
  readonly #times: number[] = []

  constructor(nodes: number, writer: string, now: number) {
    this.#nodes = nodes
    this.startedAt = now
    this.#hopsOf.set(writer, 0)
    this.#times.push(0)
  }

  /** Nodes that have it. */
  get reached(): number {
    return this.#times.length
  }

  get hasAll(): boolean {
    return this.reached === this.#nodes
  }

  has(address: string): boolean {
    return this.#hopsOf.has(address)
  }

  /** It came to a node; what comes again does not count. */
  arrive(address: string, from: string, now: number): void {
    if (this.#hopsOf.has(address)) return
    this.#hopsOf.set(address, (this.#hopsOf.get(from) ?? 0) + 1)
    this.#times.push(now - this.startedAt)
  }

  /** Milliseconds from the write until the last of those who have it. */
  get lastTime(): number {
    return this.#times.at(-1)!
  }

  /** Milliseconds from the write until that share of the nodes had it; infinity when fewer have it. */
  timeOf(share: number): number {
    return this.#times[Math.ceil(share * this.#nodes) - 1] ?? Number.POSITIVE_INFINITY
  }

  /** Hops after which that share of the nodes had it; infinity when fewer have it. */
  hopsTo(share: number): number {
    const hops = [...this.#hopsOf.values()].sort((a, b) => a - b)
    return hops[Math.ceil(share * this.#nodes) - 1] ?? Number.POSITIVE_INFINITY
  }
}
