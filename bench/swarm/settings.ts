/**
 * What a bench of real agents is made of, and the numbers it uses where the caller gives none.
 *
 * ```ts
 * await benchSwarm({ ...STANDARD, agents: 3, rate: 1, seconds: 5 })
 * ```
 */

export const SCENARIOS = ['load', 'outage', 'swap', 'import'] as const
export const TRANSPORTS = ['pilot', 'mailbox'] as const

export type Scenario = (typeof SCENARIOS)[number]

export interface Settings {
  readonly scenario: Scenario
  readonly transport: (typeof TRANSPORTS)[number]
  /** Of Pilot: one for each node, in turn. */
  readonly versions: readonly string[]
  readonly agents: number
  /** Writes a second, of all agents together. */
  readonly rate: number
  /** How long writes are issued. */
  readonly seconds: number
  /** Characters of a value. */
  readonly valueBytes: number
  /** Does each agent overwrite one key, in the layout for such keys, instead of writing new ones? */
  readonly isHot: boolean
  /** How long no agent writes before, so that the traffic of rounds alone is known. */
  readonly idleSeconds: number
  /** How long the replicas may take to become equal after the last write. */
  readonly settleSeconds: number
  readonly runs: number
  /** Are the agents those of `dist`, instead of those of the sources? */
  readonly isBuilt: boolean
  /** `--interval` and `--fanout` of the agents; their own defaults without it. */
  readonly interval?: string
  readonly fanout?: number
  /** Of the scenario outage: how long one agent is without its daemon. */
  readonly outageSeconds: number
  /** Of the scenario swap: the versions of pilotctl that follow one another. */
  readonly swaps: readonly string[]
  /** Of the scenario import: values, and the bytes of each. */
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

/** Writes a second where a scenario asks for others than a plain load does. */
export const RATES: Readonly<Record<Scenario, number>> = {
  load: STANDARD.rate,
  // The state that has to be caught up with grows, and the swarm has time for all else.
  outage: 1,
  // Each write of a swap is one by itself.
  swap: 1,
  import: STANDARD.rate,
}
