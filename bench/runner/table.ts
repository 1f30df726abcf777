/**
 * Tables as aligned text or Markdown, and numbers with three digits and a unit.
 *
 * ```ts
 * records([{ engine: 'yjs-v1', bytes: 8_683 }])      // 'engine  bytes\nyjs-v1  8,683\n'
 * ```
 */
import type { Spread } from './stats.ts'

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 })
const digits = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 })

/** `10,000`. */
export const showCount = (count: number): string => whole.format(count)

/** Three digits, but never rounded before the decimal point. */
export const showNumber = (number: number): string =>
  (number >= 100 ? whole : digits).format(number)

/** Three digits. */
export const showRatio = (ratio: number): string => digits.format(ratio)

/** A share from 0 to 1 as a percentage: `0.25 %`. */
export const showShare = (share: number): string => `${showRatio(share * 100)} %`

type Step = readonly [min: number, unit: string]

const stepped =
  (steps: readonly Step[]) =>
  (value: number): string => {
    if (value === 0) return '0'
    // A value that would round to 1,000 is shown as 1 of the next unit.
    const [min, unit] = steps.find(([from]) => value >= from * 0.9995) ?? steps.at(-1)!
    return `${showRatio(value / min)} ${unit}`
  }

/** `331 kB`. */
export const showBytes = stepped([
  [1e9, 'GB'],
  [1e6, 'MB'],
  [1e3, 'kB'],
  [1, 'B'],
])

/** Microseconds as `60.8 ms`. */
export const showUs = stepped([
  [1e6, 's'],
  [1e3, 'ms'],
  [1, '\u00b5s'],
  [1e-3, 'ns'],
])

/** A heading and the cell of each row below it. */
export type Column<T> = readonly [head: string, cell: (row: T, at: number) => string]

export type Rows = readonly (readonly string[])[]

export const rowsOf = <T>(rows: readonly T[], columns: readonly Column<T>[]): Rows => [
  columns.map(([head]) => head),
  ...rows.map((row, at) => columns.map(([, cell]) => cell(row, at))),
]

/** Aligned text. The first `left` columns are text, the others numbers. */
export const table = (rows: Rows, left = 1): string => {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]!.length)))
  const pad = (cell: string, at: number): string =>
    at < left ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!)
  return rows.map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('')
}

const isSpread = (value: unknown): value is Spread =>
  typeof value === 'object' && value !== null && 'median' in value

const showValue = (value: unknown): string => {
  if (typeof value === 'number') return showNumber(value)
  if (isSpread(value))
    return `${showNumber(value.median)} (${showNumber(value.min)} to ${showNumber(value.max)})`
  return value === null || value === undefined ? '-' : String(value)
}

/** `updateBytes` as `update bytes`. */
const wordsOf = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

/** Records of one shape as aligned text, a column for each field, or for each of `names`; text comes first. */
export const records = (
  rows: readonly object[],
  names: readonly string[] = Object.keys(rows[0] ?? {}),
): string => {
  const all = rows as readonly Readonly<Record<string, unknown>>[]
  const isText = (name: string): boolean => typeof all[0]?.[name] === 'string'
  const texts = names.filter(isText)
  const sorted = [...texts, ...names.filter((name) => !isText(name))]
  const cells = all.map((row) => sorted.map((name) => showValue(row[name])))
  return table([sorted.map(wordsOf), ...cells], texts.length)
}

/** A Markdown table: `| a | b |\n| --- | --: |\n| 1 | 2 |\n`. */
export const markdown = ([head = [], ...rows]: Rows, left = 1): string =>
  [head, head.map((_, at) => (at < left ? '---' : '--:')), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`)
    .join('')
