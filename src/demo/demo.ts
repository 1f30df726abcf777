/**
 * The demo: some agents in one process write, overwrite and delete at the same time, over a network
 * that loses messages and is partitioned for a while. At the end it proves that all agents are equal
 * and no write is lost. For comparison, the seed's scalar rule gets the same writes over the same
 * network.
 *
 * ```js
 * const run = runDemo({ ...DEMO_DEFAULTS, seed: 7 })
 * for (const frame of run.frames) show(frame)
 * console.log(run.result())
 * ```
 */
import { Simulation } from '../simulation/index.ts'
import { Network, seeded } from '../transports/memory/network.ts'
import { Ledger } from './ledger.ts'
import { ScalarSwarm } from './scalar-swarm.ts'
import { makeSteps, type Step, type Write } from './workload.ts'

export interface DemoOptions {
  readonly agents: number
  readonly writes: number
  /** The share of messages that are lost. */
  readonly loss: number
  readonly seed: number
}

export const DEMO_DEFAULTS: DemoOptions = { agents: 8, writes: 300, loss: 0.2, seed: 1 }

/** Virtual milliseconds in which agents write, and in which the network is partitioned. */
const WRITING_MS = 20_000
const SPLIT_MS: readonly [number, number] = [6_000, 14_000]

/** Virtual milliseconds that the swarm has to converge after the last write. */
const CONVERGENCE_MS = 120_000

/** Virtual milliseconds between two frames. */
const FRAME_MS = 250

const LATENCY: readonly [number, number] = [10, 50]

const MAP = 'state'

export interface AgentFrame {
  readonly name: string
  readonly keys: number
  /** The share of the writes so far that the agent has received. */
  readonly share: number
  readonly bytesSent: number
  readonly digest: string
}

export interface Frame {
  /** Virtual milliseconds. */
  readonly now: number
  readonly writes: number
  /** The approximate number of rounds of each agent. */
  readonly rounds: number
  readonly isSplit: boolean
  readonly isWriting: boolean
  readonly agents: readonly AgentFrame[]
}

export interface DemoResult {
  readonly agents: number
  readonly writes: number
  readonly keys: number
  /** Are all replicas equal, by digest and by value? */
  readonly converged: boolean
  /** Virtual milliseconds from the last write until then. */
  readonly convergedAfter: number
  /** The number of keys whose value at the end is not one of their newest writes. */
  readonly lost: number
  readonly digest: string
  readonly bytes: number
  readonly pushes: number
  readonly loss: number
  readonly scalar: {
    readonly lost: number
    /** Are its agents equal at the end? */
    readonly converged: boolean
    readonly bytes: number
  }
  readonly seed: number
}

export interface DemoRun {
  /** The states to show, in order. Iterate to the end: it runs the demo. */
  readonly frames: Iterable<Frame>
  /** The proof. Call it after the last frame. */
  result(): DemoResult
}

/** The key of a step: a new one, or one that the agent has; undefined if it has none. */
const keyOf = (step: Step, visible: readonly string[]): string | undefined =>
  step.action === 'set'
    ? `key${step.write}`
    : [...visible].sort()[Math.floor(step.pick * visible.length)]

export const runDemo = (options: DemoOptions): DemoRun => {
  const { agents, writes, loss, seed } = options
  const names = Array.from({ length: agents }, (_, i) => `agent${i + 1}`)
  const steps = makeSteps(seeded(seed), agents, writes, WRITING_MS)
  const groups = [names.filter((_, i) => i % 2 === 0), names.filter((_, i) => i % 2 === 1)]

  const swarm = new Simulation({ seed, loss, latency: LATENCY })
  const nodes = names.map((name) => swarm.add(name, { peers: names }))
  const ledger = new Ledger()
  const made: Write[] = []
  for (const step of steps) {
    swarm.at(step.at, () => {
      const map = nodes[step.agent]!.doc.getMap(MAP)
      const key = keyOf(step, [...map.keys()])
      if (key === undefined) return
      const { at, agent, write } = step
      const isDelete = step.action === 'delete'
      made.push({ at, agent, key, isDelete, write })
      const value = ledger.note(write, key, map.get(key), isDelete)
      if (isDelete) map.delete(key)
      else map.set(key, value)
    })
  }
  swarm.at(SPLIT_MS[0], () => swarm.network.partition(groups))
  swarm.at(SPLIT_MS[1], () => swarm.network.heal())

  let convergedAfter = Number.NaN
  const frame = (): Frame => {
    const versions = nodes.map(({ replica }) => replica.version)
    const written = Math.max(1, ...versions)
    return {
      now: swarm.now,
      writes: ledger.size,
      rounds: Math.floor(swarm.now / nodes[0]!.gossip.config.intervalMs) + 1,
      isSplit: swarm.now >= SPLIT_MS[0] && swarm.now < SPLIT_MS[1],
      isWriting: swarm.now < WRITING_MS,
      agents: nodes.map(({ address, doc, replica, gossip }) => ({
        name: address,
        keys: doc.getMap(MAP).size,
        share: replica.version / written,
        bytesSent: gossip.counters.bytesSent,
        digest: replica.digest,
      })),
    }
  }
  function* frames(): Generator<Frame> {
    while (swarm.now < WRITING_MS) {
      swarm.run(FRAME_MS)
      yield frame()
    }
    while (!swarm.hasConverged && swarm.now < WRITING_MS + CONVERGENCE_MS) {
      swarm.run(FRAME_MS, () => swarm.hasConverged)
      yield frame()
    }
    convergedAfter = swarm.now - WRITING_MS
  }
  const result = (): DemoResult => {
    const ends = nodes.map(({ doc }) => doc.getMap(MAP).toJSON())
    const isEqual =
      new Set(ends.map((end) => JSON.stringify(Object.entries(end).sort()))).size === 1
    return {
      agents,
      writes: ledger.size,
      keys: Object.keys(ends[0]!).length,
      converged: isEqual && swarm.hasConverged,
      convergedAfter,
      lost: ledger.lost(ends).length,
      digest: nodes[0]!.replica.digest,
      bytes: nodes.reduce((sum, { gossip }) => sum + gossip.counters.bytesSent, 0),
      pushes: nodes.reduce((sum, { gossip }) => sum + gossip.counters.pushesSent, 0),
      loss,
      scalar: runScalar(options, names, groups, made, swarm.now),
      seed,
    }
  }
  return { frames: frames(), result }
}

/** Runs the same writes over the same network for as long, by the seed's rule. */
const runScalar = (
  { loss, seed }: DemoOptions,
  names: readonly string[],
  groups: readonly (readonly string[])[],
  writes: readonly Write[],
  duration: number,
): DemoResult['scalar'] => {
  const network = new Network({ random: seeded(seed + 1), loss, latency: LATENCY })
  const swarm = new ScalarSwarm(names, network, seeded(seed), 5_000)
  const ledger = new Ledger()
  for (const { at, agent, key, isDelete, write } of writes) {
    swarm.at(at, () => {
      const replica = swarm.replicas[agent]!
      const value = ledger.note(write, key, replica.state[key], isDelete)
      if (isDelete) replica.delete(key)
      else replica.set(key, value)
    })
  }
  swarm.at(SPLIT_MS[0], () => network.partition(groups))
  swarm.at(SPLIT_MS[1], () => network.heal())
  // It pushes only in rounds, so it gets two minutes, which is more than it needs.
  swarm.runUntil(Math.max(duration, WRITING_MS + CONVERGENCE_MS))
  const ends = swarm.replicas.map(({ state }) => state)
  return {
    lost: ledger.lost(ends).length,
    converged: new Set(ends.map((end) => JSON.stringify(Object.entries(end).sort()))).size === 1,
    bytes: swarm.bytes,
  }
}
