/**
 * Time and bytes of each workload against the keys of the map; as marks where there is one size
 * only.
 *
 * ```ts
 * const figures = createMergeFigures(result.merges, styles)     // time-…, bytes-… of each workload
 * ```
 */
import { unique } from '../runner/unique.ts'
import type { LostWrites } from '../workloads/lost-writes.ts'
import type { Cell } from '../workloads/merges.ts'
import { drawBarPlot } from './plot/bar-plot.ts'
import { type Figure, figureOf } from './plot/figure.ts'
import { drawKeysPlot, type Quantity } from './plot/keys-plot.ts'
import type { Point } from './plot/line-plot.ts'
import type { Styles } from './plot/style.ts'
import { BYTES, MICROSECONDS, SHARE } from './plot/unit.ts'

/** Its title stands before the name of the workload. */
interface Measure extends Quantity {
  of(cell: Cell): Omit<Point, 'x'>
}

const TIME: Measure = {
  title: 'Time',
  axis: 'time of one merge',
  unit: MICROSECONDS,
  of: ({ us: { median, min, max } }) => ({ y: median, low: min, high: max }),
}

const SIZE: Measure = {
  title: 'Bytes',
  axis: 'bytes of one message',
  unit: BYTES,
  of: ({ bytes }) => ({ y: bytes }),
}

const createFigure = (
  cells: readonly Cell[],
  { title, of, ...quantity }: Measure,
  styles: Styles,
): Figure[] => {
  const { workload } = cells[0]!
  const samples = cells.map((cell) => ({ engine: cell.engine, x: cell.keys, ...of(cell) }))
  const picture = drawKeysPlot({ ...quantity, title: `${title}: ${workload}` }, samples, styles)
  return figureOf(`${title} ${workload}`, picture)
}

const bytesText = (cells: readonly Cell[]): string =>
  JSON.stringify(cells.map(({ keys, engine, bytes }) => [keys, engine, bytes]))

/** Bytes are shown once where several workloads have the same message. */
export const createMergeFigures = (merges: readonly Cell[], styles: Styles): Figure[] => {
  const seen = new Set<string>()
  return unique(merges.map(({ workload }) => workload)).flatMap((workload) => {
    const cells = merges.filter((cell) => cell.workload === workload)
    const bytes = bytesText(cells)
    const isNew = !seen.has(bytes)
    seen.add(bytes)
    return [
      ...createFigure(cells, TIME, styles),
      ...(isNew ? createFigure(cells, SIZE, styles) : []),
    ]
  })
}

/** A bar for each engine, in groups by how much was written at once. */
export const createLostFigures = (rows: readonly LostWrites[], styles: Styles): Figure[] =>
  figureOf(
    'lost-writes',
    drawBarPlot(
      {
        title: 'Writes lost: keys whose last write is not what the swarm ends with',
        axis: 'share of the keys written',
        unit: SHARE,
        isLog: false,
        groups: unique(rows.map(({ writes }) => writes)).map((writes) => ({
          name: `${writes} writes a round`,
          bars: rows
            .filter((row) => row.writes === writes)
            .map(({ engine, lost, written, differing }) => ({
              name: engine,
              value: written === 0 ? 0 : lost / written,
              label: `${lost} of ${written}${differing === 0 ? '' : `; nodes differ on ${differing}`}`,
            })),
        })),
      },
      styles,
    ),
  )
