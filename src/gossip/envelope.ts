/**
 * What all messages of a member have in common: its address, the swarm, the time, and the length that
 * the transport carries. A text that is longer is split into fragments.
 *
 * ```ts
 * const text = envelope.encode({ version, state, members, format }, documents.size, now)
 * if (envelope.isTooLong(text)) peer.fragmented = envelope.split(text)
 * ```
 */
import {
  digestBytes,
  encodePush,
  type NewPush,
  type Platform,
  textBytes,
} from '../../crdt/index.ts'
import { FragmentedText } from './fragmented-text.ts'

/** Bytes reserved for everything in a message but the data of a fragment. */
const FRAGMENT_BYTES = 1_024

export interface EnvelopeOptions {
  readonly self: string
  readonly swarm: string
  readonly platform: Platform
  /** UTF-8 bytes of the longest message. */
  readonly maxMessageBytes: () => number
}

export class Envelope {
  readonly #options: EnvelopeOptions

  constructor(options: EnvelopeOptions) {
    this.#options = options
  }

  /** `documents` is how many documents we have. */
  encode(
    content: Omit<NewPush, 'sender' | 'timestamp' | 'swarm' | 'documents'>,
    documents: number,
    now: number,
  ): string {
    const { self: sender, swarm } = this.#options
    return encodePush({ ...content, sender, swarm, timestamp: Math.floor(now / 1000), documents })
  }

  /** A message that carries only a fragment, or a request for fragments. */
  encodeFragment(
    content: Pick<NewPush, 'fragment' | 'missing' | 'format'>,
    documents: number,
    now: number,
  ): string {
    return this.encode({ version: 0, state: new Map(), members: [], ...content }, documents, now)
  }

  /** Is the text longer than one message may be? */
  isTooLong(text: string): boolean {
    const max = this.#options.maxMessageBytes()
    return text.length * 3 > max && textBytes(text) > max
  }

  /** Cuts a text that is too long for one message. */
  split(text: string): FragmentedText {
    const room = this.#options.maxMessageBytes() - FRAGMENT_BYTES
    const digest = digestBytes(new TextEncoder().encode(text), this.#options.platform)
    return new FragmentedText(text, digest, room)
  }
}
