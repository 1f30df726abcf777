/**
 * Puts long messages together from their fragments, whatever their order, and reports those that
 * have not come for a while. Bounded in number and in bytes; the oldest goes first, and repair
 * brings again what it would have said.
 *
 * ```ts
 * const assembly = new Assembly({ digestOf, patienceMs: 1_500, maxBytes: 64 * 2 ** 20 })
 * const text = assembly.take('b', fragment, now)       // the whole text, once it is there
 * for (const { from, missing } of assembly.overdue(now)) ask(from, missing)
 * ```
 */
import { type Fragment, type Missing, Rejection } from '../../crdt/index.ts'

/** Long messages of one peer that are put together at a time: one, and the one that takes its place. */
const MAX_TEXTS_PER_PEER = 2

/** Times that missing fragments are asked for in a row without one that comes. Then the sender has forgotten them, or is gone. */
const MAX_TRIES = 4

/** Times the last interval between two fragments after which the next is missing. */
const PATIENCE = 4

/** Fragments asked for at once. They come one after the other anyway. */
const MAX_REQUESTED = 256

export interface ReassemblyOptions {
  /** Digest of a text, 32 hex digits. */
  readonly digestOf: (text: string) => string
  /** Milliseconds without a fragment after which the missing ones are asked for. */
  readonly patienceMs: number
  /** UTF-16 units of all that waits. */
  readonly maxLength: number
}

interface PartialText {
  readonly from: string
  readonly of: string
  readonly parts: (string | undefined)[]
  readonly bytes: number
  left: number
  length: number
  /** Milliseconds; when the missing ones are asked for. */
  requestAt: number
  /** When the last one came. */
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
   * The text, when this was the last of its fragments. Throws a Rejection where they do not fit
   * together; then all of them are forgotten.
   */
  take(from: string, fragment: Fragment, now: number): string | undefined {
    const { of, index, count, bytes, data } = fragment
    const key = `${from} ${of}`
    const known = this.#all.get(key) ?? this.#begin(key, from, fragment, now)
    if (known.parts.length !== count || known.bytes !== bytes) {
      this.#forget(key)
      throw new Rejection(
        'malformed',
        `fragment ${index} of ${count}, ${bytes} bytes: others differ`,
      )
    }
    // The next may take as long as this one did, and some more.
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
      throw new Rejection('malformed', `fragments of more than the ${bytes} bytes they announce`)
    }
    if (known.left > 0) {
      this.#makeRoom(key)
      return undefined
    }
    this.#forget(key)
    const text = known.parts.join('')
    if (this.#options.digestOf(text) !== of) {
      throw new Rejection('damaged', `${count} fragments do not have the digest ${of}`)
    }
    return text
  }

  /** What is overdue; to be asked for again later if it does not come. */
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
