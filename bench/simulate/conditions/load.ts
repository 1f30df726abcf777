/**
 * What is written: a number of writes by random nodes, so many a second.
 *
 * ```ts
 * timesOf({ perSecond: 10, writes: 3 })     // [0, 100, 200]
 * ```
 */
export interface Load {
  readonly perSecond: number
  readonly writes: number
}

/** Far apart: each is alone in the swarm. */
export const ONE_WRITE: Load = { perSecond: 0.2, writes: 3 }

export const TEN_A_SECOND: Load = { perSecond: 10, writes: 10 }

export const HUNDRED_A_SECOND: Load = { perSecond: 100, writes: 50 }

/** Milliseconds from the start. */
export const timesOf = ({ perSecond, writes }: Load): number[] =>
  Array.from({ length: writes }, (_, i) => (i * 1_000) / perSecond)
