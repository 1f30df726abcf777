/**
 * What is to be simulated: the swarm, its network, and which parts of the report are wanted.
 *
 * ```ts
 * simulate({ ...STANDARD, nodes: 10_000, sections: ['write'] })
 * ```
 */
import { DEFAULTS } from '../../src/gossip/index.ts'

/** The parts of a run, in the order in which they are run and shown. */
export const SECTIONS = ['write', 'traffic', 'partition', 'churn', 'writers'] as const

export type Section = (typeof SECTIONS)[number]

export interface Settings {
  readonly sections: readonly Section[]
  readonly nodes: number
  /** Peers that each node knows, and that know it. */
  readonly view: number
  /** Peers a push goes to. */
  readonly fanout: number
  /** Peers that the digest goes to after a push. */
  readonly echo: number
  /** Shares of the messages that never arrive: all is done for each of them. */
  readonly losses: readonly number[]
  /** Shortest and longest way, milliseconds. */
  readonly latency: readonly [number, number]
  /** Characters of the value that is written: writes are measured for each of them. */
  readonly sizes: readonly number[]
  /** Writers in the document before anything is measured. */
  readonly writers: number
  /** Shares of the swarm that do not hear each other for some time. */
  readonly partition: readonly [number, number]
  /** Share of the nodes that are down for some time. */
  readonly churn: number
  /** Of the first swarm; the others have the next ones. */
  readonly seed: number
  /** Swarms, each with a seed of its own. */
  readonly seeds: number
  /** Writes measured in each of them. */
  readonly writes: number
}

/**
 * Peers. In a real swarm a node comes to know everybody; in one process nodes times peers must
 * fit into memory (200 bytes each). Figures with 100 and with all 999 are the same within 2 %.
 */
export const VIEW = 100

/** The swarm for which the numbers to beat are given. */
export const STANDARD: Settings = {
  sections: SECTIONS,
  nodes: 1_000,
  view: VIEW,
  fanout: DEFAULTS.fanout,
  echo: DEFAULTS.digestFanout,
  losses: [0, 0.1],
  latency: [10, 50],
  sizes: [20, 6_000],
  writers: 1,
  partition: [3, 2],
  churn: 0.1,
  seed: 1,
  seeds: 3,
  writes: 3,
}

/** Small enough for a test. */
export const QUICK: Settings = {
  ...STANDARD,
  sections: ['write', 'partition', 'churn'],
  nodes: 200,
}
