/**
 * Text for people. Text from peers may hold control characters, which can make a terminal show
 * anything: they are escaped.
 *
 * ```ts
 * printable('a\x1b[2Jb')                              // 'a\\x1b[2Jb'
 * widthOf('日本')                                      // 4
 * cut('日本語', 5)                                     // '日本…'
 * table(['KEY', 'VALUE'], [['k', '1']], { head: bold })     // 'KEY  VALUE\nk    1\n'
 * ```
 */
import { stringify } from '../control/protocol.ts'

// Control characters, and those that change the writing direction.
// biome-ignore lint/suspicious/noControlCharactersInRegex: this is the set to escape
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const escapeOf = (character: string): string => {
  const code = character.charCodeAt(0)
  return code < 256
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}

/** The text on one line, harmless to a terminal. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, escapeOf)

/** The same for a text of several lines. */
export const printableLines = (text: string): string =>
  text.replace(UNPRINTABLE, (character) =>
    character === '\n' || character === '\t' ? character : escapeOf(character),
  )

/** JSON with what could control a terminal as `\\uXXXX`: it parses to the same. Line breaks between values stay. */
export const printableJson = (json: string): string =>
  json.replace(UNPRINTABLE, (character) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** A key as it is if it can be read plainly, else quoted. */
export const showKey = (key: string): string =>
  /^[^\s"\\]+$/.test(key) && printable(key) === key ? key : printable(JSON.stringify(key))

export const showJson = (value: unknown): string => printable(stringify(value) ?? 'null')

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

export type Style = keyof typeof CODES

/** A function that colours text, or leaves it as it is. */
export const styler =
  (hasColors: boolean) =>
  (style: Style, text: string): string =>
    hasColors ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text

const PLAIN = /^[\x20-\x7e]*$/

/** Takes no column: marks and invisible characters, except the soft hyphen, which terminals show. */
const ZERO = /^(?!\u00ad)[\p{Mark}\p{Default_Ignorable_Code_Point}\u1160-\u11ff\ud7b0-\ud7ff]$/u

/** Shown as an emoji, by default or because the emoji selector follows it. */
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u

/** East_Asian_Width wide or fullwidth, without emoji: whole blocks, unassigned code points included. */
const WIDE =
  /^[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u3247\u3250-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe10-\ufe19\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]$/u

let segmenter: Intl.Segmenter | undefined

/** What a reader sees as one character each. */
function* charactersOf(text: string): Generator<string> {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' })
  for (const { segment } of segmenter.segment(text)) yield segment
}

const widthOfCharacter = (character: string): number => {
  if (EMOJI.test(character)) return 2
  let width = 0
  for (const point of character) if (!ZERO.test(point)) width += WIDE.test(point) ? 2 : 1
  return width
}

/**
 * The terminal columns of a text without control characters: 日 takes two, a combining accent none,
 * and a family of four joined emoji two. Terminals differ by font and version; this follows Unicode
 * (UAX #11 and UTS #51), with one column for ambiguous characters.
 */
export const widthOf = (text: string): number => {
  if (PLAIN.test(text)) return text.length
  let width = 0
  for (const character of charactersOf(text)) width += widthOfCharacter(character)
  return width
}

/** Cuts to `width` columns, the last of them an ellipsis, and never inside a character. */
export const cut = (text: string, width: number): string => {
  if (widthOf(text) <= width) return text
  let kept = ''
  let left = width - 1
  for (const character of charactersOf(text)) {
    left -= widthOfCharacter(character)
    if (left < 0) break
    kept += character
  }
  return `${kept}…`
}

export interface TableOptions {
  /** Columns of the longest line. Default: no limit. */
  readonly width?: number | undefined
  readonly head?: (line: string) => string
}

/** The width of each column: that of its longest cell. */
export const widthsOf = (rows: readonly (readonly string[])[]): readonly number[] =>
  (rows[0] ?? []).map((_, column) =>
    rows.reduce((most, row) => Math.max(most, widthOf(row[column] ?? '')), 0),
  )

const lineOf = (
  row: readonly string[],
  widths: readonly number[],
  width = Number.POSITIVE_INFINITY,
): string => {
  const cells = row.map((cell, column) => {
    const room = Math.max(0, (widths[column] ?? 0) - widthOf(cell))
    return column === row.length - 1 ? cell : cell + ' '.repeat(room)
  })
  return cut(cells.join('  ').trimEnd(), width)
}

/** More lines of a table whose columns have these widths. A longer cell moves what follows it. */
export const tableLines = (
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  width?: number,
): string => rows.map((row) => `${lineOf(row, widths, width)}\n`).join('')

/** Columns as wide as their longest cell, two spaces apart. A line that is too wide is cut. */
export const table = (
  names: readonly string[],
  rows: readonly (readonly string[])[],
  { width, head = (line) => line }: TableOptions = {},
): string => {
  const widths = widthsOf([names, ...rows])
  return `${head(lineOf(names, widths, width))}\n${tableLines(rows, widths, width)}`
}

/** `1 push`, `2 pushes`. */
export const count = (number: number, thing: string, things = `${thing}s`): string =>
  `${number} ${number === 1 ? thing : things}`
