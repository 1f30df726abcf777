/**
 * What is queued for one peer, by document. Queued states are merged: a peer that is slow for an
 * hour has one entry at the end, not a thousand messages. The bytes are made from the document when
 * the message leaves.
 *
 * ```js
 * outbox.enqueue('kv', { since: rumors.flush() })
 * outbox.enqueue('kv', { digest: true })      // one entry, one message
 * ```
 */
import type { Delta, PeerState } from '../../crdt/index.ts'

export interface QueuedState {
  /** Number of the first recent change that the peer may lack. */
  since?: number
  /** Send the digest of our state. */
  digest?: boolean
  /** With it, send that of our content: of two peers with one state, it shows whether they are equal. */
  content?: boolean
  /** With that, send the hash of what each writer has written. */
  writers?: boolean
  /** Pull what we lack: send our state, as ranges if it is long, or always as a vector. */
  pull?: boolean | 'vector'
  /** Encoded ranges that reply to a peer's. */
  ranges?: Uint8Array
  /** Number of the first awareness state that the peer may lack. */
  awareness?: number
  /** Tell the peer that the rest of its answer is not needed. */
  enough?: boolean
  /** Answer a pull: send what the peer lacks, even if that is nothing. */
  answer?: Answer
}

export interface Answer {
  /** What the peer has: the answer is the rest, up to the time when it leaves. */
  readonly peerState?: PeerState
  /** Or what the peer lacks. */
  readonly lacks?: Delta
  /** Bytes of V1 of one chunk of the answer; absent while the answer may still fit as a whole. */
  readonly chunkBytes?: number
}

const earlier = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)

export class Outbox {
  /** Undefined while empty: a large swarm has many peers, and few of them have something queued. */
  #queued: Map<string, QueuedState> | undefined

  /** Merges `more` into what is queued about a document. An answer replaces an older one. */
  enqueue(document: string, more: QueuedState): void {
    this.#queued ??= new Map()
    const old = this.#queued.get(document)
    const queued: QueuedState = { ...old, ...more }
    const since = earlier(old?.since, more.since)
    if (since !== undefined) queued.since = since
    const awareness = earlier(old?.awareness, more.awareness)
    if (awareness !== undefined) queued.awareness = awareness
    this.#queued.set(document, queued)
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

  /** Takes out what is queued about a document. */
  take(document: string): QueuedState | undefined {
    const queued = this.#queued?.get(document)
    this.#queued?.delete(document)
    return queued
  }

  /** The peer does not need the rest of an answer. Everything else stays queued. */
  dropAnswer(document: string): void {
    const queued = this.#queued?.get(document)
    if (!queued?.answer) return
    const { answer, ...others } = queued
    if (Object.keys(others).length > 0) this.#queued?.set(document, others)
    else this.#queued?.delete(document)
  }

  forget(document: string): void {
    this.#queued?.delete(document)
  }
}
