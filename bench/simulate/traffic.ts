/**
 * What is sent: messages, bytes, and how much of them are copies of updates. Counted when it
 * leaves, so what is lost on the way counts too.
 *
 * ```ts
 * traffic.take(); swarm.run(1_000); const { messages, bytes } = traffic.take()
 * ```
 */

export interface Sent {
  readonly messages: number
  /** Of message text, which is ASCII here. */
  readonly bytes: number
  /** Messages that carry an update. */
  readonly copies: number
  /** Bytes of V1 of these updates, before they are packed. */
  readonly updateBytes: number
  /** Bytes of text that these updates take, packed: deflated where that is shorter, base64. All else is envelope. */
  readonly payloadBytes: number
}

const DATA = '"data":"'

const LENGTH = '"length":'

export class Traffic {
  #messages = 0
  #bytes = 0
  #copies = 0
  #updateBytes = 0
  #payloadBytes = 0

  /** Counts a message. It is searched and not parsed: each node parses it once more anyway. */
  count(text: string): void {
    this.#messages++
    this.#bytes += text.length
    const data = text.indexOf(DATA)
    if (data < 0) return
    const end = text.indexOf('"', data + DATA.length)
    this.#copies++
    this.#payloadBytes += end - data - DATA.length
    this.#updateBytes += Number.parseInt(text.slice(text.indexOf(LENGTH, end) + LENGTH.length), 10)
  }

  /** What was sent since it was asked last. */
  take(): Sent {
    const sent = {
      messages: this.#messages,
      bytes: this.#bytes,
      copies: this.#copies,
      updateBytes: this.#updateBytes,
      payloadBytes: this.#payloadBytes,
    }
    this.#messages = this.#bytes = this.#copies = this.#updateBytes = this.#payloadBytes = 0
    return sent
  }
}
