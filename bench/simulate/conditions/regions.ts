/**
 * Nodes in several regions: messages between two regions take longer than within one.
 *
 * ```ts
 * latencyBetween(FIVE_REGIONS, 0, 5)     // nodes 0 and 5 are in one region: [5, 20]
 * ```
 */
export interface Regions {
  readonly count: number
  /** Shortest and longest delay within a region, in milliseconds. */
  readonly within: readonly [number, number]
  /** The same between two regions. */
  readonly between: readonly [number, number]
}

/** Continents: 80 to 200 ms one way. */
export const FIVE_REGIONS: Regions = { count: 5, within: [5, 20], between: [80, 200] }

/** The delay between two nodes, by their numbers: nodes are dealt to the regions in turn. */
export const latencyBetween = (
  { count, within, between }: Regions,
  a: number,
  b: number,
): readonly [number, number] => (a % count === b % count ? within : between)
