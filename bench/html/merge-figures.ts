/**
 * Time and bytes of each workload against the keys of the map; as marks where there is one size
 * only.
 *
 * ```ts
 * const figures = createMergeFigures(result.merges, styles)     // time-…, bytes-… of each workload
 * ```
 */
import type { LostWrites } from '../lost-writes.ts'
import type { Cell } from '../runner.ts'
import { drawBarPlot } from './bar-plot.ts'
import { type Figure, figureOf } from './figure.ts'
import { drawLinePlot, type Point } from './line-plot.ts'
import type { Styles } from './style.ts'
import { BYTES, COUNT, MICROSECONDS, SHARE, type Unit } from './unit.ts'

interface Quantity {
  readonly id: string
  /** Before the name of the workload. */
  readonly title: string
  readonly axis: string
  readonly unit: Unit
  of(cell: Cell): Omit<Point, 'x'>
}

const TIME: Quantity = {
  id: 'time',
  title: 'Time',
  axis: 'time of one merge',
  unit: MICROSECONDS,
  of: ({ us: { median, min, max } }) => ({ y: median, low: min, high: max }),
}

const SIZE: Quantity = {
  id: 'bytes',
  title: 'Bytes',
  axis: 'bytes of one message',
  unit: BYTES,
  of: ({ bytes }) => ({ y: bytes }),
}

const unique = <T>(items: readonly T[]): T[] => [...new Set(items)]

const createFigure = (
  cells: readonly Cell[],
  { id, title: prefix, axis, unit, of }: Quantity,
  styles: Styles,
): Figure[] => {
  const { workload } = cells[0]!
  const sizes = unique(cells.map(({ keys }) => keys))
  const name = `${id}-${workload}`
  const title = `${prefix}: ${workload}`
  if (sizes.length === 1) {
    const bars = cells.map((cell) => {
      const { y: value, ...spread } = of(cell)
      return { name: cell.engine, value, ...spread }
    })
    const groups = [{ name: `${COUNT.show(sizes[0]!)} keys`, bars }]
    return figureOf(name, drawBarPlot({ title, axis, unit, isLog: true, groups }, styles))
  }
  const series = unique(cells.map(({ engine }) => engine)).map((engine) => ({
    name: engine,
    points: cells
      .filter((cell) => cell.engine === engine)
      .map((cell) => ({ x: cell.keys, ...of(cell) }))
      .sort((a, b) => a.x - b.x),
  }))
  const x = { title: 'keys in the map', unit: COUNT, isLog: true }
  return figureOf(
    name,
    drawLinePlot({ title, x, y: { title: axis, unit, isLog: true }, series }, styles),
  )
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
