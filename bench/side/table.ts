/**
 * A section as a table: a row for each participant and load, medians of the runs with the smallest
 * and the largest in brackets, and the ratio to the reference of the same run.
 */
import { medianOf, spreadOf } from '../runner/stats.ts'
import { type Rows, rowsOf, showBytes, showNumber, showRatio } from '../runner/table.ts'
import type { Figures, SideRow, SideSection } from './section.ts'

/** How a figure is shown. `times`: its ratio to the reference is worth a column. */
interface Shown {
  readonly figure: string
  readonly head: string
  readonly show: (value: number) => string
  readonly times?: true
}

const COLUMNS: readonly Shown[] = [
  { figure: 'sent', head: 'writes/s', show: showNumber },
  { figure: 'received', head: 'received/s', show: showNumber },
  { figure: 'p50', head: 'latency p50 (ms)', show: showNumber },
  { figure: 'p99', head: 'latency p99 (ms)', show: showNumber },
  { figure: 'bulk', head: 'writes/s, as fast as it can', show: showNumber },
  { figure: 'lostWriter', head: 'lost: writer killed', show: showNumber },
  { figure: 'lostServer', head: 'lost: server killed', show: showNumber },
  { figure: 'downMs', head: 'no write for (ms)', show: showNumber },
  {
    figure: 'processor',
    head: 'processor',
    show: (share) => `${showRatio(share * 100)} %`,
    times: true,
  },
  { figure: 'memory', head: 'memory', show: showBytes },
]

const valuesOf = ({ runs }: SideRow, figure: string): number[] =>
  runs.flatMap((run) => run[figure] ?? [])

const showSpread = (values: readonly number[], show: (value: number) => string): string => {
  if (values.length === 0) return '-'
  const { median, min, max } = spreadOf(values)
  const [least, most] = [show(min), show(max)]
  return least === most ? show(median) : `${show(median)} (${least}–${most})`
}

const ratiosOf = (row: SideRow, reference: SideRow | undefined, figure: string): number[] =>
  row.runs.flatMap((run: Figures, at) => {
    const [own, other] = [run[figure], reference?.runs[at]?.[figure]]
    return own !== undefined && other !== undefined && other > 0 ? [own / other] : []
  })

/** The median of the ratios of a figure, run by run; undefined if it was not measured. */
export const ratioOf = (
  section: SideSection,
  name: string,
  load: number,
  figure: string,
  reference = section.reference,
): number | undefined => {
  const find = (one: string) => section.rows.find((row) => row.name === one && row.load === load)
  const row = find(name)
  const ratios = row ? ratiosOf(row, find(reference), figure) : []
  return ratios.length > 0 ? medianOf(ratios) : undefined
}

/** The median of a figure; undefined if it was not measured. */
export const figureOf = (
  section: SideSection,
  name: string,
  load: number,
  figure: string,
): number | undefined => {
  const row = section.rows.find((one) => one.name === name && one.load === load)
  const values = row ? valuesOf(row, figure) : []
  return values.length > 0 ? medianOf(values) : undefined
}

export const sideRows = (section: SideSection): Rows => {
  const { rows, unit, reference } = section
  const columns = COLUMNS.filter(({ figure }) => rows.some((row) => valuesOf(row, figure).length))
  const referenceOf = ({ load }: SideRow) =>
    rows.find((row) => row.name === reference && row.load === load)
  return rowsOf<SideRow>(rows, [
    ['', ({ name }) => name],
    [unit, ({ load }) => showNumber(load)],
    ...columns.flatMap(({ figure, head, show, times }) => {
      const own = [head, (row: SideRow) => showSpread(valuesOf(row, figure), show)] as const
      const ratio = [
        `times ${reference}`,
        (row: SideRow) => showSpread(ratiosOf(row, referenceOf(row), figure), showRatio),
      ] as const
      return times ? [own, ratio] : [own]
    }),
  ])
}
