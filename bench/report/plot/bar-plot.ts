/**
 * Bars, or marks where the axis is logarithmic (a bar has no length there), with names to the
 * left, figures to the right, and groups below each other.
 *
 * ```ts
 * drawBarPlot({ title: 'lost', unit: SHARE, axis: 'writes lost', isLog: false, groups }, styles)
 * ```
 */
import { drawLabelsBelow, drawTitleBelow, drawUpright } from './axes.ts'
import { drawMarker, drawWhisker } from './mark.ts'
import { type Child, element } from './markup.ts'
import { LETTER, MARGIN, type Picture, TITLE_HEIGHT, WIDTH } from './picture.ts'
import { createScale } from './scale.ts'
import { type Styles, styleOf } from './style.ts'
import type { Unit } from './unit.ts'

export interface Bar {
  /** To the left; it has the style of that name. */
  readonly name: string
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

/** Pixels of height: a bar with the room around it, the bar alone, a group's name, the axis. */
const ROW = 20
const THICKNESS = 11
const GROUP_HEAD = 24
const BELOW = 44

const valuesOf = ({ value, low = value, high = value }: Bar): number[] => [value, low, high]

/** Null where there is nothing to draw. */
export const drawBarPlot = (plot: BarPlot, styles: Styles): Picture | null => {
  const { title, unit, isLog } = plot
  const groups = plot.groups
    .map(({ name, bars }) => ({ name, bars: bars.filter(({ value }) => !isLog || value > 0) }))
    .filter(({ bars }) => bars.length > 0)
  const bars = groups.flatMap((group) => group.bars)
  if (bars.length === 0) return null
  const labelOf = ({ label, value }: Bar): string => label ?? unit.show(value)
  const longest = (texts: string[]): number => Math.max(...texts.map(({ length }) => length))
  const left = MARGIN + longest(bars.map(({ name }) => name)) * LETTER + 10
  const right = WIDTH - MARGIN - longest(bars.map(labelOf)) * LETTER - 10
  const scale = createScale(isLog, bars.flatMap(valuesOf), [left, right])
  const axis = { title: plot.axis, unit, scale }

  const drawBar = (bar: Bar, middle: number): Child => {
    const style = styleOf(styles, bar.name)
    const { value, low, high } = bar
    const end = scale.place(value)
    const whisker =
      low === undefined || high === undefined
        ? []
        : drawWhisker({ x: scale.place(low), y: middle }, { x: scale.place(high), y: middle })
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
    scale.ticks.map((tick) => drawUpright(axis, tick, from, to)),
  )
  const below = [drawLabelsBelow(axis, y + 16, LETTER), drawTitleBelow(axis, y + 34)]
  return { title, width: WIDTH, height: y + BELOW, body: [grid, drawn, below] }
}
