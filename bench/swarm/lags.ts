/**
 * How late writes are, computed from a journal: at every replica, and until the last of them.
 *
 * ```ts
 * lagsOf(journal.writes, performance.now()).each.p50 // milliseconds
 * ```
 */
import type { Write } from './journal.ts'
import { type Quantiles, quantilesOf } from './quantiles.ts'

export interface Lags {
  /** From due to shown, one for each write and other replica. */
  readonly each: Quantiles
  /** From due to shown by the last replica, one for each write. */
  readonly all: Quantiles
}

/**
 * Of acknowledged writes. One that a replica has not shown counts as shown at `now`: it is at
 * least as late as that, and leaving it out would make a lost write look fast. `isMeasured` leaves
 * replicas out.
 */
export const lagsOf = (
  writes: readonly Write[],
  now: number,
  isMeasured: (replica: number) => boolean = () => true,
): Lags => {
  const acknowledged = writes.filter((write) => write.acknowledged !== undefined)
  const byWrite = acknowledged.map(({ agent, due, seen }) =>
    seen
      .filter((_, replica) => replica !== agent && isMeasured(replica))
      .map((time) => (time ?? now) - due),
  )
  return {
    each: quantilesOf(byWrite.flat()),
    all: quantilesOf(byWrite.map((times) => Math.max(...times))),
  }
}

/** From due to the answer. */
export const acknowledgementsOf = (writes: readonly Write[]): Quantiles =>
  quantilesOf(
    writes.flatMap(({ due, acknowledged }) =>
      acknowledged === undefined ? [] : acknowledged - due,
    ),
  )
