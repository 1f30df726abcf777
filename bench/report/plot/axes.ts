/**
 * Axes with their grids: labels that do not touch, titles with the unit, and a note on each that
 * is logarithmic.
 *
 * ```ts
 * drawAxes({ title: 'keys', unit: COUNT, scale: x }, { title: 'bytes', unit: BYTES, scale: y })
 * ```
 */
import { type Child, element, type Markup } from './markup.ts'
import type { Scale, Tick } from './scale.ts'
import type { Unit } from './unit.ts'

export interface Axis {
  /** What it shows, with the unit where the labels have none. */
  readonly title: string
  readonly unit: Unit
  readonly scale: Scale
}

/** Pixels between an axis and its labels. */
const GAP = 6

/** Pixels between the axis below and its title. */
const TITLE_BELOW = 36

/** Pixels that the labels of the axis to the left may take. */
export const LEFT_WIDTH = 78

/** Pixels that the labels and the title below take. */
export const BELOW_HEIGHT = 46

const titleOf = ({ title, scale }: Axis): string => (scale.isLog ? `${title} (log scale)` : title)

/** Of an average letter, in pixels: labels are measured by it. */
const LETTER = 6.6

/** Labels in their order, without those that would touch the one before. */
const withRoom = ({ scale, unit }: Axis, isLevel: boolean, letter = LETTER): Tick[] => {
  let free = Number.NEGATIVE_INFINITY
  return scale.ticks.filter(({ value, isMain }) => {
    if (!isMain) return false
    const half = isLevel ? (unit.show(value).length * letter) / 2 + 3 : 7
    const place = isLevel ? scale.place(value) : -scale.place(value)
    if (place - half < free) return false
    free = place + half
    return true
  })
}

const classOf = ({ isMain }: Tick): string => (isMain ? 'grid' : 'fine')

/** The line of the grid at a tick of the axis below, from one height to another. */
export const drawUpright = ({ scale }: Axis, tick: Tick, from: number, to: number): Markup => {
  const at = scale.place(tick.value)
  return element('line', { class: classOf(tick), x1: at, x2: at, y1: from, y2: to })
}

/** The labels of the axis below, standing on the line at `y`; `letter` is that of an average one, in pixels. */
export const drawLabelsBelow = (axis: Axis, y: number, letter?: number): Child =>
  withRoom(axis, true, letter).map(({ value }) =>
    element('text', { class: 'soft middle', x: axis.scale.place(value), y }, axis.unit.show(value)),
  )

/** The title of the axis below, standing on the line at `y`. */
export const drawTitleBelow = (axis: Axis, y: number): Markup => {
  const [left, right] = axis.scale.range
  return element('text', { class: 'middle', x: (left + right) / 2, y }, titleOf(axis))
}

/** Both axes around the plot that their scales' ranges span. */
export const drawAxes = (x: Axis, y: Axis): Child => {
  const [left, right] = x.scale.range
  const [bottom, top] = y.scale.range
  const upright = (tick: Tick) => drawUpright(x, tick, top, bottom)
  const level = (tick: Tick) => {
    const at = y.scale.place(tick.value)
    return element('line', { class: classOf(tick), x1: left, x2: right, y1: at, y2: at })
  }
  // Fine lines first, so that they do not cut the others.
  const lines = [false, true].flatMap((isMain) => [
    ...x.scale.ticks.filter((tick) => tick.isMain === isMain).map(upright),
    ...y.scale.ticks.filter((tick) => tick.isMain === isMain).map(level),
  ])
  const beside = withRoom(y, false).map(({ value }) =>
    element(
      'text',
      { class: 'soft end', x: left - GAP, y: y.scale.place(value) + 4 },
      y.unit.show(value),
    ),
  )
  const middle = (top + bottom) / 2
  const turn = left - LEFT_WIDTH + 14
  return [
    lines,
    element('rect', {
      class: 'frame',
      x: left,
      y: top,
      width: right - left,
      height: bottom - top,
    }),
    drawLabelsBelow(x, bottom + GAP + 11),
    beside,
    drawTitleBelow(x, bottom + TITLE_BELOW),
    element(
      'text',
      {
        class: 'middle',
        transform: `translate(${turn.toFixed(1)} ${middle.toFixed(1)}) rotate(-90)`,
      },
      titleOf(y),
    ),
  ]
}
