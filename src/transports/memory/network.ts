/**
 * A model of a bad network: what becomes of one message, decided by a seed. It has no
 * clock, no timers and no randomness of its own, so that the memory transport (real time)
 * and a simulator of thousands of nodes (virtual time) run over the same faults.
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
  /** shortest and longest way, milliseconds, evenly spread between; default [0, 0] */
  readonly latency?: readonly [number, number]
  /** share of the arriving messages that arrive twice, 0 to 1; default 0 */
  readonly doubling?: number
}

const LOST: readonly number[] = []

const validateShare = (name: string, share: number): void => {
  if (!(share >= 0 && share <= 1)) throw new TypeError(`${name} must be 0 to 1, not ${share}`)
}

export class Network {
  /** May be changed at any time, like `latency` and `doubling`: counts from the next message. */
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
   * Milliseconds from `now` until each copy of one message arrives: empty where it is lost,
   * two where it is doubled. Two messages on one way may overtake each other, as each draws
   * its own delay. The answer does not depend on `now` today: it is there for a model with
   * queues. Costs two to four random numbers and the answer's array.
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
   * From now on messages pass only within a group. Addresses that no group names form one
   * more group together. Replaces the partition before it. A name in two groups is an error.
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

  /** Does a partition lie between the two? */
  isolated(from: string, to: string): boolean {
    const groups = this.#groups
    return groups !== undefined && groups.get(from) !== groups.get(to)
  }
}

/** Two rounds of multiply and fold: each bit of a 32-bit word comes to depend on all others. */
const mix = (word: number): number => {
  let mixed = Math.imul(word ^ (word >>> 16), 0x21f0aaad)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
  return mixed ^ (mixed >>> 15)
}

/**
 * The numbers in [0, 1) that belong to `seed`, the same on every machine. Neighbouring
 * seeds (0 too) give unrelated sequences. Each repeats after 2^32 numbers; not for secrets.
 * The scheme is splitmix32: a counter by the golden ratio, each value mixed.
 */
export const seeded = (seed: number): (() => number) => {
  let counter = mix(seed + 0x6a09e667)
  return () => {
    counter = (counter + 0x9e3779b9) | 0
    return (mix(counter) >>> 0) / 0x1_0000_0000
  }
}
