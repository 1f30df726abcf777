/**
 * The VALUE of `set`: JSON where it parses, else a string.
 *
 * ```ts
 * parseValue('{"a":1}')  // { a: 1 }
 * parseValue('hello')    // 'hello'
 * ```
 */
import { Failure } from '../errors.ts'

const STRING = /"(?:\\.|[^"\\])*"/g
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** A number of valid JSON that would become another one; undefined where all stay as they are. */
const findChanged = (json: string): string | undefined => {
  for (const [number] of json.replace(STRING, '""').matchAll(NUMBER)) {
    const parsed = Number(number)
    if (!Number.isFinite(parsed)) return number
    if (/^-?\d+$/.test(number) && BigInt(number) !== BigInt(parsed)) return number
  }
  return undefined
}

/** Only a number with one of these can be one that is not kept; most lines have none. */
const SUSPECT = /\d{16}|\d[eE]/

/**
 * Throws a Failure (invalid_argument) for a number that would not stay what it is: an integer
 * beyond 2^53 that is rounded, one that becomes infinite. Fractions are rounded as always.
 * Throws a SyntaxError for what is no JSON.
 */
export const parseJson = (text: string): unknown => {
  const value: unknown = JSON.parse(text)
  const changed = SUSPECT.test(text) ? findChanged(text) : undefined
  if (changed === undefined) return value
  const shown = changed.length > 40 ? `${changed.slice(0, 40)}…` : changed
  throw new Failure('invalid_argument', `number ${shown} cannot be kept exactly`, {
    hint: 'give it as a string: --string, or in quotes inside JSON',
  })
}

/** JSON where it parses, else the text. Throws a Failure for a number that `parseJson` refuses. */
export const parseValue = (text: string): unknown => {
  try {
    return parseJson(text)
  } catch (error) {
    if (error instanceof SyntaxError) return text
    throw error
  }
}

/** The text of standard input without the one line break that `echo` adds. */
export const trimLineBreak = (text: string): string => text.replace(/\r?\n$/, '')
