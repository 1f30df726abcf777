/**
 * Sends the messages of gossip. A message leaves once everything it contains is stored. Each failure
 * is reported once: those of a peer for each message, those of our own side until a send works.
 *
 * ```ts
 * const outgoing = new Outgoing({ transport, publish, wasHere, onProblem, onSent, onFailed })
 * outgoing.send('b', text)         // its end is an event of gossip
 * outgoing.sendLast('b', text)     // gossip has forgotten the document
 * await outgoing.lastSent()
 * ```
 */
import { Failure, toFailure } from '../errors.ts'
import type { GossipEvent } from '../gossip/index.ts'
import type { Transport } from '../transports/transport.ts'
import type { Problem } from './problem.ts'

type SendFailed = Extract<GossipEvent, { readonly type: 'failed' }>

export interface OutgoingOptions {
  readonly transport: Transport
  /** What must be stored before a message leaves; empty: it leaves at once. */
  readonly publish: () => readonly Promise<void>[]
  /** Was a message of that peer received? */
  readonly wasHere: (address: string) => boolean
  readonly onProblem: (problem: Problem) => void
  readonly onSent: (to: string) => void
  readonly onFailed: (event: SendFailed) => void
}

export class Outgoing {
  readonly #options: OutgoingOptions
  /** Did our own side fail the last sends? */
  #isCutOff = false
  /** The failure of our own side that was reported last. */
  #reported: Failure | undefined
  /** Messages of documents that have left, on their way. */
  readonly #last = new Set<Promise<void>>()

  constructor(options: OutgoingOptions) {
    this.#options = options
  }

  /** The transport has reported that failure itself: a send that fails with it adds nothing. */
  noteReported(failure: Failure): void {
    this.#reported = failure
  }

  send(to: string, text: string): void {
    this.#publish(to, text).then(
      () => {
        this.#isCutOff = false
        this.#options.onSent(to)
      },
      (error) => this.#onFailed(to, toFailure(error)),
    )
  }

  /** Sends the last message of a document that gossip has forgotten. */
  sendLast(to: string, text: string): void {
    const sending = this.#publish(to, text)
      .catch((error) => {
        if (this.#reported !== error) this.#onUnreachable(to, toFailure(error))
      })
      .finally(() => this.#last.delete(sending))
    this.#last.add(sending)
  }

  get isSendingLast(): boolean {
    return this.#last.size > 0
  }

  /** Resolves when the last messages of all documents have left or failed. */
  async lastSent(): Promise<void> {
    await Promise.all(this.#last)
  }

  /**
   * A writer that forgets what it has sent, and goes on under the same id, makes replicas differ
   * forever. So everything that a message contains is stored first.
   */
  #publish(to: string, text: string): Promise<void> {
    const stored = this.#options.publish()
    if (stored.length === 0) return this.#handOver(to, text)
    return Promise.all(stored).then(
      () => this.#handOver(to, text),
      (error) => {
        const { code, message, hint } = toFailure(error)
        const failure = new Failure(code, message, { hint, cause: error, isLocal: true })
        this.#reported = failure
        this.#options.onProblem({ type: 'send', to, failure })
        throw failure
      },
    )
  }

  /** Async, so that a transport that throws rejects. */
  async #handOver(to: string, text: string): Promise<void> {
    await this.#options.transport.send(to, text)
  }

  #onFailed(to: string, failure: Failure): void {
    const { code, message, hint, isLocal } = failure
    const cause = isLocal ? 'local' : code === 'timeout' ? 'timeout' : 'peer'
    if (!isLocal) this.#onUnreachable(to, failure)
    else if (!this.#isCutOff && this.#reported !== failure)
      this.#options.onProblem({ type: 'transport', failure })
    if (isLocal) this.#isCutOff = true
    this.#options.onFailed({ type: 'failed', to, cause, failure: { code, message, hint } })
  }

  /** A peer that was here and is gone has ended. That is no problem: `peers` shows it. */
  #onUnreachable(to: string, failure: Failure): void {
    const hasEnded = failure.code === 'not_found' && this.#options.wasHere(to)
    if (!hasEnded) this.#options.onProblem({ type: 'send', to, failure })
  }
}
