/**
 * One whole run of the bench: those of its sections that are asked for, with what the figures
 * were made on.
 *
 * ```ts
 * const result = await runBench({ ...options, sections: ['merges'], sizes: QUICK, dir: tmpdir() })
 * process.stdout.write(showResult(result))
 * ```
 */
import { LAYOUTS } from '../engines/layouts.ts'
import { CLOCK } from '../runner/clock.ts'
import { type Machine, readMachine } from '../runner/machine.ts'
import { type B3Row, runB3 } from './b3.ts'
import { type CommitResult, openLog, runCommits } from './commits.ts'
import { type Heap, runHeap } from './heap.ts'
import { KEPT } from './kept.ts'
import { countLostWrites, type LostWrites, SWARM, WRITES } from './lost-writes.ts'
import { type Cell, type LeftOut, type MergeOptions, runMerges } from './merges.ts'
import { KEYS, type Overwrites, runOverwrites, WRITERS } from './overwrites.ts'
import { type Restarts, runRestarts } from './restarts.ts'
import type { Section } from './section.ts'
import type { Sizes } from './sizes.ts'

export interface BenchOptions extends Omit<MergeOptions, 'keys' | 'runs' | 'leaveOut' | 'budget'> {
  readonly sections: readonly Section[]
  readonly sizes: Sizes
  /** An existing folder, on the disk that start-up and commits are about. */
  readonly dir: string
}

interface Named {
  readonly name: string
  readonly about: string
}

export interface BenchResult {
  readonly machine: Machine
  /** ISO 8601, when the run began. */
  readonly date: string
  readonly clock: typeof CLOCK
  readonly seed: number
  readonly runs: number
  readonly reference: string
  readonly engines: readonly Named[]
  readonly layouts: readonly Named[]
  readonly swarm: typeof SWARM
  // The sections; each only where it was asked for.
  readonly merges?: readonly Cell[]
  readonly lostWrites?: readonly LostWrites[]
  readonly b3?: readonly B3Row[]
  readonly heap?: readonly Heap[]
  readonly overwrites?: readonly Overwrites[]
  readonly startUp?: readonly Restarts[]
  readonly commits?: CommitResult
  /** Of merges, B3 and heap; absent where nobody was. */
  readonly leftOut?: readonly LeftOut[]
}

const runLostWrites = ({ engines, seed, progress }: BenchOptions): LostWrites[] =>
  WRITES.flatMap((writes) => {
    progress?.(`lost writes, ${writes} a round`)
    return engines.map((engine) => countLostWrites(engine, { ...SWARM, writes }, seed))
  })

const nameOf = ({ name, about }: Named): Named => ({ name, about })

/** Throws a Failure when an answer is wrong. */
export const runBench = async (options: BenchOptions): Promise<BenchResult> => {
  const { engines, reference, seed, sections, sizes, dir, progress } = options
  const { keys, runs, b3N, b3Runs, heapKeys, startUpKeys, writers } = sizes
  const leftOut: LeftOut[] = []
  const leaveOut = (left: LeftOut) => void leftOut.push(left)
  const common = { seed, ...(progress && { progress }) }
  const ofEngines = { ...common, engines, reference, leaveOut }
  const ofLayouts = { ...common, dir, layouts: LAYOUTS }
  const asked = new Set(sections)
  const date = new Date().toISOString()
  return {
    machine: readMachine(),
    date,
    clock: CLOCK,
    seed,
    runs,
    reference: reference.name,
    engines: engines.map(nameOf),
    layouts: LAYOUTS.map(nameOf),
    swarm: SWARM,
    ...(asked.has('merges') && { merges: runMerges({ ...ofEngines, keys, runs }) }),
    ...(asked.has('lost') && { lostWrites: runLostWrites(options) }),
    ...(asked.has('b3') && { b3: runB3({ ...ofEngines, n: b3N, runs: b3Runs }) }),
    ...(asked.has('heap') && { heap: await runHeap({ ...ofEngines, keys: heapKeys }) }),
    ...(asked.has('overwrites') && {
      overwrites: await runOverwrites({
        ...ofLayouts,
        writers: WRITERS,
        keys: KEYS,
        times: sizes.overwrites,
      }),
    }),
    ...(asked.has('start-up') && {
      startUp: await runRestarts({
        ...ofLayouts,
        kept: KEPT,
        keys: Math.max(startUpKeys, ...keys),
        runs,
      }),
    }),
    ...(asked.has('commits') && {
      commits: await runCommits({ ...common, dir, open: openLog, writers, ms: sizes.commitMs }),
    }),
    ...(leftOut.length > 0 && { leftOut }),
  }
}
