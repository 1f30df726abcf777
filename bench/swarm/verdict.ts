/**
 * Whether the answer of a run is right, whatever it took: nothing refused, nothing lost, all equal.
 *
 * ```ts
 * checkRuns(bench.runs) // throws when one is wrong
 * checkLoads(benches)   // the same of several loads
 * ```
 */
import { Failure } from '../../src/errors.ts'
import { nameOf } from './report.ts'
import type { Run, SwarmBench } from './result.ts'

/** What is wrong with a run, in words. */
const faultsOf = ({ writes, equal }: Run): string[] => [
  ...(equal.isEqual ? [] : ['the replicas are not equal']),
  ...(writes.lost > 0 ? [`${writes.lost} of what was acknowledged is lost`] : []),
  ...(writes.failed > 0 ? [`${writes.failed} writes were refused or not answered`] : []),
]

const faultsOfRuns = (runs: readonly Run[]): string[] =>
  runs.flatMap((run, at) => faultsOf(run).map((fault) => `run ${at + 1}: ${fault}`))

const report = (faults: readonly string[]): void => {
  if (faults.length === 0) return
  throw new Failure('internal', faults.join('; '), {
    hint: 'give the replicas more time with --settle, or fewer writes with --rate',
  })
}

/** Throws a Failure (internal) that names what is wrong with each run. */
export const checkRuns = (runs: readonly Run[]): void => report(faultsOfRuns(runs))

/** The same of each load, which is named. */
export const checkLoads = (loads: readonly SwarmBench[]): void =>
  report(
    loads.flatMap(({ settings, runs }) =>
      faultsOfRuns(runs).map((fault) => `${nameOf(settings)}, ${fault}`),
    ),
  )
