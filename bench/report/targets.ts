/**
 * The performance targets and whether the results meet them. A target that was not measured is
 * listed as such, so that it is not forgotten.
 *
 * ```ts
 * targetRows({ result, simulation, swarm })[0]      // ['nothing new, …', '<= 0.001', '0.0005', 'met']
 * ```
 */
import { sumOf, unique } from '../runner/stats.ts'
import { showNumber, showRatio } from '../runner/table.ts'
import { notMeasuredBy, type Verdict } from '../simulate/verdicts.ts'
import type { MedianRun, SwarmBench } from '../swarm/result.ts'
import type { Cell } from '../workloads/merges.ts'
import type { Results } from './results.ts'

/** Keys of the map that the targets for merges are about. */
export const TARGET_KEYS = 10_000

/** A target, the wanted value, the measured value, and whether it is met. */
export type TargetRow = readonly [name: string, wanted: string, measured: string, state: string]

const MISSED = '**missed**'

const stateOf = (isMet: boolean): string => (isMet ? 'met' : MISSED)

const NOT_MEASURED = ['-', 'not measured'] as const

/** A figure of our cell and, if the target compares engines, of the other engine's. */
type Measure = (ours: Cell, other: Cell | undefined) => number | null | undefined

type MergeTarget = readonly [
  name: string,
  workload: string,
  comparison: '<=' | '>=',
  bound: number,
  measure: Measure,
]

const ratio: Measure = (ours) => ours.ratio

/** Microseconds of a second. */
const SECOND = 1e6

const MERGE_TARGETS: readonly MergeTarget[] = [
  [
    'nothing new, shown by a digest: times Y.applyUpdate of the state',
    'nothing new, shortest',
    '<=',
    1 / 1_000,
    ratio,
  ],
  [
    'nothing new, the whole state again: times Y.applyUpdate of it',
    'same whole again',
    '<=',
    1 / 20,
    ratio,
  ],
  ['whole state into an empty replica: times Y.applyUpdate', 'whole into empty', '<=', 1.5, ratio],
  [
    'whole state into an empty replica: times as fast as Automerge',
    'whole into empty',
    '>=',
    4,
    (ours, other) => other && other.us.median / ours.us.median,
  ],
  [
    'updates of one key: checked and merged per second',
    '200 deltas of 1 key',
    '>=',
    20_000,
    ({ us }) => (200 * SECOND) / us.median,
  ],
  ['updates of 100 keys: times Y.applyUpdate', 'delta of 100 keys', '<=', 2, ratio],
  ['one key changed: bytes of the message', 'delta of 1 key', '<=', 400, ({ bytes }) => bytes],
]

const mergeRow = (cells: readonly Cell[], target: MergeTarget): TargetRow => {
  const [name, workload, comparison, bound, measure] = target
  const find = (engine: string) =>
    cells.find((cell) => cell.workload === workload && cell.engine === engine)
  const ours = find('pilot-gossip')
  const value = ours && measure(ours, find('automerge'))
  const wanted = `${comparison} ${showNumber(bound)}`
  if (value === undefined || value === null) return [name, wanted, ...NOT_MEASURED]
  const isMet = comparison === '<=' ? value <= bound : value >= bound
  return [name, wanted, value >= 100 ? showNumber(value) : showRatio(value), stateOf(isMet)]
}

/** `5 ms`, or `never` for null. */
const show = (value: number | null, unit: string): string =>
  value === null ? 'never' : `${showNumber(value)} ${unit}`.trimEnd()

const shareOf = ({ value, target }: Verdict): number =>
  value === null ? Number.POSITIVE_INFINITY : target === 0 ? value : value / target

const verdictRow = (verdict: Verdict, others: number): TargetRow => {
  const { name, of, unit, value, target, isInside } = verdict
  const more = others > 0 ? `, ${others} more` : ''
  return [
    `${name}, ${of}`,
    `<= ${show(target, unit)}`,
    show(value, unit),
    `${stateOf(isInside)}${more}`,
  ]
}

/** Every missed verdict; of the met ones of the same name the one closest to its target. */
const verdictRows = (verdicts: readonly Verdict[]): TargetRow[] =>
  unique(verdicts.map(({ name }) => name)).flatMap((name) => {
    const some = verdicts.filter((verdict) => verdict.name === name)
    const met = some.filter(({ isInside }) => isInside).sort((a, b) => shareOf(b) - shareOf(a))
    const missed = some.filter(({ isInside }) => !isInside)
    return [
      ...missed.map((verdict) => verdictRow(verdict, 0)),
      ...met.slice(0, 1).map((verdict) => verdictRow(verdict, met.length - 1)),
    ]
  })

type LoadTarget = readonly [
  agents: number,
  rate: number,
  name: string,
  max: number,
  unit: string,
  of: (run: MedianRun) => number | null,
]

const p50 = ({ lag }: MedianRun) => lag.each.p50
const p99 = ({ lag }: MedianRun) => lag.each.p99
const untilEqual = ({ equal }: MedianRun) => equal.seconds

const LOAD_TARGETS: readonly LoadTarget[] = [
  [5, 1, 'lag p50', 500, 'ms', p50],
  [5, 1, 'lag p99', 1_500, 'ms', p99],
  [5, 1, 'equal after the end', 2, 's', untilEqual],
  [5, 1, 'messages a write', 8, '', ({ traffic }) => traffic.perWrite],
  [5, 1, 'redundant', 20, '%', ({ traffic }) => traffic.redundantShare * 100],
  [5, 5, 'lag p50', 700, 'ms', p50],
  [5, 5, 'lag p99', 2_100, 'ms', p99],
  [5, 5, 'equal after the end', 2, 's', untilEqual],
  [5, 20, 'lag p50', 1_000, 'ms', p50],
  [5, 20, 'lag p99', 3_000, 'ms', p99],
  [5, 20, 'equal after the end', 2, 's', untilEqual],
  [5, 20, 'acknowledged after, p99', 50, 'ms', ({ acknowledgement }) => acknowledgement.p99],
  [5, 60, 'lag p50', 1_500, 'ms', p50],
  [10, 20, 'lag p50', 2_000, 'ms', p50],
  [20, 50, 'lag p50', 5_000, 'ms', p50],
  [20, 50, 'equal after the end', 10, 's', untilEqual],
  [20, 50, 'failed sends', 2, '%', ({ traffic }) => traffic.failedShare * 100],
]

const loadRow = (loads: readonly SwarmBench[], target: LoadTarget): TargetRow => {
  const [agents, rate, what, max, unit, of] = target
  const load = loads.find(({ settings }) => settings.agents === agents && settings.rate === rate)
  const name = `${agents} agents at ${rate}/s: ${what}`
  const wanted = `<= ${show(max, unit)}`
  if (load === undefined) return [name, wanted, ...NOT_MEASURED]
  const value = of(load.median)
  return [name, wanted, show(value, unit), stateOf(value !== null && value <= max)]
}

/** Counts every run, not the median one: a single lost write is one too many. */
const lostRow = (loads: readonly SwarmBench[]): TargetRow => {
  const lost = sumOf(loads.flatMap(({ runs }) => runs.map(({ writes }) => writes.lost)))
  return [
    'all agents, all runs: acknowledged and lost',
    '<= 0',
    showNumber(lost),
    stateOf(lost === 0),
  ]
}

export const loadRows = (loads: readonly SwarmBench[]): TargetRow[] => [
  ...LOAD_TARGETS.map((target) => loadRow(loads, target)),
  lostRow(loads),
]

/** Merges at `TARGET_KEYS`, then the simulation and the real agents if they were measured. */
export const targetRows = ({ result, simulation, swarm }: Results): TargetRow[] => {
  const cells = (result.merges ?? []).filter(({ keys }) => keys === TARGET_KEYS)
  return [
    ...MERGE_TARGETS.map((target) => mergeRow(cells, target)),
    ...(simulation ? verdictRows(simulation.verdicts) : []),
    ...(simulation
      ? notMeasuredBy(simulation.settings).map(({ name }): TargetRow => [name, '', ...NOT_MEASURED])
      : []),
    ...(swarm ? loadRows(swarm.loads) : []),
  ]
}
