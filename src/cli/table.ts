/**
 * Tables for people. Apart from `text.ts`, as most commands show none, and start faster without.
 *
 * ```ts
 * table(['KEY', 'VALUE'], [['greeting', '"hello"']]) // 'KEY       VALUE\ngreeting  "hello"\n'
 * ```
 */
import { cut, widthOf } from './width.ts'

export interface TableOptions {
  /** Columns of the longest line; default no bound. */
  readonly width?: number | undefined
  readonly head?: (line: string) => string
}

/** Columns that are as wide as their longest cell, two spaces apart; the last is cut where it is too wide. */
export const table = (
  names: readonly string[],
  rows: readonly (readonly string[])[],
  { width = Number.POSITIVE_INFINITY, head = (line) => line }: TableOptions = {},
): string => {
  const all = [names, ...rows]
  const widths = names.map((_, column) =>
    all.reduce((most, row) => Math.max(most, widthOf(row[column] ?? '')), 0),
  )
  const lines = all.map((row) => {
    const cells = row.map((cell, column) =>
      column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)),
    )
    return cut(cells.join('  ').trimEnd(), width)
  })
  const [first = '', ...others] = lines
  return [head(first), ...others].map((line) => `${line}\n`).join('')
}
