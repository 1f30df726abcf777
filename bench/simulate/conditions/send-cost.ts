/**
 * The cost of a send: a process for each message, one at a time on a node. A message leaves when
 * those before it have left.
 *
 * ```ts
 * const leavesAt = sendQueue(PILOTCTL)
 * leavesAt('a', 100)     // 115
 * leavesAt('a', 100)     // 130
 * ```
 */
export interface SendCost {
  /** Milliseconds of processor time. */
  readonly ms: number
}

/** One call of `pilotctl`, as measured on a quiet host. */
export const PILOTCTL: SendCost = { ms: 15 }

/** When a message that the node sends at that time leaves, in milliseconds. */
export const sendQueue = ({ ms }: SendCost): ((node: string, now: number) => number) => {
  const busyUntil = new Map<string, number>()
  return (node, now) => {
    const leavesAt = Math.max(now, busyUntil.get(node) ?? now) + ms
    busyUntil.set(node, leavesAt)
    return leavesAt
  }
}
