/**
 * One run of the bench: the requested sections, with what the figures were measured on.
 *
 * ```ts
 * const result = await runBench({ ...options, sections: ['merges'], sizes: QUICK, dir: tmpdir() })
 * process.stdout.write(showResult(result))
 * ```
 */
import { LAYOUTS } from '../engines/layouts.ts'
import { CLOCK } from '../runner/clock.ts'
import { type Machine, readMachine, versionOf } from '../runner/machine.ts'
import { type B3Row, runB3 } from './b3.ts'
import { type CommitResult, openLog, runCommits } from './commits.ts'
import { type Heap, runHeap } from './heap.ts'
import { KEPT } from './kept.ts'
import { countLostWrites, type LostWrites, SWARM, WRITES } from './lost-writes.ts'
import { type Cell, type LeftOut, type MergeOptions, runMerges } from './merges.ts'
import { KEYS, type Overwrites, runOverwrites, WRITERS } from './overwrites.ts'
import { type Restarts, runRestarts } from './restarts.ts'
import { runSequences, type SequenceRow } from './sequences.ts'
import type { Sizes } from './sizes.ts'

/** In the order in which they run and are shown. */
export const SECTIONS = [
  'merges',
  'lost',
  'b1-b2',
  'b3',
  'heap',
  'overwrites',
  'start-up',
  'commits',
] as const

export interface BenchOptions extends Omit<MergeOptions, 'keys' | 'runs' | 'leaveOut' | 'budget'> {
  readonly sections: readonly (typeof SECTIONS)[number][]
  readonly sizes: Sizes
  /** An existing folder on the disk that start-up and commits measure. */
  readonly dir: string
}

/** Packages of engines, besides those that the machine names. */
const PACKAGES = ['@automerge/automerge', 'loro-crdt', 'ywasm']

interface Named {
  readonly name: string
  readonly about: string
}

export interface BenchResult {
  readonly machine: Machine
  /** Of the packages of the engines, by name. */
  readonly versions?: Readonly<Record<string, string>>
  /** The start of the run, in ISO 8601. */
  readonly date: string
  readonly clock: typeof CLOCK
  readonly seed: number
  readonly runs: number
  readonly reference: string
  readonly engines: readonly Named[]
  readonly layouts: readonly Named[]
  readonly swarm: typeof SWARM
  // The requested sections.
  readonly merges?: readonly Cell[]
  readonly lostWrites?: readonly LostWrites[]
  readonly sequences?: readonly SequenceRow[]
  readonly b3?: readonly B3Row[]
  readonly heap?: readonly Heap[]
  readonly overwrites?: readonly Overwrites[]
  readonly startUp?: readonly Restarts[]
  readonly commits?: CommitResult
  /** From merges, B1 to B3 and heap. */
  readonly leftOut?: readonly LeftOut[]
}

/** Engines and layouts of the measured sections: rows of a name and a description. */
export const participantsOf = (result: BenchResult): string[][] => {
  const { engines, layouts, merges, lostWrites, sequences, b3, heap, overwrites, startUp } = result
  return [
    ...(merges || lostWrites || sequences || b3 || heap ? engines : []),
    ...(overwrites || startUp ? layouts : []),
  ].map(({ name, about }) => [name, about])
}

const runLostWrites = ({ engines, seed, progress }: BenchOptions): LostWrites[] =>
  WRITES.flatMap((writes) => {
    progress?.(`lost writes, ${writes} a round`)
    return engines.map((engine) => countLostWrites(engine, { ...SWARM, writes }, seed))
  })

const nameOf = ({ name, about }: Named): Named => ({ name, about })

/** Throws a Failure (internal) for a wrong answer. */
export const runBench = async (options: BenchOptions): Promise<BenchResult> => {
  const { engines, reference, seed, sizes, dir, progress } = options
  const { keys, runs, b3N, b3Runs, sequencesN, heapKeys, startUpKeys, writers } = sizes
  const leftOut: LeftOut[] = []
  const leaveOut = (left: LeftOut) => void leftOut.push(left)
  const common = { seed, ...(progress && { progress }) }
  const ofEngines = { ...common, engines, reference, leaveOut }
  const ofLayouts = { ...common, dir, layouts: LAYOUTS }
  const overwrites = { writers: WRITERS, keys: KEYS, times: sizes.overwrites }
  const starts = { kept: KEPT, keys: Math.max(startUpKeys, ...keys), runs }
  const commits = { dir, open: openLog, writers, ms: sizes.commitMs }
  const has = (section: (typeof SECTIONS)[number]) => options.sections.includes(section)
  return {
    machine: readMachine(),
    versions: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    date: new Date().toISOString(),
    clock: CLOCK,
    seed,
    runs,
    reference: reference.name,
    engines: engines.map(nameOf),
    layouts: LAYOUTS.map(nameOf),
    swarm: SWARM,
    ...(has('merges') && { merges: runMerges({ ...ofEngines, keys, runs }) }),
    ...(has('lost') && { lostWrites: runLostWrites(options) }),
    ...(has('b1-b2') && {
      sequences: runSequences({ ...ofEngines, n: sequencesN, runs: b3Runs }),
    }),
    ...(has('b3') && { b3: runB3({ ...ofEngines, n: b3N, runs: b3Runs }) }),
    ...(has('heap') && { heap: await runHeap({ ...ofEngines, keys: heapKeys }) }),
    ...(has('overwrites') && { overwrites: await runOverwrites({ ...ofLayouts, ...overwrites }) }),
    ...(has('start-up') && { startUp: await runRestarts({ ...ofLayouts, ...starts }) }),
    ...(has('commits') && { commits: await runCommits({ ...common, ...commits }) }),
    ...(leftOut.length > 0 && { leftOut }),
  }
}
