/** The settings of a bench of real agents, and their defaults. */

export const SCENARIOS = ['load', 'outage', 'swap', 'import'] as const
export const TRANSPORTS = ['pilot', 'mailbox'] as const

export type Scenario = (typeof SCENARIOS)[number]

export interface Settings {
  readonly scenario: Scenario
  readonly transport: (typeof TRANSPORTS)[number]
  /** Of Pilot: one for each node, in turn. */
  readonly versions: readonly string[]
  readonly agents: number
  /** Writes per second, all agents together. */
  readonly rate: number
  /** During which writes are issued. */
  readonly seconds: number
  /** Characters of a value. */
  readonly valueBytes: number
  /** Does each agent overwrite one hot key instead of writing new keys? */
  readonly isHot: boolean
  /** Before the load, without a write: measures the traffic of rounds alone. */
  readonly idleSeconds: number
  /** Until the replicas must be equal, from the last write. */
  readonly settleSeconds: number
  readonly runs: number
  /** Agents from `dist` instead of from the sources? */
  readonly isBuilt: boolean
  /** Of the agents; absent: their own defaults. */
  readonly interval?: string
  readonly fanout?: number
  /** Scenario outage: how long one agent has no daemon. */
  readonly outageSeconds: number
  /** Scenario swap: versions of pilotctl, one after the other. */
  readonly swaps: readonly string[]
  /** Scenario import: values, and bytes of each. */
  readonly entries: number
  readonly entryBytes: number
}

export const STANDARD: Settings = {
  scenario: 'load',
  transport: 'pilot',
  versions: ['1.18.0'],
  agents: 5,
  rate: 5,
  seconds: 30,
  valueBytes: 20,
  isHot: false,
  // A round of each agent at its default interval.
  idleSeconds: 5,
  settleSeconds: 120,
  runs: 1,
  isBuilt: false,
  outageSeconds: 130,
  swaps: ['1.13.11', '1.10.0', '1.18.0'],
  entries: 2_000,
  entryBytes: 50_000,
}

/** Writes per second by scenario. */
export const RATES: Readonly<Record<Scenario, number>> = {
  load: STANDARD.rate,
  // The state to catch up with grows, and the swarm has time for everything else.
  outage: 1,
  // Each write is observed by itself.
  swap: 1,
  import: STANDARD.rate,
}
