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

/**
 * Throws a Failure (invalid_argument) for a number that would not stay what it is: an integer
 * beyond 2^53 that is rounded, one that becomes infinite. Fractions are rounded as always.
 */
export const parseValue = (text: string): unknown => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return text // not JSON: a string
  }
  const changed = findChanged(text)
  if (changed === undefined) return value
  const shown = changed.length > 40 ? `${changed.slice(0, 40)}…` : changed
  throw new Failure('invalid_argument', `number ${shown} cannot be kept exactly`, {
    hint: 'give it as a string: --string, or in quotes inside JSON',
  })
}

/** The text of standard input without the one line break that `echo` adds. */
export const trimLineBreak = (text: string): string => text.replace(/\r?\n$/, '')
