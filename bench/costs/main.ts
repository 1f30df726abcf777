/**
 * From arguments to an exit code: 0, 1 for a wrong answer, 2 for an invalid option.
 *
 * ```ts
 * process.exitCode = await main(['--only', 'growth', '--json'], streams)
 * ```
 */

import {
  COMMON,
  flag,
  listOf,
  oneOf,
  parseOptions,
  type Streams,
  showOptions,
  whole,
} from '../runner/command-line.ts'
import { exitCodeOf } from '../runner/exit-code.ts'
import { toLine } from '../runner/result.ts'
import { benchCosts, SECTIONS } from './bench.ts'
import { costsText } from './text.ts'

const MAX_RUNS = 100

/** Divides all sizes: enough to check that the answers are right. */
const QUICK = { runs: 1, divisor: 100 }

const STANDARD = { runs: 3, only: SECTIONS }

const OPTIONS = {
  only: listOf(oneOf(SECTIONS, 'sections')),
  quick: flag('a hundredth of all sizes, to check that all answers are right'),
  runs: whole(1, MAX_RUNS, 'samples of each size, and processes of each kind'),
  ...COMMON,
} as const

const HELP = `npm run bench:costs -- [options]

What a change, a start, a command and an idle agent cost. The sections:
  growth      a write with its digests in documents of different sizes
  profiles    where the time of a small message goes
  ranges      messages and bytes until two replicas with many past writers are equal
  sealing     characters and time that a secret costs a message
and of the built program (npm run build first):
  starts      openMap with many keys on disk, beside Yjs alone
  commands    a command as a whole process, beside node that does nothing
  idle        processor, wake-ups and memory of an agent while nothing happens
  streams     the first row of a list of a million keys

${showOptions(OPTIONS, STANDARD)}`

const run = async (args: readonly string[], streams: Streams): Promise<void> => {
  const given = parseOptions(OPTIONS, args, 'npm run bench:costs')
  const { help, json, quick, only } = { ...STANDARD, ...given }
  if (help) {
    streams.out(HELP)
    return
  }
  const { runs, divisor } = {
    divisor: 1,
    ...STANDARD,
    ...(quick && QUICK),
    ...given,
  } as typeof QUICK
  const { progress } = streams
  const result = await benchCosts(only, { runs, divisor, ...(progress && { progress }) })
  streams.out(json ? toLine(result) : costsText(result))
}

export const main = (args: readonly string[], streams: Streams): Promise<number> =>
  exitCodeOf(() => run(args, streams), { program: 'bench:costs', args, streams })
