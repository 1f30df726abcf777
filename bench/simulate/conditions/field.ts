/**
 * The network of a condition: when a message leaves, and after how long each copy of it arrives.
 *
 * ```ts
 * const field = new Field(condition, { addresses, latency: [10, 50], random: seeded(7) })
 * field.leavesAt('a', now)
 * field.deliveries('a', 'b', now)     // [] if it is lost
 * ```
 */
import { burstsOf } from './bursts.ts'
import type { Condition } from './condition.ts'
import { latencyBetween } from './regions.ts'
import { sendQueue } from './send-cost.ts'
import { isSlow } from './slow-nodes.ts'

export interface FieldOptions {
  readonly addresses: readonly string[]
  /** Shortest and longest delay in milliseconds. */
  readonly latency: readonly [number, number]
  readonly random: () => number
}

export class Field {
  /** When a message that is sent now leaves its node, in milliseconds. */
  readonly leavesAt: (from: string, now: number) => number
  readonly #condition: Condition
  readonly #options: FieldOptions
  readonly #numbers: ReadonlyMap<string, number>
  readonly #isLossy: (node: string, now: number) => boolean

  constructor(condition: Condition, options: FieldOptions) {
    const { bursts, cost } = condition
    this.#condition = condition
    this.#options = options
    this.#numbers = new Map(options.addresses.map((address, node) => [address, node]))
    this.#isLossy = bursts ? burstsOf(bursts, options.random) : () => false
    this.leavesAt = cost ? sendQueue(cost) : (_, now) => now
  }

  deliveries(from: string, to: string, now: number): readonly number[] {
    const { loss = 0, bursts, regions, slow } = this.#condition
    const { latency, random } = this.#options
    if (random() < loss) return []
    if (bursts && this.#isLossy(to, now) && random() < bursts.loss) return []
    const a = this.#numbers.get(from) ?? 0
    const b = this.#numbers.get(to) ?? 0
    const [min, max] = regions ? latencyBetween(regions, a, b) : latency
    const extraMs = slow && isSlow(slow, a) ? slow.extraMs : 0
    return [min + (max - min) * random() + extraMs]
  }
}
