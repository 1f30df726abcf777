/**
 * A model of a bad network: a seed decides what happens to each message. It has no clock, timers or
 * randomness of its own, so that the memory transport (real time) and the simulator of thousands of
 * nodes (virtual time) run over the same faults.
 *
 * ```ts
 * const network = new Network({ random: seeded(7), loss: 0.1, latency: [5, 80], doubling: 0.01 })
 * for (const delay of network.deliveries('a', 'b', now)) schedule(deliver, delay)
 * ```
 */

export interface NetworkOptions {
  /** the next of a sequence of numbers in [0, 1); `seeded` makes one */
  readonly random: () => number
  /** share of messages that never arrive, 0 to 1; default 0 */
  readonly loss?: number
  /** minimum and maximum delay in milliseconds, uniformly distributed; default [0, 0] */
  readonly latency?: readonly [number, number]
  /** share of the delivered messages that arrive twice, 0 to 1; default 0 */
  readonly doubling?: number
}

const LOST: readonly number[] = []

const validateShare = (name: string, share: number): void => {
  if (!(share >= 0 && share <= 1)) throw new TypeError(`${name} must be 0 to 1, not ${share}`)
}

export class Network {
  /** May be changed at any time, like `latency` and `doubling`; applies from the next message on. */
  loss: number
  latency: readonly [number, number]
  doubling: number
  readonly #random: () => number
  #groups: ReadonlyMap<string, number> | undefined

  constructor(options: NetworkOptions) {
    const { random, loss = 0, latency = [0, 0], doubling = 0 } = options
    validateShare('loss', loss)
    validateShare('doubling', doubling)
    if (!(latency[0] >= 0 && latency[1] >= latency[0] && latency[1] < Number.POSITIVE_INFINITY)) {
      throw new TypeError(`latency must be [min, max] milliseconds, not [${latency}]`)
    }
    this.loss = loss
    this.latency = latency
    this.doubling = doubling
    this.#random = random
  }

  /**
   * The delay of each copy of one message, in milliseconds from `now`: empty if it is lost, two if
   * it is doubled. Each message draws its own delay, so messages may overtake each other. The
   * result does not depend on `now` yet: the parameter is for a model with queues. Costs two to
   * four random numbers and the array.
   */
  deliveries(from: string, to: string, _now: number): readonly number[] {
    if (this.isolated(from, to)) return LOST
    const random = this.#random
    if (random() < this.loss) return LOST
    const [min, max] = this.latency
    const first = min + (max - min) * random()
    return this.doubling > 0 && random() < this.doubling
      ? [first, min + (max - min) * random()]
      : [first]
  }

  /**
   * From now on messages pass only within a group. All addresses outside the groups form one more
   * group. Replaces the previous partition. Throws if an address is in two groups.
   */
  partition(groups: readonly (readonly string[])[]): void {
    const next = new Map<string, number>()
    groups.forEach((group, index) => {
      for (const address of group) {
        if (next.has(address)) throw new TypeError(`"${address}" is in two groups`)
        next.set(address, index)
      }
    })
    this.#groups = next
  }

  /** Ends the partition. */
  heal(): void {
    this.#groups = undefined
  }

  /** Does a partition separate the two? */
  isolated(from: string, to: string): boolean {
    const groups = this.#groups
    return groups !== undefined && groups.get(from) !== groups.get(to)
  }
}

/** Two rounds of multiply and xor-shift: each bit of a 32-bit word comes to depend on all others. */
const mix = (word: number): number => {
  let mixed = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}

/**
 * The sequence of numbers in [0, 1) for `seed`, the same on every machine. Neighbouring seeds (0
 * too) give unrelated sequences. A sequence repeats after 2^32 numbers, and is not for secrets. The
 * algorithm is splitmix32: a counter that grows by the golden ratio, each value mixed.
 */
export const seeded = (seed: number): (() => number) => {
  let counter = mix(seed + 0x6a09e667)
  return () => {
    counter = (counter + 0x9e3779b9) | 0
    return (mix(counter) >>> 0) / 0x1_0000_0000
  }
}
