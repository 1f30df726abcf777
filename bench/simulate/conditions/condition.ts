/**
 * A condition of a simulated swarm, as data: what the network does, what a send costs, which nodes
 * fail, and what is written. What is absent does not happen.
 *
 * ```ts
 * const condition: Condition = { name: 'calm', load: ONE_WRITE }
 * ```
 */
import { type Bursts, LOSSY_BURSTS } from './bursts.ts'
import { type Churn, TENTH } from './churn.ts'
import { HUNDRED_A_SECOND, type Load, ONE_WRITE, TEN_A_SECOND } from './load.ts'
import { FIVE_REGIONS, type Regions } from './regions.ts'
import { PILOTCTL, type SendCost } from './send-cost.ts'
import { A_FEW_SLOW, type SlowNodes } from './slow-nodes.ts'

export interface Condition {
  readonly name: string
  readonly load: Load
  /** Share of lost messages. */
  readonly loss?: number
  readonly bursts?: Bursts
  /** Replaces the delay of all messages. */
  readonly regions?: Regions
  readonly slow?: SlowNodes
  readonly cost?: SendCost
  readonly churn?: Churn
}

export const CONDITIONS: readonly Condition[] = [
  { name: 'one write', load: ONE_WRITE },
  { name: 'one write, 10 % lost', load: ONE_WRITE, loss: 0.1 },
  { name: 'one write, 30 % lost', load: ONE_WRITE, loss: 0.3 },
  { name: 'one write, lossy bursts', load: ONE_WRITE, bursts: LOSSY_BURSTS },
  { name: 'one write, five regions', load: ONE_WRITE, regions: FIVE_REGIONS },
  { name: 'one write, pilotctl', load: ONE_WRITE, cost: PILOTCTL },
  { name: '10 writes/s', load: TEN_A_SECOND },
  { name: '10 writes/s, churn', load: TEN_A_SECOND, churn: TENTH },
  { name: '10 writes/s, slow nodes', load: TEN_A_SECOND, slow: A_FEW_SLOW },
  { name: '10 writes/s, pilotctl', load: TEN_A_SECOND, cost: PILOTCTL },
  { name: '10 writes/s, pilotctl, 10 % lost', load: TEN_A_SECOND, cost: PILOTCTL, loss: 0.1 },
  { name: '100 writes/s', load: HUNDRED_A_SECOND },
  { name: '100 writes/s, pilotctl', load: HUNDRED_A_SECOND, cost: PILOTCTL },
]

/** Those for swarms of 10,000 nodes: a second of writes would be some 400,000 messages. */
export const LARGE_CONDITIONS: readonly Condition[] = CONDITIONS.filter(({ name }) =>
  ['one write', 'one write, pilotctl'].includes(name),
).map((condition) => ({ ...condition, load: { ...condition.load, writes: 1 } }))
