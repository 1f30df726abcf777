/**
 * What a program can show its user about local changes: does a peer have them?
 *
 * ```ts
 * judgeSync({ isConnected: true, pendingSince: undefined, now, staleMs: 15_000 })   // green
 * ```
 */

export interface SyncStatus {
  /**
   * `green`: a peer has acknowledged every local change. `yellow`: some changes are not acknowledged
   * yet, or the provider is not connected. `red`: a change has waited for longer than `staleMs`.
   */
  readonly status: 'green' | 'yellow' | 'red'
  /** Age in milliseconds of the oldest change that no peer has acknowledged; null: there is none. */
  readonly oldestMs: number | null
}

export interface SyncFacts {
  readonly isConnected: boolean
  /** When the oldest such change was made, in milliseconds. */
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
