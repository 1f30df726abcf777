/**
 * From arguments to an exit code: 0, 1 when an engine gives a wrong answer, 2 when an option is
 * not usable. Failures go to standard error, which leaves standard output empty.
 *
 * ```ts
 * process.exitCode = main(['--keys', '100', '--json'], ENGINES, streams)
 * ```
 */
import { parseArgs } from 'node:util'
import { Failure, toFailure } from '../src/errors.ts'
import { runBench } from './bench.ts'
import type { Engine } from './engine.ts'
import { REFERENCE } from './engines/index.ts'
import { showResult } from './report.ts'
import { LEAST_KEYS } from './workloads.ts'

export interface Streams {
  out(text: string): void
  err(text: string): void
  /** Shows what is being measured; only where a person is looking. */
  readonly progress?: (row: string) => void
}

/** Keys of the largest map: it takes about 2 GB of memory and some minutes. */
const MOST_KEYS = 100_000

const MOST_RUNS = 1_000

const HELP = `npm run bench -- [options]

  --keys LIST   sizes of the map, each from ${LEAST_KEYS} to ${MOST_KEYS}  (default 100,1000,10000)
  --runs N      samples of each cell at least; short ones get more  (default 3)
  --seed N      of keys, values and what is overwritten  (default 1)
  --json        one line of JSON: {"status":"ok","data":{...}}
  --help        this text
`

const OPTIONS = {
  keys: { type: 'string', default: '100,1000,10000' },
  runs: { type: 'string', default: '3' },
  seed: { type: 'string', default: '1' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

const parseNumber = (option: string, text: string, min: number, max: number): number => {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw new Failure('invalid_argument', `${option} "${text}" is not usable`, {
    hint: `give whole numbers from ${min} to ${max}`,
  })
}

const parse = (args: readonly string[]) => {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false }).values
  } catch (error) {
    throw new Failure('invalid_argument', (error as Error).message, {
      hint: 'see: npm run bench -- --help',
      cause: error,
    })
  }
}

const run = (args: readonly string[], engines: readonly Engine[], streams: Streams): void => {
  const { keys, runs, seed, json, help } = parse(args)
  if (help) {
    streams.out(HELP)
    return
  }
  const result = runBench({
    engines,
    reference: REFERENCE,
    keys: keys.split(',').map((size) => parseNumber('--keys', size, LEAST_KEYS, MOST_KEYS)),
    runs: parseNumber('--runs', runs, 1, MOST_RUNS),
    seed: parseNumber('--seed', seed, 0, 2 ** 31),
    ...(streams.progress && { progress: streams.progress }),
  })
  streams.out(json ? `${JSON.stringify({ status: 'ok', data: result })}\n` : showResult(result))
}

const tell = ({ code, message, hint }: Failure, isJson: boolean): string =>
  isJson
    ? `${JSON.stringify({ status: 'error', code, message, hint })}\n`
    : `bench: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`

export const main = (
  args: readonly string[],
  engines: readonly Engine[],
  streams: Streams,
): number => {
  try {
    run(args, engines, streams)
    return 0
  } catch (error) {
    const failure = toFailure(error)
    streams.err(tell(failure, args.includes('--json')))
    return failure.code === 'invalid_argument' ? 2 : 1
  }
}
