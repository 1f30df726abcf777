/** Medians, spreads and quantiles. */

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Milliseconds. */
export interface Quantiles {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

export const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const sort = (numbers: readonly number[]): number[] => [...numbers].sort((a, b) => a - b)

/** For an even count the mean of the two in the middle. Throws a TypeError for an empty list. */
export const medianOf = (numbers: readonly number[]): number => {
  if (numbers.length === 0) throw new TypeError('an empty list has no median')
  const sorted = sort(numbers)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const spreadOf = (numbers: readonly number[]): Spread => {
  const sorted = sort(numbers)
  return { median: medianOf(numbers), min: sorted[0]!, max: sorted.at(-1)! }
}

/** The smallest number that a `share` of them does not exceed (nearest rank). */
export const quantileOf = (sorted: readonly number[], share: number): number | undefined =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]

/** Rounded to a tenth of a millisecond; 0 for an empty list. */
export const quantilesOf = (times: readonly number[]): Quantiles => {
  const sorted = sort(times)
  const at = (share: number): number => Math.round((quantileOf(sorted, share) ?? 0) * 10) / 10
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}

/** Each item once, in order of first appearance. */
export const unique = <T>(items: readonly T[]): T[] => [...new Set(items)]
