/**
 * What was to be reached by real agents over real daemons: a row for each target.
 *
 * ```ts
 * swarmRows(swarm.loads)     // [['5 agents at 1/s: lag p50', '<= 500 ms', '387 ms', 'met'], …]
 * ```
 */
import { showNumber } from '../runner/table.ts'
import type { MedianRun, SwarmBench } from '../swarm/result.ts'
import { stateOf } from './state.ts'

interface Target {
  readonly agents: number
  /** Writes a second. */
  readonly rate: number
  readonly name: string
  readonly most: number
  readonly unit: string
  /** Null: never. */
  readonly of: (run: MedianRun) => number | null
}

type What = Omit<Target, 'agents' | 'rate'>

const lag = (quantile: 'p50' | 'p99', most: number): What => ({
  name: `lag ${quantile}`,
  most,
  unit: 'ms',
  of: (run) => run.lag.each[quantile],
})

const equal = (most: number): What => ({
  name: 'equal after the end',
  most,
  unit: 's',
  of: (run) => run.equal.seconds,
})

const acknowledged = (most: number): What => ({
  name: 'acknowledged after, p99',
  most,
  unit: 'ms',
  of: (run) => run.acknowledgement.p99,
})

const messages = (most: number): What => ({
  name: 'messages a write',
  most,
  unit: '',
  of: (run) => run.traffic.perWrite,
})

const redundant = (most: number): What => ({
  name: 'redundant',
  most,
  unit: '%',
  of: (run) => run.traffic.redundantShare * 100,
})

const failed = (most: number): What => ({
  name: 'failed sends',
  most,
  unit: '%',
  of: (run) => run.traffic.failedShare * 100,
})

/** p99 may be that many times what p50 may be. */
const TAIL = 3

const steady = (p50: number): What[] => [lag('p50', p50), lag('p99', TAIL * p50), equal(2)]

const TARGETS: readonly Target[] = (
  [
    [5, 1, [...steady(500), messages(8), redundant(20)]],
    [5, 5, steady(700)],
    [5, 20, [...steady(1_000), acknowledged(50)]],
    [5, 60, [lag('p50', 1_500)]],
    [10, 20, [lag('p50', 2_000)]],
    [20, 50, [lag('p50', 5_000), equal(10), failed(2)]],
  ] as const
).flatMap(([agents, rate, all]) => all.map((one) => ({ agents, rate, ...one })))

const rowOf = (loads: readonly SwarmBench[], target: Target): string[] => {
  const { agents, rate, name, most, unit, of } = target
  const show = (value: number): string => `${showNumber(value)} ${unit}`.trimEnd()
  const start = [`${agents} agents at ${rate}/s: ${name}`, `<= ${show(most)}`]
  const load = loads.find(({ settings }) => settings.agents === agents && settings.rate === rate)
  if (load === undefined) return [...start, '-', 'not measured']
  const value = of(load.median)
  return [
    ...start,
    value === null ? 'never' : show(value),
    stateOf(value !== null && value <= most),
  ]
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** Of every run, not of the median one: a single lost write is one too many. */
const lostRow = (loads: readonly SwarmBench[]): string[] => {
  const lost = sum(loads.flatMap(({ runs }) => runs.map(({ writes }) => writes.lost)))
  return [
    'all agents, all runs: acknowledged and lost',
    '<= 0',
    showNumber(lost),
    stateOf(lost === 0),
  ]
}

export const swarmRows = (loads: readonly SwarmBench[]): string[][] => [
  ...TARGETS.map((target) => rowOf(loads, target)),
  ...(loads.length > 0 ? [lostRow(loads)] : []),
]
