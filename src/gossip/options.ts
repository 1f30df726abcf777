/**
 * What the core is created from, and what it returns when a document is closed.
 *
 * ```js
 * const options: GossipOptions = { self, swarm, platform, random, maxMessageBytes: 64_000 }
 * ```
 */
import type { Limits, Platform, PushReader } from '../../crdt/index.ts'
import type { GossipConfig } from './config.ts'
import type { Reach } from './peers.ts'

export interface GossipOptions extends Reach {
  /** Our address, as the transport's peers see it. */
  readonly self: string
  readonly swarm: string
  readonly platform: Platform
  /** Evenly distributed in [0, 1). */
  readonly random: () => number
  /** UTF-8 bytes that the transport carries; a function is called for each message, as the bound may change. */
  readonly maxMessageBytes: number | (() => number)
  /** The reader that the transport's `accepts` uses, so that each message is parsed once. */
  readonly reader?: PushReader
  readonly config?: Partial<GossipConfig>
  readonly limits?: Limits
}

/** The bound as it is now. */
export const bytesOf = (max: number | (() => number)): number =>
  typeof max === 'number' ? max : max()

/** A message that is sent while another one to the same peer may be under way. */
export interface FinalMessage {
  readonly to: string
  readonly text: string
}
