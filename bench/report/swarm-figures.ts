/**
 * How late a write of real agents is at each replica, over the writes of a second.
 *
 * ```ts
 * const figures = createSwarmFigures(swarm.loads)      // swarm-lag
 * ```
 */
import { spreadOf } from '../runner/stats.ts'
import { unique } from '../runner/unique.ts'
import type { SwarmBench } from '../swarm/result.ts'
import { type Figure, figureOf } from './plot/figure.ts'
import { drawLinePlot, type Point, type Series } from './plot/line-plot.ts'
import { createStyles } from './plot/style.ts'
import { COUNT, MICROSECONDS, MS } from './plot/unit.ts'

const QUANTILES = ['p50', 'p99'] as const

/** The number of agents that was tried at the most rates, for a line needs several. */
const agentsOf = (loads: readonly SwarmBench[]): number | undefined => {
  const ratesAt = (agents: number): number =>
    unique(loads.filter((one) => one.settings.agents === agents).map((one) => one.settings.rate))
      .length
  const all = unique(loads.map(({ settings }) => settings.agents))
  return all.sort((a, b) => ratesAt(b) - ratesAt(a))[0]
}

/** The median run; whiskers from the least to the most of all runs. */
const pointOf = (
  { settings, runs, median }: SwarmBench,
  quantile: (typeof QUANTILES)[number],
): Point => {
  const y = median.lag.each[quantile] * MS
  if (runs.length === 1) return { x: settings.rate, y }
  const { min, max } = spreadOf(runs.map(({ lag }) => lag.each[quantile] * MS))
  return { x: settings.rate, y, low: min, high: max }
}

/** None without a load. */
export const createSwarmFigures = (loads: readonly SwarmBench[]): Figure[] => {
  const agents = agentsOf(loads)
  const some = loads
    .filter(({ settings }) => settings.agents === agents)
    .sort((a, b) => a.settings.rate - b.settings.rate)
  const series = QUANTILES.map(
    (quantile): Series => ({
      name: quantile,
      points: some.map((bench) => pointOf(bench, quantile)),
    }),
  )
  // One family, ours: the quantiles differ in their dashes.
  const styles = createStyles(QUANTILES, () => 'pilot')
  const x = { title: 'writes a second, of all agents', unit: COUNT, isLog: true }
  const y = { title: 'from write to another replica', unit: MICROSECONDS, isLog: true }
  const title = `Lag of a write to each replica: ${agents} real agents`
  return figureOf('swarm-lag', drawLinePlot({ title, x, y, series }, styles))
}
