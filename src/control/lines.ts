/**
 * Cuts a stream of bytes into lines of bounded length.
 *
 * ```ts
 * const lines = new Lines(1024)
 * lines.push(chunk) // throws when a line is longer than 1,024 bytes
 * for (let line = lines.shift(); line !== undefined; line = lines.shift()) use(line)
 * ```
 */
import { Failure } from '../errors.ts'

const LINE_BREAK = 0x0a

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class Lines {
  readonly #maxBytes: number
  /** Complete lines, without their line breaks. */
  #lines: Buffer[] = []
  /** Parts of the line that has no end yet; they are joined when it has one. */
  #parts: Buffer[] = []
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Throws a Failure (too_large) for a line that is too long; what follows it in the chunk is lost. */
  push(chunk: Buffer): void {
    let start = 0
    for (let end = chunk.indexOf(LINE_BREAK); end >= 0; end = chunk.indexOf(LINE_BREAK, start)) {
      this.#add(chunk.subarray(start, end))
      this.#lines.push(Buffer.concat(this.#parts))
      this.#clear()
      start = end + 1
    }
    this.#add(chunk.subarray(start))
  }

  /** The next complete line, if there is one. Throws a Failure (invalid_argument) for a line that is not UTF-8. */
  shift(): string | undefined {
    const line = this.#lines.shift()
    if (line === undefined) return undefined
    try {
      return decoder.decode(line)
    } catch (error) {
      throw new Failure('invalid_argument', 'the line is not UTF-8', { cause: error })
    }
  }

  #add(part: Buffer): void {
    this.#bytes += part.length
    if (this.#bytes > this.#maxBytes) {
      this.#clear()
      throw new Failure('too_large', `the line is longer than ${this.#maxBytes} bytes`)
    }
    if (part.length > 0) this.#parts.push(part)
  }

  #clear(): void {
    this.#parts = []
    this.#bytes = 0
  }
}
