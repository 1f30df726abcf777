/**
 * A few nodes on busy hosts: what they send takes longer to leave.
 *
 * ```ts
 * isSlow(A_FEW_SLOW, 20)      // true: every twentieth node
 * ```
 */
export interface SlowNodes {
  /** Every so many nodes one is slow. */
  readonly every: number
  /** Milliseconds that each of its messages takes longer. */
  readonly extraMs: number
}

/** One of twenty, by a second process that waits for a processor. */
export const A_FEW_SLOW: SlowNodes = { every: 20, extraMs: 300 }

export const isSlow = ({ every }: SlowNodes, node: number): boolean => node % every === 0
