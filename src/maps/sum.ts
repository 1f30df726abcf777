/**
 * The sum of a counter: always a number that JSON can hold, whatever its writers have added, and
 * the same on all replicas. Where a sum would be infinite it is the largest number instead, and
 * parts of opposite sign still cancel each other.
 *
 * ```js
 * sumOf(1, [2, 3])                           // 6
 * sumOf(0, [1.7e308, 1.7e308])               // Number.MAX_VALUE
 * sumOf(5, [1.7e308, 1.7e308, -1.7e308, -1.7e308])   // nearly 0, and not NaN
 * ```
 */

/**
 * Factor for sums that would be infinite. Less than 2^53 finite numbers, each times 2^-54, have a
 * finite sum; what it loses are digits that the sum cannot hold.
 */
const SCALE = 2 ** -54

/** The nearest finite number. */
export const finite = (number: number): number =>
  Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, number))

/**
 * The sum of finite numbers. Replicas that pass them in the same order get the same sum: that of
 * fractions depends on the order. Whether it is infinite on the way does not matter.
 */
export const sumOf = (base: number, amounts: readonly number[]): number => {
  const add = (sum: number, amount: number): number => sum + amount
  const sum = amounts.reduce(add, base)
  if (Number.isFinite(sum)) return sum
  return finite(amounts.map((amount) => amount * SCALE).reduce(add, base * SCALE) / SCALE)
}
