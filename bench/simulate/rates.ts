/**
 * What a node sends per second, idle and under constant writing, rounds included.
 *
 * ```ts
 * const { idle, load } = measureRates(swarm, 20)
 * ```
 */
import type { Swarm } from './swarm.ts'

/** Round intervals over which the idle swarm is measured. */
const IDLE_INTERVALS = 4

/** Writes per second, each by a random node: a busy swarm, far below what it can bear. */
export const LOAD = 10

/** Milliseconds of virtual time. */
const LOAD_MS = 3_000

/** The share of nodes whose time is measured for each write of the load. */
const NEARLY_ALL = 0.99

/** Of one node, per second. */
export interface Rate {
  readonly messages: number
  readonly bytes: number
}

export interface Rates {
  readonly idle: Rate
  readonly load: Rate
  /** Milliseconds until 99 % of the nodes had it, for each write of the load. */
  readonly loadMs: readonly number[]
}

const takeRate = (swarm: Swarm, milliseconds: number): Rate => {
  const { messages, bytes } = swarm.traffic.take()
  const seconds = (milliseconds / 1000) * swarm.addresses.length
  return { messages: messages / seconds, bytes: bytes / seconds }
}

export const measureRates = (swarm: Swarm, length: number): Rates => {
  const idleMs = IDLE_INTERVALS * swarm.intervalMs
  swarm.traffic.take()
  swarm.run(idleMs)
  const idle = takeRate(swarm, idleMs)
  const pause = 1000 / LOAD
  const spreads = []
  for (let ms = 0; ms < LOAD_MS; ms += pause) {
    spreads.push(swarm.write(length))
    swarm.run(pause)
  }
  const load = takeRate(swarm, LOAD_MS)
  swarm.settle(spreads, 'writing')
  return { idle, load, loadMs: spreads.map((spread) => spread.timeOf(NEARLY_ALL)) }
}
