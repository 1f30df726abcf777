/**
 * What a report consists of: chapters with tables, which the terminal shows as text and the page
 * as HTML.
 *
 * ```ts
 * process.stdout.write(showChapter(lostChapter(rows, swarm)))
 * ```
 */
import { table } from '../runner/table.ts'

export interface Table {
  /** Above the table; empty for none. */
  readonly caption: string
  readonly head: readonly string[]
  /** As long as `head`. An empty cell at the left repeats the one above. */
  readonly rows: readonly (readonly string[])[]
  /** Columns of text at the left; the others are numbers. */
  readonly left: number
}

export interface Chapter {
  /** Which section of the bench it shows. */
  readonly id: string
  readonly title: string
  /** How the figures were made, after the title and a colon. */
  readonly note: string
  readonly tables: readonly Table[]
}

/** The rows, with the first cell empty where it repeats that of the row before. */
export const grouped = (rows: readonly (readonly string[])[]): string[][] =>
  rows.map(([first = '', ...others], index) => [
    first === rows[index - 1]?.[0] ? '' : first,
    ...others,
  ])

const showTable = ({ caption, head, rows, left }: Table): string =>
  `${caption && `\n${caption}\n`}${table([head, ...rows], left)}`

export const showChapter = ({ title, note, tables }: Chapter): string =>
  `\n${title}: ${note}\n${tables.map(showTable).join('')}`
