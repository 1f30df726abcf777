/**
 * Whether the answer of a run is right, whatever it took: nothing refused, nothing lost, all equal.
 *
 * ```ts
 * checkRuns(bench.runs) // throws when one is wrong
 * ```
 */
import { Failure } from '../../src/errors.ts'
import type { Run } from './result.ts'

/** What is wrong with a run, in words. */
const faultsOf = ({ writes, equal }: Run): string[] => [
  ...(equal.isEqual ? [] : ['the replicas are not equal']),
  ...(writes.lost > 0 ? [`${writes.lost} of what was acknowledged is lost`] : []),
  ...(writes.failed > 0 ? [`${writes.failed} writes were refused or not answered`] : []),
]

/** Throws a Failure (internal) that names what is wrong with each run. */
export const checkRuns = (runs: readonly Run[]): void => {
  const faults = runs.flatMap((run, at) => faultsOf(run).map((fault) => `run ${at + 1}: ${fault}`))
  if (faults.length === 0) return
  throw new Failure('internal', faults.join('; '), {
    hint: 'give the replicas more time with --settle, or fewer writes with --rate',
  })
}
