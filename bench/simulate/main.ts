/**
 * From arguments to an exit code: 0, 1 when an answer is wrong or a short run leaves its limits,
 * 2 when an option is not usable. Failures go to standard error; a short run shows what it
 * measured all the same.
 *
 * ```ts
 * process.exitCode = main(['--quick', '--json'], streams)
 * ```
 */
import { Failure } from '../../src/errors.ts'
import { type Streams, tellFailure } from '../runner/command-line.ts'
import { HELP, parseOptions } from './options.ts'
import { showCost, showResult } from './report.ts'
import { simulate } from './simulate.ts'
import type { Verdict } from './verdicts.ts'

/** Throws a Failure that names what is beyond its limit. */
const checkLimits = (verdicts: readonly Verdict[]): void => {
  const beyond = verdicts
    .filter(({ isWithinLimit }) => !isWithinLimit)
    .map(({ name, of, value, limit }) => `${name} (${of}): ${value}, at most ${limit}`)
  if (beyond.length === 0) return
  throw new Failure('internal', `beyond limits: ${beyond.join('; ')}`, {
    hint: 'the same options and --seed show it again; limits are in bench/simulate/verdicts.ts',
  })
}

const run = (args: readonly string[], streams: Streams): void => {
  const { settings, isQuick, isJson, isHelp } = parseOptions(args)
  if (isHelp) {
    streams.out(HELP)
    return
  }
  const start = process.cpuUsage()
  const result = simulate(settings, streams.progress)
  streams.out(
    isJson
      ? `${JSON.stringify({ status: 'ok', data: result })}\n`
      : `${showResult(result)}${showCost(process.cpuUsage(start), process.resourceUsage())}`,
  )
  if (isQuick) checkLimits(result.verdicts)
}

export const main = (args: readonly string[], streams: Streams): number => {
  try {
    run(args, streams)
    return 0
  } catch (error) {
    return tellFailure(error, 'simulate', args, streams)
  }
}
