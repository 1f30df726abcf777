/**
 * A message that is longer than one may be to that peer, on its way in fragments: one after the
 * other, each again when its send fails, and those again that the peer reports as missing. It
 * goes on where it was, whatever was sent in between.
 *
 * ```ts
 * const parcel = new Parcel(text, digest, room)
 * for (let next = parcel.next(); next; next = parcel.next()) send(encodePush({ …, fragment: next }))
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

/** The longest part of `text` from `start` on that takes at most `room` bytes in JSON; one character at least. */
const cut = (text: string, start: number, room: number): string => {
  let length = Math.min(room, text.length - start)
  for (;;) {
    // Never half a character: it would not survive the way.
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
  /** Indexes of fragments that are to be sent, in that order. */
  readonly #waiting: number[]

  /** `of` is the digest of the text; `room` how many bytes of JSON one fragment may take. */
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

  /** Is nothing of it to be sent, unless the peer asks again? */
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

  /** That one did not leave: it is the next. */
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
