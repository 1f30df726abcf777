/**
 * Text for people. What comes from peers may hold control characters, with which a
 * terminal can be made to lie: they are shown, not obeyed.
 *
 * ```ts
 * printable('a\x1b[2Jb')                              // 'a\\x1b[2Jb'
 * table(['KEY', 'VALUE'], [['k', '1']], { bold })     // 'KEY  VALUE\nk    1\n'
 * ```
 */

// Control characters, and those that turn the direction of writing.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

const escapeOf = (character: string): string => {
  const code = character.charCodeAt(0)
  return code < 256
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}

/** The text on one line, harmless to a terminal. */
export const printable = (text: string): string => text.replace(UNPRINTABLE, escapeOf)

/** A key as it is where that is plain to see, else quoted. */
export const showKey = (key: string): string =>
  /^[^\s"\\]+$/.test(key) && printable(key) === key ? key : printable(JSON.stringify(key))

export const showJson = (value: unknown): string => printable(JSON.stringify(value) ?? 'null')

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const

export type Style = keyof typeof CODES

/** A function that colours text, or leaves it as it is. */
export const styler =
  (hasColors: boolean) =>
  (style: Style, text: string): string =>
    hasColors ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text

/** `1 push`, `2 pushes`. */
export const count = (number: number, thing: string, things = `${thing}s`): string =>
  `${number} ${number === 1 ? thing : things}`
