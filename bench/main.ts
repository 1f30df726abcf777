/**
 * From arguments to an exit code: 0, 1 for a wrong answer, 2 for an invalid option. Failures go to
 * standard error and leave standard output empty.
 *
 * ```ts
 * process.exitCode = await main(['--quick', '--json'], ENGINES, streams)
 * ```
 */
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import type { Engine } from './engines/engine.ts'
import { optionOf, REFERENCE } from './engines/index.ts'
import { loadEngines } from './engines/load.ts'
import { showResult } from './report/text.ts'
import {
  COMMON,
  flag,
  listOf,
  oneOf,
  option,
  parseOptions,
  type Streams,
  showOptions,
  whole,
} from './runner/command-line.ts'
import { exitCodeOf } from './runner/exit-code.ts'
import { toLine } from './runner/result.ts'
import { runBench, SECTIONS } from './workloads/bench.ts'
import { FULL, QUICK, type Sizes } from './workloads/sizes.ts'
import { MIN_KEYS } from './workloads/workloads.ts'

/** Keys of the largest map: it takes about 2 GB of memory and some minutes. */
const MAX_KEYS = 100_000

const MAX_RUNS = 1_000

const STANDARD = { ...FULL, sections: SECTIONS, seed: 1, dir: tmpdir() }

/** An engine from outside is named by a path; those of the bench have no slash. */
const isPath = (text: string): boolean => text.includes('/')

const optionsOf = (engines: readonly Engine[]) => {
  const names = engines.map(optionOf)
  const quick = `to check that all answers are right: --keys ${QUICK.keys} --runs ${QUICK.runs}`
  const byName = oneOf(
    names,
    `some of ${names}, or the path of a module, like ./mine.js  (default all)`,
  )
  return {
    sections: { ...listOf(oneOf(SECTIONS, 'sections')), name: 'only' },
    engine: listOf({
      ...byName,
      parse: (text: string, word: string) => (isPath(text) ? text : byName.parse(text, word)),
    }),
    quick: flag(`small sizes, ${quick}`),
    keys: listOf(
      whole(MIN_KEYS, MAX_KEYS, `sizes of the maps, each from ${MIN_KEYS} to ${MAX_KEYS}`),
    ),
    runs: whole(1, MAX_RUNS, 'minimum samples of each merge and start; short ones get more'),
    seed: whole(0, 2 ** 31, 'of keys, values and overwrites'),
    dir: option(
      'DIR',
      'a folder on the disk that start-up and commits use',
      'an existing folder',
      (dir) => (existsSync(dir) ? dir : undefined),
    ),
    ...COMMON,
  }
}

const helpOf = (engines: readonly Engine[]): string => `npm run bench -- [options]

${showOptions(optionsOf(engines), STANDARD)}
If all maps are smaller than ${Math.max(...FULL.keys)} keys, the other sections are as small as with --quick.
`

/** The engines that are named, in the order of the bench, then those from outside. */
const chooseEngines = async (
  engines: readonly Engine[],
  named: readonly string[] | undefined,
): Promise<readonly Engine[]> => {
  if (named === undefined) return engines
  const own = engines.filter((one) => named.includes(optionOf(one)))
  const others = await Promise.all(named.filter(isPath).map(loadEngines))
  return [...own, ...others.flat()]
}

const run = async (args: readonly string[], engines: readonly Engine[], streams: Streams) => {
  const given = parseOptions(optionsOf(engines), args, 'npm run bench')
  const { engine, quick, help, json, sections, seed, dir } = { ...STANDARD, ...given }
  if (help) {
    streams.out(helpOf(engines))
    return
  }
  const { keys, runs } = { ...(quick ? QUICK : FULL), ...given }
  const isFull = !quick && Math.max(...keys) >= Math.max(...FULL.keys)
  const sizes: Sizes = { ...(isFull ? FULL : QUICK), keys, runs }
  const { progress } = streams
  const result = await runBench({
    engines: await chooseEngines(engines, engine),
    reference: REFERENCE,
    sections,
    sizes,
    seed,
    dir,
    ...(progress && { progress }),
  })
  streams.out(json ? toLine(result) : showResult(result))
}

export const main = (
  args: readonly string[],
  engines: readonly Engine[],
  streams: Streams,
): Promise<number> =>
  exitCodeOf(() => run(args, engines, streams), { program: 'bench', args, streams })
