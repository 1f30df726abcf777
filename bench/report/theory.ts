/**
 * The share of nodes that theory expects to have a write, over time: each node that gets it pushes
 * it once to `fanout` others, and later tells `echo` others by a digest, who ask for it.
 *
 * ```ts
 * const curve = expectSpread({ nodes: 1_000, fanout: 3, echo: 3, loss: 0, latency: [10, 50], … })
 * curve[300]      // 0.5: after 300 ms half of the nodes have it
 * ```
 *
 * Nobody is hit by m messages to random nodes with probability e^-m. So with F(t) the share reached,
 * F(t) = 1 - e^-(q·fanout·F(t - gathering - way) + q³·echo·F(t - echo - three ways)), on average over
 * ways. Without the echo its limit is that of rumours that infect and die: s = e^(-q·fanout·(1-s)).
 */

export interface SpreadOptions {
  readonly nodes: number
  readonly fanout: number
  readonly echo: number
  /** Share of the messages that never arrive. */
  readonly loss: number
  /** Shortest and longest way, whole milliseconds; each between them is as likely. */
  readonly latency: readonly [number, number]
  /** Milliseconds that a node gathers before it pushes, and after which its digest follows. */
  readonly batchMs: number
  readonly digestDelayMs: number
  /** Is the update so long that even a push only announces it, and who lacks it asks? */
  readonly isFetched: boolean
  /** Milliseconds that are wanted. */
  readonly until: number
}

/** The probabilities of a sum of two delays. */
const convolve = (a: readonly number[], b: readonly number[]): number[] => {
  const sum = new Array<number>(a.length + b.length - 1).fill(0)
  a.forEach((left, i) => {
    b.forEach((right, j) => {
      sum[i + j]! += left * right
    })
  })
  return sum
}

/** A number for each millisecond from 0 to `until`. */
export const expectSpread = (options: SpreadOptions): number[] => {
  const { nodes, fanout, echo, loss, latency, batchMs, digestDelayMs, isFetched, until } = options
  const [shortest, longest] = latency
  const count = longest - shortest + 1
  const way = Array.from({ length: longest + 1 }, (_, ms) => (ms >= shortest ? 1 / count : 0))
  const three = convolve(convolve(way, way), way)
  const q = 1 - loss
  const reached: number[] = []
  // The probability of each delay times what was reached so long ago.
  const before = (delays: readonly number[], ms: number): number =>
    delays.reduce((sum, chance, delay) => sum + chance * (reached[ms - delay] ?? 0), 0)
  for (let ms = 0; ms <= until; ms++) {
    const pushes = isFetched
      ? q ** 3 * fanout * before(three, ms - batchMs)
      : q * fanout * before(way, ms - batchMs)
    const hits = pushes + q ** 3 * echo * before(three, ms - digestDelayMs)
    reached.push(1 - (1 - 1 / nodes) * Math.exp(-hits))
  }
  return reached
}
