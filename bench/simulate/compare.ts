/**
 * Two ways to spread a change under the same conditions, with the same writes: how long a write
 * takes to each node, how many nodes it does not reach without a round, and what it costs.
 *
 * ```ts
 * measureCondition(condition, { ...STANDARD, dissemination: 'tree' }, 7)
 * ```
 */
import type { GossipConfig } from '../../src/gossip/index.ts'
import { seeded } from '../../src/transports/memory/network.ts'
import { quantileOf } from '../runner/stats.ts'
import { outagesOf } from './conditions/churn.ts'
import { CONDITIONS, type Condition, LARGE_CONDITIONS } from './conditions/condition.ts'
import { Field } from './conditions/field.ts'
import { timesOf } from './conditions/load.ts'
import type { Settings } from './settings.ts'
import { Swarm } from './swarm.ts'

/** Milliseconds after the last write until nothing is under way. */
const END_MS = 10_000

/** Writes before those that are measured: a tree is laid by the first pushes. */
const PRACTICE = 2
const PRACTICE_MS = 3_000

/** From this number of nodes on, only `LARGE_CONDITIONS` are measured. */
const LARGE = 10_000

export const PLANS = ['fanout', 'tree'] as const

/** One condition with one plan. */
export interface Comparison {
  readonly nodes: number
  readonly condition: string
  readonly plan: GossipConfig['dissemination']
  /** Milliseconds of a write to a node that was up throughout; null: never without a round. */
  readonly p50: number | null
  readonly p99: number | null
  /** Share of those nodes and writes. */
  readonly leftOut: number
  /** Of one node, for one write. */
  readonly messages: number
  readonly bytes: number
}

const finite = (ms: number | undefined): number | null =>
  ms !== undefined && Number.isFinite(ms) ? ms : null

export const measureCondition = (
  condition: Condition,
  settings: Settings,
  seed: number,
): Comparison => {
  const swarm = new Swarm({ ...settings, seed, loss: 0, hasRounds: false })
  const { addresses, simulation, traffic } = swarm
  const random = seeded(seed + 2)
  const size = settings.sizes[0]!
  for (let i = 0; i < PRACTICE; i++) {
    swarm.write(size)
    swarm.run(PRACTICE_MS)
  }
  swarm.forget()
  simulation.field = new Field(condition, { addresses, latency: settings.latency, random })
  const times = timesOf(condition.load)
  const start = swarm.now
  const durationMs = times.at(-1)!
  const down = new Set<string>()
  if (condition.churn) {
    const { downMs } = condition.churn
    for (const { node, at } of outagesOf(condition.churn, addresses.length, durationMs, random)) {
      down.add(addresses[node]!)
      simulation.at(start + at, () => swarm.restart(addresses[node]!, downMs))
    }
  }
  traffic.take()
  const spreads = times.map((at) => {
    swarm.run(start + at - swarm.now)
    return swarm.write(
      size,
      swarm.pick((address) => !down.has(address)),
    )
  })
  swarm.run(END_MS)
  const { messages, bytes } = traffic.take()
  const lags = spreads.flatMap((spread) =>
    addresses.filter((one) => !down.has(one)).map((one) => spread.msOf(one)),
  )
  lags.sort((a, b) => a - b)
  const cost = addresses.length * times.length
  return {
    nodes: addresses.length,
    condition: condition.name,
    plan: settings.dissemination,
    p50: finite(quantileOf(lags, 0.5)),
    p99: finite(quantileOf(lags, 0.99)),
    leftOut: lags.filter((ms) => !Number.isFinite(ms)).length / lags.length,
    messages: messages / cost,
    bytes: bytes / cost,
  }
}

/** Nodes of the swarms that are compared, unless the caller names another number. */
const NODES = [100, 1_000]

export interface Plans {
  readonly seed: number
  readonly latency: readonly [number, number]
  /** Characters of a write. */
  readonly size: number
  readonly plans: readonly Comparison[]
}

/** All conditions, each with both plans: for that many nodes or, without a number, for several. */
export const comparePlans = (
  settings: Settings,
  nodes: number | undefined,
  progress: (row: string) => void = () => undefined,
): Plans => {
  const plans = (nodes === undefined ? NODES : [nodes]).flatMap((count) =>
    (count >= LARGE ? LARGE_CONDITIONS : CONDITIONS).flatMap((condition) =>
      PLANS.map((dissemination) => {
        progress(`${condition.name}, ${count} nodes, ${dissemination}`)
        const view = Math.min(settings.view, count - 1)
        const swarm = { ...settings, nodes: count, view, dissemination }
        return measureCondition(condition, swarm, settings.seed)
      }),
    ),
  )
  const { seed, latency, sizes } = settings
  return { seed, latency, size: sizes[0]!, plans }
}
