/**
 * What theory expects of a swarm of n nodes with fanout k that loses each message with probability
 * p; q = 1 - p. The formulas assume synchronous rounds and random targets, unlike our timing. Their
 * constants were fitted to simulations of up to 5,000 nodes.
 *
 * ```ts
 * pushRounds(1000, 3, 0)      // 8.2
 * ```
 */

/** Fitted for 100 to 5,000 nodes: 0.8 to 1.0. */
const PUSH_CONSTANT = 0.9

/** Fitted: 0.1 to 0.4 without loss, 0.9 with 30 %; the second constant is multiplied by the loss. */
const PUSH_PULL_CONSTANT = 0.2
const PUSH_PULL_LOSS_CONSTANT = 2.4

/** Steps after which a fixed point is close enough. */
const STEPS = 1_000

const log = (base: number, number: number): number => Math.log(number) / Math.log(base)

/**
 * Rounds until all nodes have it, if every node that has it pushes to k nodes in each round. After
 * B. Pittel, "On spreading a rumor" (1987): growth by 1 + kq, then the last nodes.
 */
export const pushRounds = (n: number, k: number, p: number): number => {
  const kq = k * (1 - p)
  return log(1 + kq, n) + Math.log(n) / kq + PUSH_CONSTANT
}

/**
 * The same if nodes also pull. After R. Karp et al., "Randomized rumor spreading" (2000): without
 * loss the last nodes take log log n.
 */
export const pushPullRounds = (n: number, k: number, p: number): number => {
  const q = 1 - p
  if (p === 0) return log(1 + 2 * k, n) + log(k + 1, Math.log(n)) + PUSH_PULL_CONSTANT
  const last = Math.log(n) / (k * q - k * Math.log(1 - q * q))
  return log(1 + k * q + k * q * q, n) + last + PUSH_PULL_CONSTANT + PUSH_PULL_LOSS_CONSTANT * p
}

/**
 * The share that is never reached if each node sends `sends` messages and then stops: the least
 * solution of s = exp(-sends q (1 - s)). After A. Demers et al., "Epidemic algorithms for
 * replicated database maintenance" (1987).
 */
export const leftOutShare = (sends: number, p: number): number => {
  let share = 0
  for (let i = 0; i < STEPS; i++) share = Math.exp(-sends * (1 - p) * (1 - share))
  return share
}

/**
 * The probability that no node is left out: exp(-n exp(-sends q)). After A.-M. Kermarrec et al.,
 * "Probabilistic reliable dissemination in large-scale systems" (2003).
 */
export const allReached = (n: number, sends: number, p: number): number =>
  Math.exp(-n * Math.exp(-sends * (1 - p)))

/**
 * Copies a node if the digest goes first and the update is fetched: one for each node that lacks it,
 * and again after a loss. After H. Mercier, L. Hayez, M. Matos (2017).
 */
export const fetchedCopies = (n: number, p: number): number => (n - 1) / n / (1 - p)
