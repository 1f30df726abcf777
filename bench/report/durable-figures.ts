/**
 * Figures of what an agent keeps: growth by overwrites, start-up and commits.
 *
 * ```ts
 * const figures = createOverwriteFigures(result.overwrites)
 * ```
 */
import { unique } from '../runner/unique.ts'
import type { CommitResult } from '../workloads/commits.ts'
import type { Overwrites } from '../workloads/overwrites.ts'
import type { Restarts } from '../workloads/restarts.ts'
import { drawBarPlot } from './plot/bar-plot.ts'
import { type Figure, figureOf } from './plot/figure.ts'
import { drawLinePlot } from './plot/line-plot.ts'
import { createStyles } from './plot/style.ts'
import { BYTES, COUNT, MICROSECONDS, MS } from './plot/unit.ts'

const nameOf = ({ layout, writers }: Overwrites): string =>
  `${layout}, ${writers} ${writers === 1 ? 'writer' : 'writers'}`

/** What is alive, beside which the growth is seen. */
const ALIVE = 'alive (as JSON)'

export const createOverwriteFigures = (rows: readonly Overwrites[]): Figure[] => {
  const [first] = rows
  if (first === undefined) return []
  const names = unique(rows.map(nameOf))
  const styles = createStyles([...names, ALIVE])
  const seriesOf = (of: (row: Overwrites) => number) =>
    names.map((name) => ({
      name,
      points: rows
        .filter((row) => nameOf(row) === name)
        .map((row) => ({ x: row.times, y: of(row) })),
    }))
  const alive = unique(rows.map(({ times }) => times)).map((times) => ({
    x: times,
    y: rows.find((row) => row.times === times)!.liveBytes,
  }))
  const x = { title: `overwrites of each of ${first.keys} keys`, unit: COUNT, isLog: true }
  const plot = (
    id: string,
    title: string,
    axis: string,
    unit: typeof BYTES,
    series: ReturnType<typeof seriesOf>,
  ) =>
    figureOf(id, drawLinePlot({ title, x, y: { title: axis, unit, isLog: true }, series }, styles))
  return [
    ...plot(
      'overwrites-bytes',
      'Growth by overwrites: bytes',
      'bytes of the document (V1)',
      BYTES,
      [...seriesOf(({ bytes }) => bytes), { name: ALIVE, points: alive }],
    ),
    ...plot(
      'overwrites-structs',
      'Growth by overwrites: structs in memory',
      'structs',
      COUNT,
      seriesOf(({ structs }) => structs),
    ),
    ...plot(
      'overwrites-time',
      'Growth by overwrites: time of a write',
      'time of one write',
      MICROSECONDS,
      seriesOf(({ writeUs }) => writeUs),
    ),
  ]
}

const startOf = ({ layout, keys }: Restarts): string => `${layout}, ${COUNT.show(keys)} keys`

export const createStartUpFigures = (rows: readonly Restarts[]): Figure[] =>
  figureOf(
    'start-up',
    drawBarPlot(
      {
        title: 'Start-up: to the first entry that was read',
        axis: 'elapsed time',
        unit: MICROSECONDS,
        isLog: false,
        groups: unique(rows.map(({ kept }) => kept)).map((kept) => ({
          name: kept,
          bars: rows
            .filter((row) => row.kept === kept)
            .map((row) => ({ name: startOf(row), value: row.ms.median * MS })),
        })),
      },
      createStyles(rows.map(startOf)),
    ),
  )

export const createCommitFigures = ({ rows }: CommitResult): Figure[] => {
  const name = 'acknowledged'
  return figureOf(
    'commits',
    drawLinePlot(
      {
        title: 'Commits: writes a second that are on disk',
        x: { title: 'writers at once', unit: COUNT, isLog: true },
        y: { title: 'writes a second', unit: COUNT, isLog: true },
        series: [
          { name, points: rows.map(({ writers, perSecond }) => ({ x: writers, y: perSecond })) },
        ],
      },
      createStyles([name]),
    ),
  )
}
