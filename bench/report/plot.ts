/**
 * A line plot as an SVG file, in colours for light and dark pages. Each series is named beside the
 * end of its line, so there is no legend to search.
 *
 * ```ts
 * writeFileSync('bytes.svg', drawPlot({ id: 'bytes', title: 'Bytes', x, y, series }))
 * ```
 */
import { unique } from '../runner/stats.ts'
import { createScale } from './scale.ts'

export interface Point {
  readonly x: number
  readonly y: number
  /** The range of `y`, drawn as a whisker. */
  readonly low?: number
  readonly high?: number
}

export interface Series {
  readonly name: string
  /** Ascending by `x`. */
  readonly points: readonly Point[]
  /** A curve has no markers at its points. */
  readonly isCurve?: boolean
}

export interface Axis {
  readonly title: string
  /** A value with its unit. */
  readonly show: (value: number) => string
  readonly isLog: boolean
}

export interface Plot {
  /** The name of the file, without `.svg`. */
  readonly id: string
  readonly title: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
  /** Series of one family share a colour. Default: the first word of the name. */
  readonly familyOf?: (name: string) => string
}

/** Pixels. */
const [WIDTH, HEIGHT] = [580, 330]
const [LEFT, TOP, BOTTOM] = [82, 34, HEIGHT - 46]
/** The part of a line beside its name. */
const SAMPLE = 30
/** Between two names. */
const ROW = 17
/** An average letter: text cannot be measured here. */
const LETTER = 6.9

/** Okabe and Ito's colours, which are distinct to colour-blind readers. The first is for our own engines. */
const COLOURS = ['#d55e00', '#0072b2', '#009e73', '#e69f00', '#cc79a7', '#808080', '#56b4e9']
const DASHES = ['', '7 4', '2 3']
const OUR_FAMILY = 'pilot'

const CSS = `
text{font:12px system-ui,sans-serif;fill:#1c1e21}.title{font-weight:600;font-size:14px}
.soft{fill:#5a6068}.end{text-anchor:end}.middle{text-anchor:middle}.ground{fill:#fff}
.grid{stroke:#d5d9de}.line{fill:none;stroke:currentColor;stroke-width:2}.ours{stroke-width:3}
.mark{fill:currentColor}.whisker{stroke:currentColor;stroke-width:1.5;opacity:.6}
@media(prefers-color-scheme:dark){text{fill:#e6e8eb}.soft{fill:#a3abb5}.ground{fill:#16191d}.grid{stroke:#414852}}
`

export const escapeText = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const px = (number: number): string => `${Math.round(number * 10) / 10}`

const text = (words: string, x: number, y: number, name: string): string =>
  `<text class="${name}" x="${px(x)}" y="${px(y)}">${escapeText(words)}</text>`

const line = (name: string, x1: number, y1: number, x2: number, y2: number): string =>
  `<line class="${name}" x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}"/>`

interface Style {
  readonly colour: string
  readonly dashes: string
  readonly isOurs: boolean
}

const firstWord = (name: string): string => name.split(/[ ,-]/, 1)[0]!

/** Families differ in colour, the members of one in dashes. */
export const stylesOf = (names: readonly string[], familyOf = firstWord): Map<string, Style> => {
  const families = unique([OUR_FAMILY, ...names.map(familyOf)])
  return new Map(
    names.map((name): [string, Style] => {
      const family = familyOf(name)
      const members = names.filter((other) => familyOf(other) === family)
      return [
        name,
        {
          colour: COLOURS[families.indexOf(family) % COLOURS.length]!,
          dashes: DASHES[members.indexOf(name) % DASHES.length]!,
          isOurs: family === OUR_FAMILY,
        },
      ]
    }),
  )
}

/** Moves names that would overlap apart: first downwards, then back up from the bottom. */
const spreadOut = (heights: readonly number[]): number[] => {
  const places: number[] = []
  for (const height of heights) places.push(Math.max(height, TOP + 6, (places.at(-1) ?? 0) + ROW))
  let max = BOTTOM - 6
  for (let at = places.length - 1; at >= 0; at--) {
    places[at] = Math.min(places[at]!, max)
    max = places[at]! - ROW
  }
  return places
}

const canPlace = ({ x, y }: Plot, point: Point): boolean =>
  (!x.isLog || point.x > 0) && (!y.isLog || (point.low ?? point.y) > 0)

const titleOf = ({ title, isLog }: Axis): string => (isLog ? `${title} (log scale)` : title)

/** Throws a TypeError if no point can be placed. */
export const drawPlot = (plot: Plot): string => {
  const { title, familyOf } = plot
  const series = plot.series
    .map((one) => ({ ...one, points: one.points.filter((point) => canPlace(plot, point)) }))
    .filter(({ points }) => points.length > 0)
  const points = series.flatMap((one) => one.points)
  if (points.length === 0) throw new TypeError(`the plot "${title}" has no points`)
  const names = series.map(({ name }) => name)
  const styles = stylesOf(names, familyOf)
  const right = WIDTH - SAMPLE - 34 - Math.max(...names.map(({ length }) => length)) * LETTER
  const extents = points.flatMap(({ y, low = y, high = y }) => [y, low, high])
  const x = createScale(
    plot.x.isLog,
    points.map((point) => point.x),
    [LEFT, right],
  )
  const y = createScale(plot.y.isLog, extents, [BOTTOM, TOP])

  const stroke = (name: string, places: readonly (readonly [number, number])[]): string => {
    const { dashes, isOurs } = styles.get(name)!
    const path = places.map(([left, top]) => `${px(left)},${px(top)}`).join(' ')
    return `<polyline class="line${isOurs ? ' ours' : ''}" points="${path}"${dashes && ` stroke-dasharray="${dashes}"`}/>`
  }
  const group = (name: string, parts: readonly string[]): string =>
    `<g color="${styles.get(name)!.colour}">${parts.join('')}</g>`
  const drawSeries = ({ name, points: some, isCurve = false }: Series): string =>
    group(name, [
      ...some.flatMap((point) =>
        point.low === undefined || point.high === undefined
          ? []
          : line(
              'whisker',
              x.place(point.x),
              y.place(point.low),
              x.place(point.x),
              y.place(point.high),
            ),
      ),
      stroke(
        name,
        some.map((point) => [x.place(point.x), y.place(point.y)]),
      ),
      ...some.map((point) =>
        isCurve
          ? ''
          : `<circle class="mark" cx="${px(x.place(point.x))}" cy="${px(y.place(point.y))}" r="3.5"/>`,
      ),
    ])
  const ends = series
    .map(({ name, points: some }) => ({ name, height: y.place(some.at(-1)!.y) }))
    .sort((a, b) => a.height - b.height)
  const heights = spreadOut(ends.map(({ height }) => height))
  const legend = ends.map(({ name }, at) => {
    const [from, height] = [right + 12, heights[at]!]
    const sample = stroke(name, [
      [from, height],
      [from + SAMPLE, height],
    ])
    return `${group(name, [sample])}${text(name, from + SAMPLE + 6, height + 4, 'name')}`
  })
  const middle = (TOP + BOTTOM) / 2
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}">`,
    `<title>${escapeText(title)}</title><style>${CSS}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${HEIGHT}" rx="6"/>${text(title, 14, 21, 'title')}`,
    ...x.ticks.map((tick) => line('grid', x.place(tick), TOP, x.place(tick), BOTTOM)),
    ...y.ticks.map((tick) => line('grid', LEFT, y.place(tick), right, y.place(tick))),
    ...x.ticks.map((tick) => text(plot.x.show(tick), x.place(tick), BOTTOM + 17, 'soft middle')),
    ...y.ticks.map((tick) => text(plot.y.show(tick), LEFT - 6, y.place(tick) + 4, 'soft end')),
    text(titleOf(plot.x), (LEFT + right) / 2, BOTTOM + 36, 'middle'),
    `<g transform="translate(18 ${middle}) rotate(-90)">${text(titleOf(plot.y), 0, 0, 'middle')}</g>`,
    // Our own lines are drawn last, on top of the others.
    ...series.filter(({ name }) => !styles.get(name)!.isOurs).map(drawSeries),
    ...series.filter(({ name }) => styles.get(name)!.isOurs).map(drawSeries),
    ...legend,
    '</svg>',
  ].join('\n')}\n`
}
