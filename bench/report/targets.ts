/**
 * What was to be reached, and whether it is: a row for each target, from results alone. What was
 * not measured is said so, for a target that nobody looks at is as good as missed.
 *
 * ```ts
 * markdown(targetsTable(result.merges, simulation))     // | one key changed: bytes | <= 400 | 340 | met |
 * ```
 */
import { showNumber, showRatio } from '../runner/table.ts'
import { unique } from '../runner/unique.ts'
import type { Result as Simulation } from '../simulate/simulate.ts'
import { unaskedOf, type Verdict } from '../simulate/verdicts.ts'
import type { SwarmBenches } from '../swarm/result.ts'
import type { Cell } from '../workloads/merges.ts'
import type { Table } from './chapter.ts'
import { stateOf } from './state.ts'
import { swarmRows } from './swarm-targets.ts'

/** Keys of the map that the targets of merges are about. */
export const TARGET_KEYS = 10_000

const OURS = 'pilot-gossip'

interface Target {
  readonly name: string
  readonly workload: string
  readonly isMost: boolean
  readonly bound: number
  /** What is measured, of our cell and the other engine's; undefined where it was not. */
  of(ours: Cell, other: Cell | undefined): number | null | undefined
  readonly other?: string
}

const ratioOf = ({ ratio }: Cell): number | null => ratio

/** Microseconds of a second. */
const SECOND = 1e6

const TARGETS: readonly Target[] = [
  {
    name: 'nothing new, told by a digest: times Y.applyUpdate of the state',
    workload: 'nothing new, shortest',
    isMost: true,
    bound: 1 / 1_000,
    of: ratioOf,
  },
  {
    name: 'nothing new, the whole state again: times Y.applyUpdate of it',
    workload: 'same whole again',
    isMost: true,
    bound: 1 / 20,
    of: ratioOf,
  },
  {
    name: 'whole state into an empty replica: times Y.applyUpdate',
    workload: 'whole into empty',
    isMost: true,
    bound: 1.5,
    of: ratioOf,
  },
  {
    name: 'whole state into an empty replica: times as fast as Automerge',
    workload: 'whole into empty',
    isMost: false,
    bound: 4,
    other: 'automerge',
    of: (ours, other) => other && other.us.median / ours.us.median,
  },
  {
    name: 'updates of one key: checked and merged in a second',
    workload: '200 deltas of 1 key',
    isMost: false,
    bound: 20_000,
    of: ({ us }) => (200 * SECOND) / us.median,
  },
  {
    name: 'updates of 100 keys: times Y.applyUpdate',
    workload: 'delta of 100 keys',
    isMost: true,
    bound: 2,
    of: ratioOf,
  },
  {
    name: 'one key changed: bytes of the message',
    workload: 'delta of 1 key',
    isMost: true,
    bound: 400,
    of: ({ bytes }) => bytes,
  },
]

const mergeRow = (cells: readonly Cell[], target: Target): string[] => {
  const { name, workload, isMost, bound, other, of } = target
  const find = (engine: string | undefined) =>
    cells.find((cell) => cell.workload === workload && cell.engine === engine)
  const ours = find(OURS)
  const value = (ours && of(ours, find(other))) ?? undefined
  const wanted = `${isMost ? '<=' : '>='} ${showNumber(bound)}`
  if (value === undefined) return [name, wanted, '-', 'not measured']
  const isMet = isMost ? value <= bound : value >= bound
  return [name, wanted, value >= 100 ? showNumber(value) : showRatio(value), stateOf(isMet)]
}

const shareOf = ({ value, target }: Verdict): number =>
  value === null ? Number.POSITIVE_INFINITY : target === 0 ? value : value / target

const verdictRow = ({ name, of, unit, value, target, isInside }: Verdict, others: number) => [
  `${name}, ${of}`,
  `<= ${showNumber(target)} ${unit}`.trimEnd(),
  value === null ? 'never' : `${showNumber(value)} ${unit}`.trimEnd(),
  `${stateOf(isInside)}${others > 0 ? `, ${others} more` : ''}`,
]

/** Each that is missed; of those of one name that are met the one that is nearest to its target. */
const verdictRows = (verdicts: readonly Verdict[]): string[][] =>
  unique(verdicts.map(({ name }) => name)).flatMap((name) => {
    const some = verdicts.filter((verdict) => verdict.name === name)
    const met = some.filter(({ isInside }) => isInside).sort((a, b) => shareOf(b) - shareOf(a))
    const missed = some.filter(({ isInside }) => !isInside)
    return [
      ...missed.map((verdict) => verdictRow(verdict, 0)),
      ...met.slice(0, 1).map((verdict) => verdictRow(verdict, met.length - 1)),
    ]
  })

/** Of merges at `TARGET_KEYS`, and of the simulation and the real agents where there are such. */
export const targetsTable = (
  merges: readonly Cell[],
  simulation?: Simulation,
  swarm?: SwarmBenches,
): Omit<Table, 'caption'> => {
  const cells = merges.filter(({ keys }) => keys === TARGET_KEYS)
  return {
    head: ['target', 'wanted', 'measured', ''],
    rows: [
      ...TARGETS.map((target) => mergeRow(cells, target)),
      ...(simulation
        ? [
            ...verdictRows(simulation.verdicts),
            ...unaskedOf(simulation.settings).map(({ name }) => [name, '', '-', 'not measured']),
          ]
        : []),
      ...(swarm ? swarmRows(swarm.loads) : []),
    ],
    left: 1,
  }
}
