/**
 * From arguments to an exit code. Every failure becomes one clear line on standard error,
 * with a hint, or a line of JSON; standard output then stays empty.
 *
 * ```ts
 * process.exitCode = await main(['get', 'k'], processIo())
 * ```
 */
import { Failure, toFailure } from '../errors.ts'
import type { Command } from './grammar.ts'
import type { Io } from './io.ts'
import { type Line, parseLine, UnknownWord } from './parse-line.ts'
import { exitCodeOf, reportFailure } from './report.ts'
import { REQUESTS } from './requests.ts'

/** Is `--json` among the options? Needed even if the line cannot be parsed, to report that. */
export const asksForJson = (args: readonly string[]): boolean => {
  const end = args.indexOf('--')
  return (end < 0 ? args : args.slice(0, end)).includes('--json')
}

const QUICK: readonly Command[] = Object.values(REQUESTS)

/**
 * The line, without arguments that of `help`. A line that the quick commands can parse means the
 * same to all: one option has the same form everywhere. For all others, and for what is wrong, the
 * whole program is loaded. Rejects with a Failure (invalid_argument).
 */
export const lineOf = async (args: readonly string[]): Promise<Line> => {
  try {
    return parseLine(QUICK, args)
  } catch {
    const { COMMANDS, COMPLETE } = await import('./program.ts')
    const [first, ...words] = args
    if (first === COMPLETE.name) return { command: COMPLETE, args: words, options: {} }
    return parseLine(COMMANDS, args.length === 0 ? ['help'] : args)
  }
}

export const main = async (args: readonly string[], io: Io): Promise<number> => {
  const context = { io, isJson: asksForJson(args) }
  try {
    const { command, args: plain, options } = await lineOf(args)
    if (command.isService) io.outliveReader()
    const run = await command.load()
    return (await run(context, plain, options)) ?? 0
  } catch (error) {
    const failure = await withGuess(toFailure(error))
    reportFailure(context, failure)
    return exitCodeOf(failure)
  }
}

/** The failure with the nearest known words as its hint, if there are any. */
const withGuess = async (failure: Failure): Promise<Failure> => {
  if (!(failure instanceof UnknownWord)) return failure
  const { guess } = await import('./parse-guess.ts')
  const names = guess(failure.word, failure.known)
  if (names.length === 0) return failure
  return new Failure(failure.code, failure.message, { hint: `did you mean ${names.join(' or ')}?` })
}
