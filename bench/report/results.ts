/**
 * The results that `bench/results` keeps, one file for each program.
 *
 * ```ts
 * const { result, simulation, swarm } = readResults(dir)
 * ```
 */
import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { Failure } from '../../src/errors.ts'
import type { CostsBench } from '../costs/bench.ts'
import { readData, readLine } from '../runner/result.ts'
import type { SideBench } from '../side/bench.ts'
import type { Plans } from '../simulate/compare.ts'
import type { Result as Simulation } from '../simulate/simulate.ts'
import type { SwarmBenches } from '../swarm/result.ts'
import type { BenchResult } from '../workloads/bench.ts'

export interface Results {
  readonly result: BenchResult
  readonly simulation?: Simulation | undefined
  readonly swarm?: SwarmBenches | undefined
  readonly plans?: Plans | undefined
  readonly side?: SideBench | undefined
  readonly costs?: CostsBench | undefined
}

/** The fields by which a result is recognised. */
const FIELDS = {
  bench: ['machine', 'date', 'engines', 'layouts', 'swarm'],
  plans: ['plans', 'seed', 'size'],
  simulation: ['settings', 'writes', 'rates', 'faults', 'writers', 'verdicts'],
  swarm: ['loads'],
  side: ['versions', 'settings', 'sections'],
  costs: ['date', 'machine', 'settings', 'sections', 'growth'],
} as const

type Kind = keyof typeof FIELDS

const pathOf = (dir: string, kind: Kind): string => join(dir, `${kind}.jsonl`)

/** Throws a Failure (invalid_argument) for a file of none of the programs. */
export const kindOf = (path: string): Kind => {
  const data = readData(path)
  const kinds = Object.keys(FIELDS) as Kind[]
  const kind = kinds.find((one) => FIELDS[one].every((name) => name in data))
  const isEmpty = kind === 'swarm' && !(Array.isArray(data.loads) && data.loads.length > 0)
  if (kind !== undefined && !isEmpty) return kind
  throw new Failure('invalid_argument', `"${path}" is not a result of the bench`, {
    hint: 'give output of bench, simulate, bench:side, bench:costs or bench:swarm (with --loads), each with --json',
  })
}

/** Copies a result over the one that `dir` keeps of the same program. */
export const keepResult = (path: string, dir: string): void =>
  copyFileSync(path, pathOf(dir, kindOf(path)))

export const readResults = (dir: string): Results => {
  const read = <T>(kind: Kind): T | undefined => {
    const path = pathOf(dir, kind)
    return existsSync(path) ? readLine<T>(path, FIELDS[kind] as never) : undefined
  }
  return {
    result: readLine<BenchResult>(pathOf(dir, 'bench'), FIELDS.bench),
    simulation: read<Simulation>('simulation'),
    swarm: read<SwarmBenches>('swarm'),
    plans: read<Plans>('plans'),
    side: read<SideBench>('side'),
    costs: read<CostsBench>('costs'),
  }
}
