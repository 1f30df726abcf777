/**
 * How a cost grows with a size: the exponent of the power law through the points.
 *
 * ```ts
 * exponentOf([[10, 1], [100, 10], [1_000, 100]])      // 1
 * ```
 */

export type Point = readonly [size: number, cost: number]

/** Fewer points say nothing about a power law: through two there is always one. */
export const MIN_POINTS = 3

/**
 * The slope of the line through the logarithms, by least squares. Sizes and costs are above 0.
 * Throws a TypeError for fewer than `MIN_POINTS` points.
 */
export const exponentOf = (points: readonly Point[]): number => {
  if (points.length < MIN_POINTS)
    throw new TypeError(`${points.length} points: at least ${MIN_POINTS} are needed`)
  const logs = points.map(([size, cost]) => [Math.log(size), Math.log(cost)] as const)
  const mean = (index: 0 | 1) => logs.reduce((sum, log) => sum + log[index], 0) / logs.length
  const [x, y] = [mean(0), mean(1)]
  const covariance = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0)
  return covariance / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0)
}
