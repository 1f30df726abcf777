/**
 * From arguments to an exit code. Every failure becomes one clear line on standard error,
 * with a hint, or a line of JSON; standard output then stays empty.
 *
 * ```ts
 * process.exitCode = await main(['get', 'k'], processIo())
 * ```
 */
import { CommanderError } from 'commander'
import { Failure, toFailure } from '../errors.ts'
import type { Io } from './io.ts'
import { createProgram } from './program.ts'
import { exitCodeOf, reportFailure } from './report.ts'

/** Is `--json` among the options? Also where they cannot be parsed, and so nobody else knows. */
export const asksForJson = (args: readonly string[]): boolean => {
  const end = args.indexOf('--')
  return (end < 0 ? args : args.slice(0, end)).includes('--json')
}

/** Commander's complaint in our form: `error: …` and, on a line of its own, what was meant perhaps. */
const misuse = ({ message }: CommanderError): Failure => {
  const [first = '', suggestion = ''] = message.split('\n')
  const guess = /^\((.*)\)$/.exec(suggestion.trim())?.[1]
  return new Failure('invalid_argument', first.replace(/^error: /, ''), {
    hint: guess ?? 'see: pilot-gossip help',
  })
}

export const main = async (args: readonly string[], io: Io): Promise<number> => {
  const context = { io, isJson: asksForJson(args) }
  let exitCode = 0
  const program = createProgram(io, (code) => {
    exitCode = code
  })
  if (args.length === 0) {
    program.outputHelp()
    return 0
  }
  try {
    await program.parseAsync(args, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    const failure = failureOf(error)
    reportFailure(context, failure)
    return exitCodeOf(failure)
  }
}

const failureOf = (error: unknown): Failure => {
  if (!(error instanceof CommanderError)) return toFailure(error)
  if (error.code !== 'commander.help') return misuse(error)
  return new Failure('invalid_argument', 'no command is given', { hint: 'see: pilot-gossip help' })
}
