/**
 * The VALUE of `set`: JSON if it parses, else a string.
 *
 * ```ts
 * parseValue('{"a":1}')  // { a: 1 }
 * parseValue('hello')    // 'hello'
 * ```
 */
import { Failure } from '../errors.ts'

const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

const PARTS = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** The smallest number that keeps all its digits: smaller ones lose precision. */
const MIN_PRECISE = 2 ** -1022

/** The digits without zeros around them, and the power of ten of the last one: `150` is `15e1`. */
const normalize = (number: string): string => {
  const [, whole = '', fraction = '', exponent = '0'] = PARTS.exec(number) ?? []
  const digits = (whole + fraction).replace(/^0+/, '')
  const kept = digits.replace(/0+$/, '')
  return `${kept}e${kept === '' ? 0 : Number(exponent) - fraction.length + digits.length - kept.length}`
}

const isChanged = (number: string): boolean => {
  const parsed = Number(number)
  if (!Number.isFinite(parsed)) return true
  // It prints as it was given, so nothing is lost that was given.
  if (String(parsed) === number) return false
  if (/^-?\d+$/.test(number)) return BigInt(number) !== BigInt(parsed)
  return Math.abs(parsed) < MIN_PRECISE && normalize(number) !== normalize(String(parsed))
}

/** Is the quote at that place part of the string around it? */
const isEscaped = (json: string, quote: number): boolean => {
  let first = quote
  while (json[first - 1] === '\\') first--
  return (quote - first) % 2 === 1
}

/** Valid JSON without its strings. Not by a regular expression, which overflows the stack on a long string. */
function* outsideStrings(json: string): Generator<string> {
  let start = 0
  for (let open = json.indexOf('"'); open >= 0; open = json.indexOf('"', start)) {
    yield json.slice(start, open)
    let close = open
    do close = json.indexOf('"', close + 1)
    while (isEscaped(json, close))
    start = close + 1
  }
  yield json.slice(start)
}

/** A number in valid JSON that parsing would change; undefined if there is none. */
const findChanged = (json: string): string | undefined => {
  for (const part of outsideStrings(json)) {
    for (const [number] of part.matchAll(NUMBER)) if (isChanged(number)) return number
  }
  return undefined
}

/** Parsing can only change a number that matches this; most lines have none. */
const SUSPECT = /\d{16}|\d[eE]/

/**
 * Throws a Failure (invalid_argument) for a number that parsing would change: an integer beyond
 * 2^53 that is rounded, one that becomes infinite, or one so small that it becomes 0 or loses
 * digits. Other fractions are rounded as always. Throws a SyntaxError unless the text is JSON.
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

/** JSON if it parses, else the text. Throws a Failure for a number that `parseJson` refuses. */
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
