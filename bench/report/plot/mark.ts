/**
 * The small things that a plot is made of: markers, whiskers and samples of a line.
 *
 * ```ts
 * drawMarker({ x: 10, y: 20 }, style, 'yjs-v1, 100 keys: 7.4 kB')
 * ```
 */
import { type Child, element, type Markup } from './markup.ts'
import type { Marker, Style } from './style.ts'

export interface Place {
  readonly x: number
  readonly y: number
}

/** Pixels from a marker's middle to its side. */
const SIZE = 3.5

const SQUARE = 'M-3.2-3.2h6.4v6.4h-6.4z'
const DIAMOND = 'M0-4.8 4.4 0 0 4.8-4.4 0z'

const SHAPES: Readonly<Record<Exclude<Marker, 'circle' | 'ring'>, string>> = {
  square: SQUARE,
  up: 'M0-4.4 4.2 3.2h-8.4z',
  diamond: DIAMOND,
  down: 'M0 4.4 4.2-3.2h-8.4z',
  cross: 'M-3.4-3.4 3.4 3.4M-3.4 3.4 3.4-3.4',
  plus: 'M0-4.6V4.6M-4.6 0H4.6',
  box: SQUARE,
  hollow: DIAMOND,
}

/** Filled with what they lie on. */
const HOLLOW: ReadonlySet<Marker> = new Set(['ring', 'box', 'hollow'])

/** With a title that a browser shows when the pointer rests on it. */
export const drawMarker = ({ x, y }: Place, { marker }: Style, title?: string): Markup => {
  const about: Child = title === undefined ? [] : element('title', {}, title)
  const name = HOLLOW.has(marker) ? 'mark hollow' : 'mark'
  if (marker === 'circle' || marker === 'ring') {
    return element('circle', { class: name, cx: x, cy: y, r: SIZE }, about)
  }
  const transform = `translate(${x.toFixed(1)} ${y.toFixed(1)})`
  return element('path', { class: name, d: SHAPES[marker], transform }, about)
}

/** What a value spreads over. */
export const drawWhisker = (from: Place, to: Place): Markup =>
  element('line', { class: 'whisker', x1: from.x, x2: to.x, y1: from.y, y2: to.y })

/** Through all places, in their order. */
export const drawLine = (places: readonly Place[], { dashes, isOurs }: Style): Markup =>
  element('polyline', {
    class: isOurs ? 'line ours' : 'line',
    points: places.map(({ x, y }) => `${x.toFixed(1)},${y.toFixed(1)}`).join(' '),
    'stroke-dasharray': dashes || undefined,
  })

/** Pixels; long enough for the longest dashes to repeat. */
export const SAMPLE_WIDTH = 30

/** A bit of the line with its marker, as it stands in a legend. */
export const drawSample = ({ x, y }: Place, style: Style, hasMarkers: boolean): Child => [
  drawLine(
    [
      { x, y },
      { x: x + SAMPLE_WIDTH, y },
    ],
    style,
  ),
  hasMarkers ? drawMarker({ x: x + SAMPLE_WIDTH / 2, y }, style) : [],
]
