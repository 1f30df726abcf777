/**
 * Something against the keys of the map: lines, or marks where there is one size only.
 *
 * ```ts
 * drawKeysPlot({ title: 'Bytes', axis: 'bytes of one message', unit: BYTES }, samples, styles)
 * ```
 */

import { unique } from '../../runner/unique.ts'
import { drawBarPlot } from './bar-plot.ts'
import { drawLinePlot, type Point } from './line-plot.ts'
import type { Picture } from './picture.ts'
import type { Styles } from './style.ts'
import { COUNT, type Unit } from './unit.ts'

export interface Quantity {
  readonly title: string
  /** Beside the axis. */
  readonly axis: string
  readonly unit: Unit
}

/** `x` is the number of keys. */
export interface Sample extends Point {
  readonly engine: string
}

/** Null where there is nothing to draw. */
export const drawKeysPlot = (
  { title, axis, unit }: Quantity,
  samples: readonly Sample[],
  styles: Styles,
): Picture | null => {
  const sizes = unique(samples.map(({ x }) => x))
  if (sizes.length === 1) {
    const bars = samples.map(({ engine: name, y: value, x: _, ...spread }) => ({
      name,
      value,
      ...spread,
    }))
    const groups = [{ name: `${COUNT.show(sizes[0]!)} keys`, bars }]
    return drawBarPlot({ title, axis, unit, isLog: true, groups }, styles)
  }
  const series = unique(samples.map(({ engine }) => engine)).map((name) => ({
    name,
    points: samples.filter(({ engine }) => engine === name).sort((a, b) => a.x - b.x),
  }))
  const x = { title: 'keys in the map', unit: COUNT, isLog: true }
  return drawLinePlot({ title, x, y: { title: axis, unit, isLog: true }, series }, styles)
}
