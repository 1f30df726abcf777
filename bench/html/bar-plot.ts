/**
 * Bars, or marks where the axis is logarithmic (a bar has no length there), with names to the
 * left, figures to the right, and groups below each other.
 *
 * ```ts
 * drawBarPlot({ title: 'lost', unit: SHARE, axis: 'writes lost', isLog: false, groups }, styles)
 * ```
 */

import { drawMarker } from './mark.ts'
import { type Child, element } from './markup.ts'
import { MARGIN, type Picture, TITLE_HEIGHT } from './picture.ts'
import { linearScale, logScale } from './scale.ts'
import { type Styles, styleOf } from './style.ts'
import type { Unit } from './unit.ts'

export interface Bar {
  readonly name: string
  /** Whose style it has; default `name`. */
  readonly of?: string
  readonly value: number
  readonly low?: number
  readonly high?: number
  /** Instead of the value with its unit, to the right. */
  readonly label?: string
}

export interface BarGroup {
  /** Above the bars; empty for none. */
  readonly name: string
  readonly bars: readonly Bar[]
}

export interface BarPlot {
  readonly title: string
  readonly axis: string
  readonly unit: Unit
  readonly isLog: boolean
  readonly groups: readonly BarGroup[]
}

const WIDTH = 580
const ROW = 20
const THICKNESS = 11
const GROUP_HEAD = 24
const BELOW = 44
/** Pixels of an average letter. */
const LETTER = 6.9

const valuesOf = ({ value, low = value, high = value }: Bar): number[] => [value, low, high]

/** Null where there is nothing to draw. */
export const drawBarPlot = (plot: BarPlot, styles: Styles): Picture | null => {
  const { title, axis, unit, isLog } = plot
  const groups = plot.groups
    .map(({ name, bars }) => ({ name, bars: bars.filter(({ value }) => !isLog || value > 0) }))
    .filter(({ bars }) => bars.length > 0)
  const bars = groups.flatMap((group) => group.bars)
  if (bars.length === 0) return null
  const labelOf = ({ label, value }: Bar): string => label ?? unit.show(value)
  const longest = (texts: string[]): number => Math.max(...texts.map(({ length }) => length))
  const left = MARGIN + longest(bars.map(({ name }) => name)) * LETTER + 10
  const right = WIDTH - MARGIN - longest(bars.map(labelOf)) * LETTER - 10
  const scale = (isLog ? logScale : linearScale)(bars.flatMap(valuesOf), [left, right])

  const drawBar = (bar: Bar, middle: number): Child => {
    const style = styleOf(styles, bar.of ?? bar.name)
    const { value, low, high } = bar
    const end = scale.place(value)
    const whisker =
      low === undefined || high === undefined
        ? []
        : element('line', {
            class: 'whisker',
            x1: scale.place(low),
            x2: scale.place(high),
            y1: middle,
            y2: middle,
          })
    const tip = `${bar.name}: ${labelOf(bar)}`
    const shape = isLog
      ? [whisker, drawMarker({ x: end, y: middle }, style, tip)]
      : element(
          'rect',
          {
            class: 'bar',
            x: left,
            y: middle - THICKNESS / 2,
            width: value === 0 ? 0 : Math.max(end - left, 1),
            height: THICKNESS,
          },
          element('title', {}, tip),
        )
    return [
      element('g', { class: `c${style.colour}` }, shape),
      element('text', { class: 'end', x: left - 8, y: middle + 4 }, bar.name),
      element('text', { x: right + 10, y: middle + 4 }, labelOf(bar)),
    ]
  }

  let y = TITLE_HEIGHT
  const drawn: Child[] = []
  const spans: (readonly [number, number])[] = []
  for (const { name, bars: some } of groups) {
    if (name !== '') {
      drawn.push(element('text', { class: 'soft', x: left, y: y + GROUP_HEAD - 8 }, name))
      y += GROUP_HEAD
    }
    spans.push([y, y + some.length * ROW])
    for (const bar of some) {
      drawn.push(drawBar(bar, y + ROW / 2))
      y += ROW
    }
  }
  const grid = spans.flatMap(([from, to]) =>
    scale.ticks.map(({ value, isMain }) => {
      const at = scale.place(value)
      return element('line', { class: isMain ? 'grid' : 'fine', x1: at, x2: at, y1: from, y2: to })
    }),
  )
  let free = Number.NEGATIVE_INFINITY
  const labels = scale.ticks.map(({ value, isMain }): Child => {
    const at = scale.place(value)
    const text = unit.show(value)
    const half = (text.length * LETTER) / 2 + 3
    if (!isMain || at - half < free) return []
    free = at + half
    return element('text', { class: 'soft middle', x: at, y: y + 16 }, text)
  })
  const about = element(
    'text',
    { class: 'middle', x: (left + right) / 2, y: y + 34 },
    isLog ? `${axis} (log scale)` : axis,
  )
  return { title, width: WIDTH, height: y + BELOW, body: [grid, drawn, labels, about] }
}
