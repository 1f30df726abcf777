/** Medians, and what they spread over. */

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** Of an even number the mean of the two in the middle. Throws a TypeError where there is no number. */
export const medianOf = (numbers: readonly number[]): number => {
  if (numbers.length === 0) throw new TypeError('no median of nothing')
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export const spreadOf = (numbers: readonly number[]): Spread => ({
  median: medianOf(numbers),
  // Not Math.min(...numbers): of a hundred thousand numbers that overflows the stack.
  min: numbers.reduce((a, b) => Math.min(a, b)),
  max: numbers.reduce((a, b) => Math.max(a, b)),
})
