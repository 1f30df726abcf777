/**
 * Lines over two axes. The names stand to the right, in the order in which the lines end and
 * pushed apart where they would touch: no key to be searched.
 *
 * ```ts
 * const picture = drawLinePlot({ title: 'bytes', x, y, series: [{ name: 'yjs-v1', points }] }, styles)
 * ```
 */
import { BELOW_HEIGHT, drawAxes, LEFT_WIDTH } from './axes.ts'
import { drawLine, drawMarker, drawSample, drawWhisker, type Place, SAMPLE_WIDTH } from './mark.ts'
import { type Child, element } from './markup.ts'
import { LETTER, MARGIN, type Picture, TITLE_HEIGHT, WIDTH } from './picture.ts'
import { createScale } from './scale.ts'
import { type Styles, styleOf } from './style.ts'
import type { Unit } from './unit.ts'

export interface Point {
  readonly x: number
  readonly y: number
  /** What `y` spreads over: a whisker. */
  readonly low?: number
  readonly high?: number
}

export interface Series {
  readonly name: string
  /** Ascending by `x`. */
  readonly points: readonly Point[]
  /** Draw a marker at every so many points; 0: at none. Default 1. */
  readonly markEvery?: number
}

export interface PlotAxis {
  readonly title: string
  readonly unit: Unit
  readonly isLog: boolean
}

export interface LinePlot {
  readonly title: string
  readonly x: PlotAxis
  readonly y: PlotAxis
  readonly series: readonly Series[]
}

const HEIGHT = 330

/** Pixels between two names. */
const ROW = 17

const canPlace = ({ x, y }: Point, plot: LinePlot): boolean =>
  Number.isFinite(x) && Number.isFinite(y) && (!plot.x.isLog || x > 0) && (!plot.y.isLog || y > 0)

const valuesOf = ({ y, low = y, high = y }: Point): number[] => [y, low, high]

/** Heights at which names can stand beside their lines' ends: as near as the others let them. */
const spreadOut = (heights: readonly number[], [bottom, top]: readonly [number, number]) => {
  const places: number[] = []
  for (const height of heights) {
    places.push(Math.max(height, top, (places.at(-1) ?? Number.NEGATIVE_INFINITY) + ROW))
  }
  // Back up from the bottom, or from further below where there are too many.
  let most = Math.max(bottom, top + ROW * (heights.length - 1))
  for (let index = places.length - 1; index >= 0; index--) {
    places[index] = Math.min(places[index]!, most)
    most = places[index]! - ROW
  }
  return places
}

/** Null where there is no point to draw. */
export const drawLinePlot = (plot: LinePlot, styles: Styles): Picture | null => {
  const series = plot.series
    .map((one) => ({ ...one, points: one.points.filter((point) => canPlace(point, plot)) }))
    .filter(({ points }) => points.length > 0)
  const points = series.flatMap((one) => one.points)
  if (points.length === 0) return null
  const longest = Math.max(...series.map(({ name }) => name.length))
  const left = LEFT_WIDTH + 4
  const right = WIDTH - MARGIN - SAMPLE_WIDTH - 20 - longest * LETTER
  const [top, bottom] = [TITLE_HEIGHT, HEIGHT - BELOW_HEIGHT]
  const xs = points.map((point) => point.x)
  const x = createScale(plot.x.isLog, xs, [left, right])
  const y = createScale(plot.y.isLog, points.flatMap(valuesOf), [bottom, top])
  const toPlace = (point: Point): Place => ({ x: x.place(point.x), y: y.place(point.y) })
  const drawSeries = ({ name, points: some, markEvery = 1 }: Series): Child => {
    const style = styleOf(styles, name)
    const whiskers = some.map((point): Child => {
      const { low, high } = point
      const at = x.place(point.x)
      if (low === undefined || high === undefined || (plot.y.isLog && low <= 0)) return []
      return drawWhisker({ x: at, y: y.place(low) }, { x: at, y: y.place(high) })
    })
    const marked = some.filter((_, index) => markEvery > 0 && index % markEvery === 0)
    const marks = marked.map((point) =>
      drawMarker(
        toPlace(point),
        style,
        `${name}: ${plot.y.unit.show(point.y)} at ${plot.x.unit.show(point.x)} ${plot.x.title}`,
      ),
    )
    return element(
      'g',
      { class: `c${style.colour}` },
      whiskers,
      drawLine(some.map(toPlace), style),
      marks,
    )
  }
  const endOf = ({ points: some }: Series): number => toPlace(some.at(-1)!).y
  const byEnd = [...series].sort((a, b) => endOf(a) - endOf(b))
  const heights = spreadOut(byEnd.map(endOf), [bottom - 6, top + 6])
  const names = byEnd.map(({ name, markEvery }, index): Child => {
    const style = styleOf(styles, name)
    const height = heights[index]!
    const sample = drawSample({ x: right + 12, y: height }, style, markEvery !== 0)
    return [
      element('g', { class: `c${style.colour}` }, sample),
      element('text', { x: right + 18 + SAMPLE_WIDTH, y: height + 4 }, name),
    ]
  })
  return {
    title: plot.title,
    width: WIDTH,
    // More names than there is room for make the picture longer.
    height: Math.max(HEIGHT, (heights.at(-1) ?? 0) + ROW),
    body: [
      drawAxes({ ...plot.x, scale: x }, { ...plot.y, scale: y }),
      // The last one lies above: ours must not be hidden.
      [...series].sort((a, b) => rank(styles, a) - rank(styles, b)).map(drawSeries),
      names,
    ],
  }
}

const rank = (styles: Styles, { name }: Series): number => (styleOf(styles, name).isOurs ? 1 : 0)
