/**
 * What the core is made of, and what it gives back where a document is closed.
 *
 * ```js
 * const options: GossipOptions = { self, swarm, platform, random, maxMessageBytes: 64_000 }
 * ```
 */
import type { Limits, Platform } from '../../crdt/index.ts'
import type { GossipConfig } from './config.ts'
import type { Reach } from './peers.ts'

export interface GossipOptions extends Reach {
  /** Our address, as the transport's peers see it. */
  readonly self: string
  readonly swarm: string
  readonly platform: Platform
  /** Evenly distributed in [0, 1). */
  readonly random: () => number
  /** UTF-8 bytes; the transport's, asked before each message, as it may change. */
  readonly maxMessageBytes: number | (() => number)
  readonly config?: Partial<GossipConfig>
  readonly limits?: Limits
}

/** A bound that may change, as it is now. */
export const bytesOf = (most: number | (() => number)): number =>
  typeof most === 'number' ? most : most()

/** A message that is sent while another to the same peer may be on its way. */
export interface FinalMessage {
  readonly to: string
  readonly text: string
}
