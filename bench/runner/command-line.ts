/**
 * What the programs of the bench have in common: words become options, and a failure becomes text
 * on standard error and an exit code.
 *
 * ```ts
 * const values = parseWords(args, { seed: { type: 'string' } }, 'npm run bench')
 * const seed = parseWhole('--seed', values.seed, 0, 9)
 * ```
 */
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { Failure, toFailure } from '../../src/errors.ts'

/** Where a program writes to. */
export interface Streams {
  out(text: string): void
  err(text: string): void
  /** Shows what is being done; only where a person is looking. */
  readonly progress?: (row: string) => void
}

/** Throws a Failure (invalid_argument) for what is none of `options`; `command` shows its help. */
export const parseWords = <const T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
  command: string,
) => {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values
  } catch (error) {
    throw new Failure('invalid_argument', (error as Error).message, {
      hint: `see: ${command} -- --help`,
      cause: error,
    })
  }
}

export const unusable = (option: string, text: string, hint: string): Failure =>
  new Failure('invalid_argument', `${option} "${text}" is not usable`, { hint })

/** Throws a Failure (invalid_argument) that says to give `what`, from `min` to `max`. */
export const parseWhole = (
  option: string,
  text: string,
  min: number,
  max: number,
  what = 'a whole number',
): number => {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw unusable(option, text, `give ${what} from ${min} to ${max}`)
}

/** Some of `names`, separated by commas. Throws a Failure (invalid_argument) for another one, which `fault` follows. */
export const parseNames = <T extends string>(
  option: string,
  text: string,
  names: readonly T[],
  fault: string,
): T[] =>
  text.split(',').map((name) => {
    const known = names.find((one) => one === name)
    if (known !== undefined) return known
    throw new Failure('invalid_argument', `${option} "${name}" ${fault}`, {
      hint: `give some of ${names.join(',')}`,
    })
  })

/** Tells what was thrown, as JSON where `args` ask for that. The exit code: 2 when an option is not usable, else 1. */
export const tellFailure = (
  error: unknown,
  program: string,
  args: readonly string[],
  { err }: Streams,
): 1 | 2 => {
  const { code, message, hint } = toFailure(error)
  err(
    args.includes('--json')
      ? `${JSON.stringify({ status: 'error', code, message, hint })}\n`
      : `${program}: ${message}\n${hint === undefined ? '' : `hint: ${hint}\n`}`,
  )
  return code === 'invalid_argument' ? 2 : 1
}
