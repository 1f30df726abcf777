/**
 * One peer: what we know of it, and what is queued for it.
 *
 * ```ts
 * const peer: Peer = new KnownPeer('0:0000.0000.000B', 'given')
 * peer.outbox.enqueue('kv', { digest: true })
 * ```
 */
import { type Format, type Fragment, type Missing, OLDEST_FORMAT } from '../../crdt/index.ts'
import type { FragmentedText } from './fragmented-text.ts'
import { Outbox, type QueuedState } from './outbox.ts'

/** How we came to know a peer, from the weakest evidence to the strongest. */
export type PeerSource = 'named' | 'found' | 'given' | 'heard'

export interface Peer {
  readonly address: string
  source: PeerSource
  /** Who named it, while it has not answered; undefined: it is believed to exist. */
  namer: string | undefined
  /** Consecutive sends that failed. */
  failures: number
  /** Why the last send failed; undefined if it succeeded. */
  failure: SendFailure | undefined
  /** Milliseconds that a send to it takes at best, as of late; undefined before the first. */
  bestMs: number | undefined
  /** Milliseconds; until then it is left alone. */
  retryAt: number
  /** Milliseconds; when its last valid push came. */
  lastHeard: number | undefined
  /** Did it send a push, or did a send to it succeed? If not, it may never have existed. */
  wasReached: boolean
  /** Has it been sent some members? */
  isIntroduced: boolean
  /** The newest format of messages that it reads, as far as we know. */
  format: Format
  /** How many documents it has, as it last said; undefined if unknown. */
  documents: number | undefined
  /** Document → the digest it last sent. */
  readonly digests: Map<string, string>
  readonly outbox: Outbox
  /** The send to it that is under way, if any. */
  sending: Sending | undefined
  /** A long message to it that is sent in fragments; kept for a while after the last one. */
  fragmented: FragmentedText | undefined
  /** Fragments of its messages that have not come, and are to be requested. */
  missing: Missing | undefined
}

/** Why a peer cannot be reached, as the transport reports it. */
export interface SendFailure {
  readonly code: string
  readonly message: string
  readonly hint?: string | undefined
}

export interface Sending {
  readonly included: readonly [string, QueuedState][]
  /** Milliseconds; when it began. */
  readonly at: number
  /** UTF-16 units of the message. */
  readonly length: number
  /** Might the peer not exist? */
  readonly suspect: boolean
  /** The fragment that it carries, if any. */
  readonly fragment?: Fragment | undefined
}

/** Creates rarely needed parts on demand: a peer that was never met takes 150 bytes, not 700. */
export class KnownPeer implements Peer {
  readonly address: string
  source: PeerSource
  namer: string | undefined
  failures = 0
  failure: SendFailure | undefined = undefined
  bestMs: number | undefined = undefined
  retryAt = 0
  lastHeard: number | undefined = undefined
  wasReached = false
  isIntroduced = false
  format: Format = OLDEST_FORMAT
  documents: number | undefined = undefined
  sending: Sending | undefined = undefined
  fragmented: FragmentedText | undefined = undefined
  missing: Missing | undefined = undefined
  #digests: Map<string, string> | undefined
  #outbox: Outbox | undefined

  constructor(address: string, source: PeerSource, namer?: string) {
    this.address = address
    this.source = source
    this.namer = namer
  }

  get digests(): Map<string, string> {
    this.#digests ??= new Map()
    return this.#digests
  }

  get outbox(): Outbox {
    this.#outbox ??= new Outbox()
    return this.#outbox
  }
}
