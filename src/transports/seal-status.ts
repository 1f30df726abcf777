/**
 * What a sealed transport tells of its secrets, and of what it has dropped.
 *
 * ```ts
 * agent.status().secret     // { secrets: 1, former: [], refused: { unsealed: 2, forged: 0, replayed: 0 } }
 * ```
 */

/** Why a message was dropped: it is not sealed; the secret, sender or receiver is another; it came before. */
export type SealRefusal = 'unsealed' | 'forged' | 'replayed'

/** What `status` tells of the seal. */
export interface SealStatus {
  /** Secrets that are valid here. */
  readonly secrets: number
  /** Peers that have not shown yet that they know the newest secret. */
  readonly former: readonly string[]
  readonly refused: Readonly<Record<SealRefusal, number>>
}
