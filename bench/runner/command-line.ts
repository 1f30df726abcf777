/**
 * What the bench programs share: a table of options, which gives the parser, the help and the types;
 * and failures as an exit code with text or JSON on standard error.
 *
 * ```ts
 * const OPTIONS = { seed: whole(0, 9, 'of all keys'), ...COMMON }
 * parseOptions(OPTIONS, ['--seed', '7'], 'npm run bench')      // { seed: 7 }
 * ```
 */
import { parseArgs } from 'node:util'
import { Failure, toFailure } from '../../src/errors.ts'

/** Where a program writes. */
export interface Streams {
  out(text: string): void
  err(text: string): void
  /** Shows the current step; absent unless a person is watching. */
  readonly progress?: (step: string) => void
}

const { stdout, stderr } = process

/** Returns to the start of the line and clears it. */
const CLEAR = '\r\x1b[K'

/** The streams of this process. Progress is one line, which the next output replaces. */
export const TERMINAL: Streams = {
  out: (text) => {
    if (stderr.isTTY) stderr.write(CLEAR)
    stdout.write(text)
  },
  err: (text) => void stderr.write(text),
  ...(stderr.isTTY && { progress: (step: string) => void stderr.write(`${CLEAR}${step}\r`) }),
}

export interface Option<T> {
  /** The word on the command line, if it is not the key. */
  readonly name?: string
  /** Stands for the value in the help; absent for a flag. */
  readonly value?: string
  readonly help: string
  /** Throws a Failure (invalid_argument) that quotes the text. */
  parse(text: string, option: string): T
}

type Options = Readonly<Record<string, Option<unknown>>>

type Values<T extends Options> = { readonly [K in keyof T]?: ReturnType<T[K]['parse']> }

/** `expected` completes both `--keys "9" is not …` and `give …`. */
export const invalidOption = (option: string, text: string, expected: string): Failure =>
  new Failure('invalid_argument', `${option} "${text}" is not ${expected}`, {
    hint: `give ${expected}`,
  })

export const flag = (help: string, name?: string): Option<true> => ({
  ...(name !== undefined && { name }),
  help,
  parse: () => true,
})

/** A text that `read` accepts; undefined or NaN is invalid. */
export const option = <T>(
  value: string,
  help: string,
  expected: string,
  read: (text: string) => T | undefined,
  name?: string,
): Option<T> => ({
  ...(name !== undefined && { name }),
  value,
  help,
  parse(text, word) {
    const parsed = read(text)
    if (parsed === undefined || Number.isNaN(parsed)) throw invalidOption(word, text, expected)
    return parsed
  },
})

export const whole = (min: number, max: number, help: string, name?: string): Option<number> => {
  const read = (text: string) => {
    const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    return number >= min && number <= max ? number : undefined
  }
  return option('N', help, `a whole number from ${min} to ${max}`, read, name)
}

export const oneOf = <T extends string>(names: readonly T[], help: string): Option<T> =>
  option('NAME', help, `one of ${names.join(',')}`, (text) => names.find((name) => name === text))

/** Values separated by commas. */
export const listOf = <T>({ parse, ...one }: Option<T>): Option<T[]> => ({
  ...one,
  value: 'LIST',
  parse: (text, word) => text.split(',').map((item) => parse(item, word)),
})

export const COMMON = {
  json: flag('one line of JSON: {"status":"ok","data":{...}}'),
  help: flag('this text'),
} as const

/** The given options by key. Throws a Failure (invalid_argument) for an unknown or invalid one. */
export const parseOptions = <const T extends Options>(
  table: T,
  args: readonly string[],
  command: string,
): Values<T> => {
  const rows = Object.entries(table).map(([key, one]) => ({ key, one, word: one.name ?? key }))
  const options = rows.map(({ word, one }) => [
    word,
    { type: one.value === undefined ? 'boolean' : 'string' },
  ])
  let values: Record<string, unknown>
  try {
    values = parseArgs({ args: [...args], options: Object.fromEntries(options) }).values
  } catch (error) {
    const hint = `see: ${command} -- --help`
    throw new Failure('invalid_argument', (error as Error).message, { hint, cause: error })
  }
  const given = rows.filter(({ word }) => values[word] !== undefined)
  return Object.fromEntries(
    given.map(({ key, word, one }) => [key, one.parse(String(values[word]), `--${word}`)]),
  ) as Values<T>
}

/** A line of help for each option. `defaults` are by key. */
export const showOptions = (table: Options, defaults: object = {}): string =>
  Object.entries(table)
    .map(([key, { name = key, value = '', help }]) => {
      const preset = (defaults as Record<string, unknown>)[key]
      const shown = preset === undefined || value === '' ? '' : `  (default ${preset})`
      return `  ${`--${name} ${value}`.padEnd(18)} ${help}${shown}\n`
    })
    .join('')

/** Prints the failure, as JSON if `args` ask for it. The exit code: 2 for an invalid option, else 1. */
export const reportFailure = (
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
