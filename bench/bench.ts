/**
 * One whole run of the bench: merges, then lost writes, with what the figures were made on.
 *
 * ```ts
 * const result = runBench({ engines: ENGINES, reference: REFERENCE, keys: [100], seed: 1, runs: 7 })
 * process.stdout.write(showResult(result))
 * ```
 */
import { CLOCK } from './clock.ts'
import { countLostWrites, type LostWrites, SWARM, WRITES } from './lost-writes.ts'
import { type Machine, readMachine } from './machine.ts'
import { type Cell, type MergeOptions, runMerges } from './runner.ts'

export interface BenchResult {
  readonly machine: Machine
  /** ISO 8601, when the run began. */
  readonly date: string
  readonly clock: typeof CLOCK
  readonly seed: number
  readonly runs: number
  readonly reference: string
  readonly engines: readonly { readonly name: string; readonly about: string }[]
  readonly merges: readonly Cell[]
  readonly swarm: typeof SWARM
  readonly lostWrites: readonly LostWrites[]
}

/** Throws a Failure when an engine gives a wrong answer. */
export const runBench = (options: MergeOptions): BenchResult => {
  const { engines, reference, seed, runs, progress } = options
  const date = new Date().toISOString()
  const merges = runMerges(options)
  const lostWrites = WRITES.flatMap((writes) => {
    progress?.(`lost writes, ${writes} a round`)
    return engines.map((engine) => countLostWrites(engine, { ...SWARM, writes }, seed))
  })
  return {
    machine: readMachine(),
    date,
    clock: CLOCK,
    seed,
    runs,
    reference: reference.name,
    engines: engines.map(({ name, about }) => ({ name, about })),
    merges,
    swarm: SWARM,
    lostWrites,
  }
}
