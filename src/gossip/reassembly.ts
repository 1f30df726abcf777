/**
 * Puts long messages together from their fragments, in whatever order these come, and reports those
 * that are overdue. Bounded in number and in bytes: the oldest is dropped first, and repair brings
 * what it contained.
 *
 * ```ts
 * const reassembly = new Reassembly({ digestOf, patienceMs: 1_500, maxLength: 64 * 2 ** 20 })
 * const text = reassembly.take('b', fragment, now)       // the whole text after its last fragment
 * for (const { from, missing } of reassembly.overdue(now)) request(from, missing)
 * ```
 */
import { type Fragment, type Missing, Rejection } from '../../crdt/index.ts'

/** Texts of one peer that are put together at a time: one, and the one that replaces it. */
const MAX_TEXTS_PER_PEER = 2

/**
 * Requests for missing fragments without a reply. After that the sender has forgotten the text, or
 * is gone.
 */
export const MAX_TRIES = 4

/** Times the interval between the last two fragments after which the next one is overdue. */
const PATIENCE = 4

/** Fragments requested at once. They come one after the other anyway. */
const MAX_REQUESTED = 256

export interface ReassemblyOptions {
  /** Digest of a text, 32 hex digits. */
  readonly digestOf: (text: string) => string
  /** Milliseconds without a fragment after which missing ones are requested. */
  readonly patienceMs: number
  /** UTF-16 units of all incomplete texts. */
  readonly maxLength: number
}

interface PartialText {
  readonly from: string
  readonly of: string
  readonly parts: (string | undefined)[]
  readonly bytes: number
  left: number
  length: number
  /** Milliseconds; when missing fragments are requested. */
  requestAt: number
  /** When the last fragment came. */
  receivedAt: number
  tries: number
}

export interface Overdue {
  readonly from: string
  readonly missing: Missing
}

export class Reassembly {
  readonly #options: ReassemblyOptions
  /** By sender and text, the oldest first. */
  readonly #all = new Map<string, PartialText>()
  #length = 0

  constructor(options: ReassemblyOptions) {
    this.#options = options
  }

  /** Milliseconds; when something is overdue. */
  get wakeAt(): number {
    let at = Number.POSITIVE_INFINITY
    for (const { requestAt: askAt } of this.#all.values()) at = Math.min(at, askAt)
    return at
  }

  /**
   * The text, if this was its last fragment. Throws a Rejection if the fragments contradict one
   * another, and forgets all of them.
   */
  take(from: string, fragment: Fragment, now: number): string | undefined {
    const { of, index, count, bytes, data } = fragment
    const key = `${from} ${of}`
    const known = this.#all.get(key) ?? this.#begin(key, from, fragment, now)
    if (known.parts.length !== count || known.bytes !== bytes) {
      this.#forget(key)
      throw new Rejection(
        'malformed',
        `fragment ${index} of ${count}, ${bytes} bytes: does not match the others`,
      )
    }
    // The next fragment may take as long as this one did, and some more.
    const patienceMs = Math.max(this.#options.patienceMs, PATIENCE * (now - known.receivedAt))
    known.requestAt = now + patienceMs
    known.receivedAt = now
    if (known.parts[index] !== undefined) return undefined
    known.parts[index] = data
    known.left--
    known.tries = 0
    known.length += data.length
    this.#length += data.length
    if (known.length > bytes) {
      this.#forget(key)
      throw new Rejection('malformed', `fragments have more than the announced ${bytes} bytes`)
    }
    if (known.left > 0) {
      this.#makeRoom(key)
      return undefined
    }
    this.#forget(key)
    const text = known.parts.join('')
    if (this.#options.digestOf(text) !== of) {
      throw new Rejection('damaged', `text of ${count} fragments does not have the digest ${of}`)
    }
    return text
  }

  /** What is overdue. It is reported again later if it does not come. */
  overdue(now: number): Overdue[] {
    const all: Overdue[] = []
    for (const [key, known] of this.#all) {
      if (known.requestAt > now) continue
      if (++known.tries > MAX_TRIES) {
        this.#forget(key)
        continue
      }
      known.requestAt = now + this.#options.patienceMs * 2 ** known.tries
      const indexes: number[] = []
      for (let i = 0; i < known.parts.length && indexes.length < MAX_REQUESTED; i++) {
        if (known.parts[i] === undefined) indexes.push(i)
      }
      all.push({ from: known.from, missing: { of: known.of, indexes } })
    }
    return all
  }

  #begin(key: string, from: string, { of, count, bytes }: Fragment, now: number): PartialText {
    const parts: (string | undefined)[] = new Array(count).fill(undefined)
    const begun = {
      from,
      of,
      parts,
      bytes,
      left: count,
      length: 0,
      requestAt: 0,
      receivedAt: now,
      tries: 0,
    }
    this.#all.set(key, begun)
    const ofPeer = [...this.#all].filter(([, one]) => one.from === from)
    for (const [old] of ofPeer.slice(0, Math.max(0, ofPeer.length - MAX_TEXTS_PER_PEER)))
      this.#forget(old)
    return begun
  }

  #makeRoom(keep: string): void {
    for (const key of this.#all.keys()) {
      if (this.#length <= this.#options.maxLength) return
      if (key !== keep) this.#forget(key)
    }
  }

  #forget(key: string): void {
    this.#length -= this.#all.get(key)?.length ?? 0
    this.#all.delete(key)
  }
}
