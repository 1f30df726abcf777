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
import { showResult } from './report/text.ts'
import {
  COMMON,
  flag,
  listOf,
  oneOf,
  option,
  parseOptions,
  reportFailure,
  type Streams,
  showOptions,
  whole,
} from './runner/command-line.ts'
import { toLine } from './runner/result.ts'
import { runBench, SECTIONS } from './workloads/bench.ts'
import { FULL, QUICK, type Sizes } from './workloads/sizes.ts'
import { MIN_KEYS } from './workloads/workloads.ts'

/** Keys of the largest map: it takes about 2 GB of memory and some minutes. */
const MAX_KEYS = 100_000

const MAX_RUNS = 1_000

const STANDARD = { ...FULL, sections: SECTIONS, seed: 1, dir: tmpdir() }

const optionsOf = (engines: readonly Engine[]) => {
  const names = engines.map(optionOf)
  const quick = `to check that all answers are right: --keys ${QUICK.keys} --runs ${QUICK.runs}`
  return {
    sections: { ...listOf(oneOf(SECTIONS, 'sections')), name: 'only' },
    engine: listOf(oneOf(names, `some of ${names}  (default all)`)),
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
    engines: engine ? engines.filter((one) => engine.includes(optionOf(one))) : engines,
    reference: REFERENCE,
    sections,
    sizes,
    seed,
    dir,
    ...(progress && { progress }),
  })
  streams.out(json ? toLine(result) : showResult(result))
}

export const main = async (
  args: readonly string[],
  engines: readonly Engine[],
  streams: Streams,
): Promise<number> => {
  try {
    await run(args, engines, streams)
    return 0
  } catch (error) {
    return reportFailure(error, 'bench', args, streams)
  }
}
