/** Tables as Markdown has them. */
import type { Table } from './chapter.ts'

const escapeCell = (text: string): string => text.replaceAll('|', '\\|')

/** `markdown({ head: ['a', 'b'], rows: [['1', '2']], left: 1 })` is `| a | b |\n| --- | --: |\n| 1 | 2 |\n`. */
export const markdown = ({ head, rows, left }: Omit<Table, 'caption'>): string =>
  [head, head.map((_, at) => (at < left ? '---' : '--:')), ...rows]
    .map((row) => `| ${row.map(escapeCell).join(' | ')} |\n`)
    .join('')
