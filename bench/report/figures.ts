/**
 * All figures of a result, by chapter. An engine has the same colour in each of them.
 *
 * ```ts
 * createFigures(result).get('merges')
 * ```
 */
import type { Result as Simulation } from '../simulate/simulate.ts'
import type { SwarmBenches } from '../swarm/result.ts'
import type { BenchResult } from '../workloads/bench.ts'
import {
  createCommitFigures,
  createOverwriteFigures,
  createStartUpFigures,
} from './durable-figures.ts'
import { createB3Figures, createHeapFigures } from './engine-figures.ts'
import { createLostFigures, createMergeFigures } from './merge-figures.ts'
import type { Figure } from './plot/figure.ts'
import { createStyles } from './plot/style.ts'
import { createSpreadFigures } from './simulation-figures.ts'
import { createSwarmFigures } from './swarm-figures.ts'

export const createFigures = (
  result: BenchResult,
  simulation?: Simulation,
  swarm?: SwarmBenches,
): ReadonlyMap<string, readonly Figure[]> => {
  const { engines, merges = [], lostWrites = [], overwrites = [], startUp = [], commits } = result
  const { b3 = [], heap = [] } = result
  const named = engines.map(({ name }) => name)
  const styles = createStyles([...named, ...[...merges, ...lostWrites].map(({ engine }) => engine)])
  return new Map([
    ['merges', createMergeFigures(merges, styles)],
    ['lost', createLostFigures(lostWrites, styles)],
    ['b3', createB3Figures(b3, styles)],
    ['heap', createHeapFigures(heap, styles)],
    ['overwrites', createOverwriteFigures(overwrites)],
    ['start-up', createStartUpFigures(startUp)],
    ['commits', commits ? createCommitFigures(commits) : []],
    ['simulation', simulation ? createSpreadFigures(simulation) : []],
    ['swarm', swarm ? createSwarmFigures(swarm.loads) : []],
  ])
}
