/**
 * Churn: nodes go down while others write, and come back with the document they had.
 *
 * ```ts
 * outagesOf(TENTH, 1_000, 2_000, random)     // 100 nodes, each down from some time on
 * ```
 */
export interface Churn {
  /** Share of the nodes that go down once. */
  readonly share: number
  /** Milliseconds until they come back. */
  readonly downMs: number
}

export const TENTH: Churn = { share: 0.1, downMs: 3_000 }

export interface Outage {
  readonly node: number
  /** Milliseconds from the start. */
  readonly at: number
}

/** Which nodes go down, and when within `durationMs`; each node at most once. */
export const outagesOf = (
  { share }: Churn,
  nodes: number,
  durationMs: number,
  random: () => number,
): Outage[] => {
  const left = Array.from({ length: nodes }, (_, node) => node)
  return Array.from({ length: Math.round(nodes * share) }, () => {
    const [node = 0] = left.splice(Math.floor(random() * left.length), 1)
    return { node, at: random() * durationMs }
  })
}
