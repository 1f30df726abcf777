/**
 * What a node sends in a second: when nothing is written, and under constant writing. Rounds
 * are made as in any swarm.
 *
 * ```ts
 * const { idle, load } = measureRates(swarm, 20)
 * ```
 */
import type { Swarm } from './swarm.ts'
import type { Sent } from './traffic.ts'

/** Intervals between rounds over which the idle swarm is measured. */
const IDLE_INTERVALS = 4

/** Writes a second, each by another node: a busy swarm of agents, not a test of what it can bear. */
export const LOAD = 10

/** Milliseconds; virtual. */
const LOAD_MS = 3_000

/** Of the load's writes, the share that must have reached a node for its time to be told. */
const NEARLY_ALL = 0.99

/** Of one node. */
export interface Rate {
  readonly messages: number
  readonly bytes: number
}

export interface Rates {
  readonly idle: Rate
  readonly load: Rate
  /** Milliseconds until 99 % of the nodes have a write of the load, by write. */
  readonly loadMs: readonly number[]
}

const rateOf = ({ messages, bytes }: Sent, swarm: Swarm, milliseconds: number): Rate => {
  const seconds = (milliseconds / 1000) * swarm.addresses.length
  return { messages: messages / seconds, bytes: bytes / seconds }
}

export const measureRates = (swarm: Swarm, length: number): Rates => {
  const idleMs = IDLE_INTERVALS * swarm.intervalMs
  swarm.traffic.take()
  swarm.run(idleMs)
  const idle = rateOf(swarm.traffic.take(), swarm, idleMs)
  const pause = 1000 / LOAD
  const spreads = []
  for (let ms = 0; ms < LOAD_MS; ms += pause) {
    spreads.push(swarm.write(length))
    swarm.run(pause)
  }
  const load = rateOf(swarm.traffic.take(), swarm, LOAD_MS)
  swarm.settle(spreads, 'writing')
  return { idle, load, loadMs: spreads.map((spread) => spread.timeOf(NEARLY_ALL)) }
}
