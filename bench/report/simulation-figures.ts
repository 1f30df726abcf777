/**
 * How a write spreads in the simulated swarm, with what theory expects beside it: the share of the
 * nodes that have it, and (for the last ones) the share that still lacks it.
 *
 * ```ts
 * const figures = createSpreadFigures(simulation)      // reached-20, missing-20, …
 * ```
 */
import { DEFAULTS } from '../../src/gossip/index.ts'
import { unique } from '../runner/unique.ts'
import type { WriteRow } from '../simulate/rows.ts'
import type { Result } from '../simulate/simulate.ts'
import { type Figure, figureOf } from './plot/figure.ts'
import { drawLinePlot, type Point, type Series } from './plot/line-plot.ts'
import { createStyles } from './plot/style.ts'
import { COUNT, MICROSECONDS, MS, SHARE } from './plot/unit.ts'
import { expectSpread } from './theory.ts'

/** Points between two markers. */
const MARK_EVERY = 9

/** Milliseconds between two points of the theory's curve. */
const THEORY_STEP = 5

/** Of the milliseconds at which the last hundredth is reached: room to see that it goes no further. */
const ROOM = 1.1

/** The share reached, by milliseconds. */
interface Curve {
  readonly name: string
  readonly markEvery: number
  readonly points: readonly (readonly [ms: number, share: number])[]
}

const simulated = ({ loss, curve }: WriteRow): Curve => ({
  name: `${SHARE.show(loss)} lost, simulated`,
  markEvery: MARK_EVERY,
  points: curve.flatMap((ms, index): [number, number][] =>
    ms === null ? [] : [[ms, (index + 1) / curve.length]],
  ),
})

const expected = ({ loss, update }: WriteRow, { settings }: Result, until: number): Curve => {
  const { nodes, fanout, echo, latency } = settings
  const { batchMs, digestDelayMs, inlineBytes } = DEFAULTS
  const isFetched = update > inlineBytes
  const shares = expectSpread({
    nodes,
    fanout,
    echo,
    loss,
    latency,
    batchMs,
    digestDelayMs,
    isFetched,
    until,
  })
  return {
    name: `${SHARE.show(loss)} lost, theory`,
    markEvery: 0,
    points: shares
      .map((share, ms): [number, number] => [ms, share])
      .filter(([ms]) => ms % THEORY_STEP === 0),
  }
}

const seriesOf = ({ name, markEvery, points }: Curve, of: (share: number) => number): Series => ({
  name,
  markEvery,
  points: points.map(([ms, share]): Point => ({ x: ms * MS, y: of(share) })),
})

const createFigures = (rows: readonly WriteRow[], result: Result): Figure[] => {
  const { size } = rows[0]!
  const last = Math.max(0, ...rows.flatMap(({ curve }) => curve.map((ms) => ms ?? 0)))
  const until = Math.ceil(last * ROOM)
  const curves = rows.flatMap((row) => [simulated(row), expected(row, result, until)])
  const styles = createStyles(
    curves.map(({ name }) => name),
    (name) => name.split(',', 1)[0]!,
  )
  const x = { title: 'after the write, without a round', unit: MICROSECONDS, isLog: false }
  const what = `a write of ${COUNT.show(size)} characters, ${COUNT.show(result.settings.nodes)} nodes`
  const plot = (title: string, axis: string, isLog: boolean, of: (share: number) => number) => {
    const y = { title: axis, unit: SHARE, isLog }
    const series = curves.map((curve) => seriesOf(curve, of))
    return drawLinePlot({ title: `${title}: ${what}`, x, y, series }, styles)
  }
  const reached = plot('Reached', 'share of the nodes that have it', false, (share) => share)
  const missing = plot(
    'Not yet reached',
    'share of the nodes that lack it',
    true,
    (share) => 1 - share,
  )
  return [...figureOf(`reached-${size}`, reached), ...figureOf(`missing-${size}`, missing)]
}

/** Two for each length of the value. */
export const createSpreadFigures = (result: Result): Figure[] =>
  unique(result.writes.map(({ size }) => size)).flatMap((size) =>
    createFigures(
      result.writes.filter((row) => row.size === size),
      result,
    ),
  )
