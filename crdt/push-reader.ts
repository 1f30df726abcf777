/**
 * Reads the pushes of one swarm, and parses each text once. A transport with a shared inbox asks
 * first whether a message is ours, and hands it over later; what was parsed for the first question
 * is kept for the second.
 *
 * ```js
 * const reader = new PushReader('kv')
 * if (reader.accepts(text)) push = reader.decode(text)      // throws a Rejection
 * ```
 */
import { decodeParsed, parseMessage } from './codec.ts'
import { LIMITS, type Limits } from './limits.ts'
import { MESSAGE_TYPE, type Push } from './message.ts'

/** Parsed messages kept. An inbox hands over at most some hundred in one batch. */
const MAX_KEPT = 1_000

/** A push, as far as it matters for `workOf`. Anything may be missing or of another type. */
interface Outline {
  readonly state?: unknown
  readonly fragment?: unknown
}

/** UTF-16 units of all kept texts; parsed, they take several times as much memory. */
const MAX_KEPT_LENGTH = 16 * 2 ** 20

export class PushReader {
  readonly #swarm: string
  readonly #kept = new Map<string, unknown>()
  #length = 0

  constructor(swarm: string) {
    this.#swarm = swarm
  }

  /** Is this text a push of our swarm, in any format? Never throws. */
  accepts(text: string): boolean {
    // Most foreign messages do not even name the type, so they need no parsing.
    if (!text.includes(MESSAGE_TYPE)) return false
    try {
      const value: unknown = JSON.parse(text)
      if (!isPushOf(value, this.#swarm)) return false
      this.#keep(text, value)
      return true
    } catch {
      return false // not JSON, so not ours
    }
  }

  /** Decodes and checks a push; throws a Rejection that says what is wrong with it. */
  decode(text: string, limits: Limits = LIMITS): Push {
    const kept = this.#take(text)
    return decodeParsed(parseMessage(text, limits, kept), this.#swarm, limits)
  }

  /**
   * How much work the message may be, in bytes that must be read: those of its text, and those of
   * its updates when they are inflated, as it announces them (an update that is longer is refused
   * before it is read). Infinite for a fragment, which may be the last of a long message. Checks
   * nothing else, and never throws.
   */
  workOf(text: string): number {
    const value = this.#kept.get(text) ?? this.#parse(text)
    if (typeof value !== 'object' || value === null) return text.length
    const { state, fragment } = value as Outline
    if (fragment !== undefined) return Number.POSITIVE_INFINITY
    if (typeof state !== 'object' || state === null) return text.length
    let work = text.length
    for (const one of Object.values(state)) {
      const length: unknown = one?.update?.length
      if (typeof length === 'number' && length > 0) work += length
    }
    return work
  }

  #parse(text: string): unknown {
    return this.accepts(text) ? this.#kept.get(text) : undefined
  }

  #keep(text: string, value: unknown): void {
    if (this.#kept.has(text)) return
    this.#kept.set(text, value)
    this.#length += text.length
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT && this.#length <= MAX_KEPT_LENGTH) break
      this.#take(oldest)
    }
  }

  #take(text: string): unknown {
    const value = this.#kept.get(text)
    if (this.#kept.delete(text)) this.#length -= text.length
    return value
  }
}

const isPushOf = (value: unknown, swarm: string): boolean => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const message = value as Record<string, unknown>
  return message.type === MESSAGE_TYPE && message.swarm === swarm
}
