/**
 * How far a peer is, as it has told us: what it lacks can be computed from that.
 *
 * ```js
 * const after = withDelta(state, delta)      // once the peer has got the delta
 * if (hasMore(state, own)) pull()
 * ```
 */
import {
  type DeleteSet,
  emptyDeletes,
  hasDeletes,
  mergeDeletes,
  subtractDeletes,
} from './deletes.ts'
import type { Clocks, Delta } from './delta.ts'

export interface PeerState {
  readonly clocks: Clocks
  /** Undefined if they are unknown. */
  readonly deletes: DeleteSet | undefined
}

/** The peer's state once it has `delta`, too. */
export const withDelta = (state: PeerState, delta: Delta): PeerState => {
  const clocks = new Map(state.clocks)
  for (const [writer, { to }] of delta.structs) clocks.set(writer, to)
  return { clocks, deletes: mergeDeletes([state.deletes ?? emptyDeletes(), delta.deletes]) }
}

/** May a peer in this state have something that `own` lacks? True if its deletes are unknown. */
export const hasMore = (
  state: PeerState,
  own: { readonly clocks: Clocks; readonly deletes: DeleteSet },
): boolean => {
  for (const [writer, clock] of state.clocks) {
    if (clock > (own.clocks.get(writer) ?? 0)) return true
  }
  return state.deletes === undefined || hasDeletes(subtractDeletes(state.deletes, own.deletes))
}
