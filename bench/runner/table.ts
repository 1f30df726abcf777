/**
 * Tables of text.
 *
 * ```ts
 * table([['engine', 'bytes'], ['yjs-v1', showNumber(8683)]], 1)
 * ```
 */
import type { Spread } from './stats.ts'

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const digits = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 })

/** `10,000`. */
export const showCount = (count: number): string => whole.format(count)

/** Three digits, but no rounding before the decimal point. */
export const showNumber = (number: number): string =>
  (number >= 100 ? whole : digits).format(number)

/** Three digits. */
export const showRatio = (ratio: number): string => digits.format(ratio)

/** A share from 0 to 1 in percent: `0.25 %`. */
export const showShare = (share: number): string => `${showRatio(share * 100)} %`

/** Median, least and most: three cells. */
export const showSpread = ({ median, min, max }: Spread): [string, string, string] => [
  showNumber(median),
  showNumber(min),
  showNumber(max),
]

/** Columns two spaces apart; the first `left` of them to the left, numbers to the right. No rows: no text. */
export const table = (rows: readonly (readonly string[])[], left: number): string => {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length)),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column < left ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd()
  return rows.map((row) => `${line(row)}\n`).join('')
}
