/**
 * Of many times the middle, the late and the latest.
 *
 * ```ts
 * quantilesOf([3, 1, 2]) // { count: 3, p50: 2, p99: 3, max: 3 }
 * ```
 */

/** Milliseconds. */
export interface Quantiles {
  readonly count: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** To a tenth of a millisecond; all 0 of none. By nearest rank: each is one of the times. */
export const quantilesOf = (times: readonly number[]): Quantiles => {
  const sorted = [...times].sort((a, b) => a - b)
  const at = (share: number): number => {
    const time = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
    return Math.round(time * 10) / 10
  }
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
