/**
 * Figures of B3.1 to B3.3 and of memory.
 *
 * ```ts
 * const figures = createHeapFigures(result.heap, styles)
 * ```
 */
import { unique } from '../runner/unique.ts'
import type { B3Row } from '../workloads/b3.ts'
import type { Heap } from '../workloads/heap.ts'
import { drawBarPlot } from './plot/bar-plot.ts'
import { type Figure, figureOf } from './plot/figure.ts'
import { drawKeysPlot, type Quantity } from './plot/keys-plot.ts'
import type { Styles } from './plot/style.ts'
import { BYTES, MICROSECONDS, type Unit } from './plot/unit.ts'

/** Time and bytes, a group for each of the three. */
export const createB3Figures = (rows: readonly B3Row[], styles: Styles): Figure[] => {
  const plot = (title: string, axis: string, unit: Unit, of: (row: B3Row) => number) =>
    drawBarPlot(
      {
        title,
        axis,
        unit,
        isLog: true,
        groups: unique(rows.map(({ id }) => id)).map((id) => {
          const some = rows.filter((row) => row.id === id)
          const bars = some.map((row) => ({ name: row.engine, value: of(row) }))
          return { name: `${id} ${some[0]!.about}`, bars }
        }),
      },
      styles,
    )
  return [
    ...figureOf(
      'b3-time',
      plot('B3: time of merging all', 'time', MICROSECONDS, ({ us }) => us.median),
    ),
    ...figureOf(
      'b3-bytes',
      plot('B3: bytes of all updates', 'bytes', BYTES, (row) => row.updateBytes),
    ),
  ]
}

const MEMORY: Quantity = { title: 'Memory of a replica', axis: 'bytes of memory', unit: BYTES }

export const createHeapFigures = (rows: readonly Heap[], styles: Styles): Figure[] => {
  const samples = rows.map(({ engine, keys, bytes }) => ({ engine, x: keys, y: bytes }))
  return figureOf('heap', drawKeysPlot(MEMORY, samples, styles))
}
