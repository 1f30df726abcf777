/**
 * What is to be said to one peer, per document. It is merged, never queued: a peer that is
 * slow for an hour has one entry at the end, not a thousand messages, and the bytes are made
 * from the document when the message leaves.
 *
 * ```js
 * outbox.say('kv', { since: rumors.flush() })
 * outbox.say('kv', { digest: true })      // one entry, one message
 * ```
 */
import type { PeerState } from '../../crdt/index.ts'

export interface QueuedState {
  /** Number of the first recent change the peer may lack. */
  since?: number
  /** Say the digest of our state. */
  digest?: boolean
  /** Say the fingerprint of our content, too. */
  content?: boolean
  /** With it, that of each writer. */
  writers?: boolean
  /** Ask for what we lack: say the state vector. */
  pull?: boolean
  /** Number of the first awareness state that the peer may lack. */
  awareness?: number
  /** Say that the rest of its answer is not needed. */
  enough?: boolean
  /** Answer a peer that told what it knows: say the rest, if only that there is none. */
  answer?: Answer
}

export interface Answer {
  readonly peerState: PeerState
  /** Bytes of V1 to cut the answer into; absent while it may still fit as a whole. */
  readonly chunkBytes?: number
}

const earlier = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)

export class Outbox {
  /** Undefined while it is empty: a large swarm's peers are many, and few of them are told something. */
  #queued: Map<string, QueuedState> | undefined

  /** Merges more into what is to be said about a document. An answer replaces an older answer. */
  enqueue(document: string, more: QueuedState): void {
    this.#queued ??= new Map()
    const old = this.#queued.get(document)
    const saying: QueuedState = { ...old, ...more }
    const since = earlier(old?.since, more.since)
    if (since !== undefined) saying.since = since
    const awareness = earlier(old?.awareness, more.awareness)
    if (awareness !== undefined) saying.awareness = awareness
    this.#queued.set(document, saying)
  }

  get isEmpty(): boolean {
    return this.#queued === undefined || this.#queued.size === 0
  }

  /** Takes everything out. */
  drain(): [string, QueuedState][] {
    const all = this.#queued ? [...this.#queued] : []
    this.#queued = undefined
    return all
  }

  /** Takes out what is to be said about a document. */
  take(document: string): QueuedState | undefined {
    const saying = this.#queued?.get(document)
    this.#queued?.delete(document)
    return saying
  }

  /** The peer does not need the rest of an answer. What else is to be said stays. */
  dropAnswer(document: string): void {
    const saying = this.#queued?.get(document)
    if (!saying?.answer) return
    const { answer, ...others } = saying
    if (Object.keys(others).length > 0) this.#queued?.set(document, others)
    else this.#queued?.delete(document)
  }

  forget(document: string): void {
    this.#queued?.delete(document)
  }
}
