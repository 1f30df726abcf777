/**
 * A message that is too long for the transport, sent in fragments one after the other. A fragment
 * whose send fails is sent again, as are those that the peer reports missing. Other messages may be
 * sent in between.
 *
 * ```ts
 * const fragmented = new FragmentedText(text, digest, room)
 * for (let next = fragmented.next(); next; next = fragmented.next()) {
 *   send(encodePush({ ...envelope, fragment: next }))
 * }
 * ```
 */
import {
  type Fragment,
  isHighSurrogate,
  jsonBytes,
  type Missing,
  textBytes,
} from '../../crdt/index.ts'

/** Bytes of the quotes around a JSON string. */
const QUOTE_BYTES = 2

/**
 * The longest part of `text` from `start` on that takes at most `room` bytes in JSON; at least one
 * character.
 */
const cut = (text: string, start: number, room: number): string => {
  let length = Math.min(room, text.length - start)
  for (;;) {
    // Half a character would not survive UTF-8.
    if (length > 1 && isHighSurrogate(text.charCodeAt(start + length - 1))) length--
    const part = text.slice(start, start + length)
    const bytes = jsonBytes(part) - QUOTE_BYTES
    if (bytes <= room || length <= 2) return part
    length = Math.max(2, Math.floor((length * room) / bytes))
  }
}

export class FragmentedText {
  readonly of: string
  readonly #parts: readonly string[]
  readonly #bytes: number
  /** Indexes of the fragments that are still to be sent, in order. */
  readonly #waiting: number[]

  /** `of` is the digest of the text; `room` is how many bytes of JSON one fragment may take. */
  constructor(text: string, of: string, room: number) {
    this.of = of
    this.#bytes = textBytes(text)
    const parts: string[] = []
    for (let start = 0; start < text.length; start += parts.at(-1)!.length) {
      parts.push(cut(text, start, room))
    }
    this.#parts = parts
    this.#waiting = [...parts.keys()]
  }

  /** Have all fragments been sent, unless the peer requests some again? */
  get isSent(): boolean {
    return this.#waiting.length === 0
  }

  /** The next fragment to send. */
  next(): Fragment | undefined {
    const index = this.#waiting.shift()
    if (index === undefined) return undefined
    const data = this.#parts[index]!
    return { of: this.of, index, count: this.#parts.length, bytes: this.#bytes, data }
  }

  /** That fragment was not sent: it is the next again. */
  failed({ index }: Fragment): void {
    if (!this.#waiting.includes(index)) this.#waiting.unshift(index)
  }

  /** The peer lacks these. */
  resend({ indexes }: Missing): void {
    const known = new Set(this.#waiting)
    for (const index of indexes) {
      if (index < this.#parts.length && !known.has(index)) this.#waiting.push(index)
    }
  }
}
