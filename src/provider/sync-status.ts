/**
 * What a user can be shown about the safety of what was written here: is it with anybody else?
 *
 * ```ts
 * judgeSync({ isConnected: true, pendingSince: undefined, now, staleMs: 15_000 })   // green
 * ```
 */

export interface SyncStatus {
  /**
   * `green`: a peer is known to have every change made here. `yellow`: some are younger than
   * `staleMs`, or we are not connected. `red`: one has waited for longer.
   */
  readonly status: 'green' | 'yellow' | 'red'
  /** Milliseconds since the oldest change here that no peer is known to have; null: there is none. */
  readonly oldestMs: number | null
}

export interface SyncFacts {
  readonly isConnected: boolean
  /** Milliseconds; when the oldest such change was made. */
  readonly pendingSince: number | undefined
  readonly now: number
  readonly staleMs: number
}

export const judgeSync = ({ isConnected, pendingSince, now, staleMs }: SyncFacts): SyncStatus => {
  if (pendingSince === undefined)
    return { status: isConnected ? 'green' : 'yellow', oldestMs: null }
  const oldestMs = Math.max(0, Math.round(now - pendingSince))
  return { status: oldestMs >= staleMs ? 'red' : 'yellow', oldestMs }
}
