/**
 * Counts what is sent: messages, bytes, and the updates in them, lost messages included.
 *
 * ```ts
 * traffic.take(); swarm.run(1_000); const { messages, bytes } = traffic.take()
 * ```
 */

export interface Sent {
  readonly messages: number
  /** Of message text, which is ASCII here. */
  readonly bytes: number
  /** Messages with an update. */
  readonly copies: number
  /** V1 bytes of these updates before they are packed. */
  readonly updateBytes: number
  /** Text bytes of the packed updates: deflated if that is shorter, then base64. The rest is envelope. */
  readonly payloadBytes: number
}

const DATA = '"data":"'
const LENGTH = '"length":'

const NOTHING: Sent = { messages: 0, bytes: 0, copies: 0, updateBytes: 0, payloadBytes: 0 }

export class Traffic {
  #sent = NOTHING

  /** Searches the message instead of parsing it: each node parses it anyway. */
  count(text: string): void {
    const { messages, bytes, copies, updateBytes, payloadBytes } = this.#sent
    this.#sent = { ...this.#sent, messages: messages + 1, bytes: bytes + text.length }
    const data = text.indexOf(DATA)
    if (data < 0) return
    const end = text.indexOf('"', data + DATA.length)
    const length = Number.parseInt(text.slice(text.indexOf(LENGTH, end) + LENGTH.length), 10)
    this.#sent = {
      ...this.#sent,
      copies: copies + 1,
      updateBytes: updateBytes + length,
      payloadBytes: payloadBytes + end - data - DATA.length,
    }
  }

  /** What was sent since the last call. */
  take(): Sent {
    const sent = this.#sent
    this.#sent = NOTHING
    return sent
  }
}
