/**
 * A result as text for people: what it was made on, then a chapter for each section that was run.
 *
 * ```ts
 * process.stdout.write(showResult(result))
 * ```
 */
import { table } from '../runner/table.ts'
import type { BenchResult } from '../workloads/bench.ts'
import { type Chapter, showChapter } from './chapter.ts'
import { commitsChapter, overwritesChapter, startUpChapter } from './durable.ts'
import { b3Chapter, heapChapter, leftOutChapter } from './engines.ts'
import { lostChapter, mergesChapter } from './merges.ts'

/** Engines and layouts that take part: rows of a name and what it is. */
export const participantsOf = (result: BenchResult): string[][] => {
  const { engines, layouts, merges, lostWrites, b3, heap, overwrites, startUp } = result
  return [
    ...(merges || lostWrites || b3 || heap ? engines : []),
    ...(overwrites || startUp ? layouts : []),
  ].map(({ name, about }) => [name, about])
}

/** One line: `Xeon, 2 cores, linux x64; node 20, …`. */
export const showMachine = ({ machine }: Pick<BenchResult, 'machine'>): string => {
  const { cpu, cores, platform, node, yjs, lib0, load } = machine
  return `${cpu}, ${cores} cores, ${platform}; node ${node}, yjs ${yjs}, lib0 ${lib0}; load ${load}`
}

const headOf = (result: BenchResult): string => {
  const list = table(participantsOf(result), 2)
  return `merge cost, ${result.date}
${showMachine(result)}
seed ${result.seed}
${list && `\n${list}`}`
}

/** A chapter for each section that was run, in their order. */
export const chaptersOf = (result: BenchResult): Chapter[] => {
  const { merges, lostWrites, b3, heap, overwrites, startUp, commits, leftOut } = result
  const { swarm, clock, reference } = result
  return [
    merges && mergesChapter(merges, result),
    lostWrites && lostChapter(lostWrites, swarm),
    b3 && b3.length > 0 && b3Chapter(b3, reference, clock),
    heap && heapChapter(heap),
    overwrites && overwritesChapter(overwrites, clock),
    startUp && startUpChapter(startUp),
    commits && commitsChapter(commits),
    leftOut && leftOut.length > 0 && leftOutChapter(leftOut),
  ].filter((chapter) => chapter !== undefined && chapter !== false)
}

/** The whole report: of each section that was run. */
export const showResult = (result: BenchResult): string =>
  [headOf(result), ...chaptersOf(result).map(showChapter)].join('')
