/**
 * From arguments to an exit code. Every failure becomes one clear line on standard error,
 * with a hint, or a line of JSON; standard output then stays empty.
 *
 * ```ts
 * process.exitCode = await main(['get', 'k'], processIo())
 * ```
 */
import { Failure, toFailure } from '../errors.ts'
import type { Io } from './io.ts'
import { type Line, parseLine, UnknownWord } from './parse-line.ts'
import { COMMANDS } from './program.ts'
import { exitCodeOf, reportFailure } from './report.ts'

/** Is `--json` among the options? Also where they cannot be parsed, and so nobody else knows. */
export const asksForJson = (args: readonly string[]): boolean => {
  const end = args.indexOf('--')
  return (end < 0 ? args : args.slice(0, end)).includes('--json')
}

/** Without arguments it is help that is wanted. */
const lineOf = (args: readonly string[]): Line =>
  parseLine(COMMANDS, args.length === 0 ? ['help'] : args)

/** Does the command go on when nobody reads what it prints? Throws a Failure for what is no command. */
export const isService = (args: readonly string[]): boolean =>
  lineOf(args).command.isService === true

export const main = async (args: readonly string[], io: Io): Promise<number> => {
  const context = { io, isJson: asksForJson(args) }
  try {
    const { command, args: plain, options } = lineOf(args)
    const run = await command.load()
    return (await run(context, plain, options)) ?? 0
  } catch (error) {
    const failure = await withGuess(toFailure(error))
    reportFailure(context, failure)
    return exitCodeOf(failure)
  }
}

/** The failure with a hint at what was meant, where there is a guess. */
const withGuess = async (failure: Failure): Promise<Failure> => {
  if (!(failure instanceof UnknownWord)) return failure
  const { guess } = await import('./parse-guess.ts')
  const names = guess(failure.word, failure.known)
  if (names.length === 0) return failure
  return new Failure(failure.code, failure.message, { hint: `did you mean ${names.join(' or ')}?` })
}
