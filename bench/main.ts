/**
 * From arguments to an exit code: 0, 1 when an answer is wrong, 2 when an option is not usable.
 * Failures go to standard error, which leaves standard output empty.
 *
 * ```ts
 * process.exitCode = await main(['--quick', '--json'], ENGINES, streams)
 * ```
 */
import { existsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { Failure } from '../src/errors.ts'
import type { Engine } from './engines/engine.ts'
import { REFERENCE } from './engines/index.ts'
import { optionOf, parseEngines } from './engines/select.ts'
import { createPage } from './report/page.ts'
import { showResult } from './report/report.ts'
import { readResult, readSimulation } from './report/saved.ts'
import {
  parseNames,
  parseWhole,
  parseWords,
  type Streams,
  tellFailure,
} from './runner/command-line.ts'
import { type BenchResult, runBench } from './workloads/bench.ts'
import { SECTIONS } from './workloads/section.ts'
import { FULL, QUICK, type Sizes } from './workloads/sizes.ts'
import { LEAST_KEYS } from './workloads/workloads.ts'

export interface BenchStreams extends Streams {
  /** The page's file where neither --html nor --json is given; without it there is no page then. */
  readonly page?: string
}

/** Keys of the largest map: it takes about 2 GB of memory and some minutes. */
const MOST_KEYS = 100_000

const MOST_RUNS = 1_000

const helpOf = (engines: readonly Engine[]): string => `npm run bench -- [options]

  --only LIST   sections: some of ${SECTIONS.join(',')}  (default all)
  --engine LIST some of ${engines.map(optionOf)}  (default all)
  --quick       small sizes, to see that all answers are right: --keys ${QUICK.keys} --runs ${QUICK.runs}
  --keys LIST   sizes of the maps, each from ${LEAST_KEYS} to ${MOST_KEYS}  (default ${FULL.keys});
                where all are below ${Math.max(...FULL.keys)} the other sections are as small as with --quick
  --runs N      samples of each merge and start at least; short ones get more  (default ${FULL.runs})
  --seed N      of keys, values and what is overwritten  (default 1)
  --dir DIR     a folder on the disk that start-up and commits use  (default: the system's for temporary files)
  --html FILE   the page with the plots; without --json there is always one, and its path is told
  --simulation FILE   what 'npm run simulate -- --json' printed: its plots join the page
  --from FILE   runs nothing: shows what an earlier run printed with --json
  --json        one line of JSON: {"status":"ok","data":{...}}
  --help        this text
`

const OPTIONS = {
  only: { type: 'string', default: SECTIONS.join(',') },
  engine: { type: 'string' },
  quick: { type: 'boolean', default: false },
  keys: { type: 'string' },
  runs: { type: 'string' },
  seed: { type: 'string', default: '1' },
  dir: { type: 'string', default: tmpdir() },
  html: { type: 'string' },
  simulation: { type: 'string' },
  from: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

const parse = (args: readonly string[]) => parseWords(args, OPTIONS, 'npm run bench')

type Values = ReturnType<typeof parse>

const parseNumber = (option: string, text: string, min: number, max: number): number =>
  parseWhole(option, text, min, max, 'whole numbers')

const sizesOf = ({ quick, keys: list, runs }: Values): Sizes => {
  const standard = quick ? QUICK : FULL
  const keys =
    list?.split(',').map((size) => parseNumber('--keys', size, LEAST_KEYS, MOST_KEYS)) ??
    standard.keys
  const isFull = !quick && Math.max(...keys) >= Math.max(...FULL.keys)
  return {
    ...(isFull ? FULL : QUICK),
    keys,
    runs: runs === undefined ? standard.runs : parseNumber('--runs', runs, 1, MOST_RUNS),
  }
}

const checkDir = (dir: string): string => {
  if (existsSync(dir)) return dir
  throw new Failure('invalid_argument', `--dir "${dir}" does not exist`, {
    hint: 'give a folder that may be written',
  })
}

const resultOf = async (
  values: Values,
  engines: readonly Engine[],
  { progress }: BenchStreams,
): Promise<BenchResult> =>
  values.from === undefined
    ? await runBench({
        engines: values.engine === undefined ? engines : parseEngines(values.engine, engines),
        reference: REFERENCE,
        sections: parseNames('--only', values.only, SECTIONS, 'is no section'),
        sizes: sizesOf(values),
        seed: parseNumber('--seed', values.seed, 0, 2 ** 31),
        dir: checkDir(values.dir),
        ...(progress && { progress }),
      })
    : readResult(values.from)

/** Before the run, which takes minutes: a folder that is not there is a slip of the pen. */
const checkPage = (path: string): string => {
  if (existsSync(dirname(path))) return path
  throw new Failure('invalid_argument', `--html "${path}" is in no folder that exists`, {
    hint: 'give a file in a folder that may be written',
  })
}

const run = async (args: readonly string[], engines: readonly Engine[], streams: BenchStreams) => {
  const values = parse(args)
  const { help, json, simulation: saved } = values
  if (help) {
    streams.out(helpOf(engines))
    return
  }
  const path = values.html ?? (json ? undefined : streams.page)
  const page = path === undefined ? undefined : checkPage(path)
  const simulation = saved === undefined ? undefined : readSimulation(saved)
  const result = await resultOf(values, engines, streams)
  if (page !== undefined) writeFileSync(page, createPage(result, simulation))
  streams.out(json ? `${JSON.stringify({ status: 'ok', data: result })}\n` : showResult(result))
  if (page !== undefined && !json) streams.out(`\nthe same with plots: ${page}\n`)
}

export const main = async (
  args: readonly string[],
  engines: readonly Engine[],
  streams: BenchStreams,
): Promise<number> => {
  try {
    await run(args, engines, streams)
    return 0
  } catch (error) {
    return tellFailure(error, 'bench', args, streams)
  }
}
