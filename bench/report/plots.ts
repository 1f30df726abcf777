/**
 * The plots of the generated page, from saved results.
 *
 * ```ts
 * for (const plot of createPlots({ result, simulation, swarm })) writeFileSync(`${plot.id}.svg`, drawPlot(plot))
 * ```
 */
import { spreadOf, unique } from '../runner/stats.ts'
import { showBytes, showCount, showRatio, showShare, showUs } from '../runner/table.ts'
import type { Result as Simulation } from '../simulate/simulate.ts'
import type { SwarmBench } from '../swarm/result.ts'
import type { Cell } from '../workloads/merges.ts'
import type { Overwrites } from '../workloads/overwrites.ts'
import type { Axis, Plot, Point, Series } from './plot.ts'
import type { Results } from './results.ts'

/** Microseconds of a millisecond. */
const MS = 1_000

const showSmall = (count: number): string => (count < 100 ? showRatio(count) : showCount(count))

/** A series for each name, in order of first appearance. */
const seriesOf = <T>(
  rows: readonly T[],
  nameOf: (row: T) => string,
  pointOf: (row: T) => Point,
): Series[] =>
  unique(rows.map(nameOf)).map((name) => ({
    name,
    points: rows
      .filter((row) => nameOf(row) === name)
      .map(pointOf)
      .sort((a, b) => a.x - b.x),
  }))

const KEYS: Axis = { title: 'keys in the map', show: showSmall, isLog: true }

const mergePlot = (cells: readonly Cell[], workload: string, measure: 'Time' | 'Bytes'): Plot => ({
  id: `${measure.toLowerCase()}-${workload.replaceAll(' ', '-')}`,
  title: `${measure}: ${workload}`,
  x: KEYS,
  y:
    measure === 'Time'
      ? { title: 'time of one merge', show: showUs, isLog: true }
      : { title: 'bytes of one message', show: showBytes, isLog: true },
  series: seriesOf(
    cells.filter((cell) => cell.workload === workload),
    ({ engine }) => engine,
    ({ keys, us, bytes }) =>
      measure === 'Time'
        ? { x: keys, y: us.median, low: us.min, high: us.max }
        : { x: keys, y: bytes },
  ),
})

const overwritesPlot = (rows: readonly Overwrites[]): Plot => ({
  id: 'overwrites-bytes',
  title: 'Growth by overwrites',
  x: { title: `overwrites of each of ${rows[0]?.keys} keys`, show: showSmall, isLog: true },
  y: { title: 'bytes of the document (V1)', show: showBytes, isLog: true },
  series: [
    ...seriesOf(
      rows,
      ({ layout, writers }) => `${layout}, ${writers} ${writers === 1 ? 'writer' : 'writers'}`,
      ({ times, bytes }) => ({ x: times, y: bytes }),
    ),
    ...seriesOf(
      rows.filter(
        ({ layout, writers }) => layout === rows[0]!.layout && writers === rows[0]!.writers,
      ),
      () => 'live (as JSON)',
      ({ times, liveBytes }) => ({ x: times, y: liveBytes }),
    ),
  ],
})

/** The share of nodes that have a write of the shortest value, over time. */
const spreadPlot = ({ writes, settings }: Simulation): Plot => {
  const size = writes[0]?.size ?? 0
  return {
    id: `reached-${size}`,
    title: `Reached: a write of ${size} characters, ${showCount(settings.nodes)} simulated nodes`,
    x: { title: 'time since the write, without rounds', show: showUs, isLog: false },
    y: { title: 'share of the nodes that have it', show: showShare, isLog: false },
    series: writes
      .filter((row) => row.size === size)
      .map(({ loss, curve }) => ({
        name: `${showShare(loss)} lost`,
        points: curve.flatMap((ms, at) =>
          ms === null ? [] : [{ x: ms * MS, y: (at + 1) / curve.length }],
        ),
        isCurve: true,
      })),
    familyOf: (name) => name,
  }
}

/** The number of agents that was measured at the most rates: a line needs several points. */
const agentsOf = (loads: readonly SwarmBench[]): number => {
  const all = unique(loads.map(({ settings }) => settings.agents))
  const ratesAt = (agents: number): number =>
    loads.filter(({ settings }) => settings.agents === agents).length
  return all.sort((a, b) => ratesAt(b) - ratesAt(a))[0]!
}

/** Medians of the runs; whiskers from the least to the greatest. */
const lagPlot = (loads: readonly SwarmBench[]): Plot => {
  const agents = agentsOf(loads)
  const rows = loads
    .filter(({ settings }) => settings.agents === agents)
    .flatMap((load) => (['p50', 'p99'] as const).map((quantile) => ({ ...load, quantile })))
  return {
    id: 'swarm-lag',
    title: `Lag of a write to each replica: ${agents} real agents`,
    x: { title: 'writes per second', show: showSmall, isLog: true },
    y: { title: 'lag', show: showUs, isLog: true },
    series: seriesOf(
      rows,
      ({ quantile }) => quantile,
      ({ settings, runs, median, quantile }) => {
        const { min, max } = spreadOf(runs.map(({ lag }) => lag.each[quantile] * MS))
        const point = { x: settings.rate, y: median.lag.each[quantile] * MS }
        return runs.length === 1 ? point : { ...point, low: min, high: max }
      },
    ),
    familyOf: () => 'pilot',
  }
}

/** In the order in which the page shows them. */
export const createPlots = ({ result, simulation, swarm }: Results): Plot[] => {
  const { merges = [], overwrites = [] } = result
  return [
    mergePlot(merges, 'whole into empty', 'Time'),
    mergePlot(merges, 'delta of 1 key', 'Time'),
    mergePlot(merges, 'delta of 1 key', 'Bytes'),
    ...(overwrites.length > 0 ? [overwritesPlot(overwrites)] : []),
    ...(simulation && simulation.writes.length > 0 ? [spreadPlot(simulation)] : []),
    ...(swarm ? [lagPlot(swarm.loads)] : []),
  ].filter(({ series }) => series.length > 0)
}
