/**
 * Keeps the core informed whom the transport trusts. It asks regularly, and when a message comes from
 * an address that is not accepted: its trust may be a moment old.
 *
 * ```ts
 * const trust = new Trust({ access, transport, onChange, onFailure })
 * await trust.learn()          // before the first message is taken
 * await trust.learnOf(['bob']) // before messages of bob are
 * trust.stop()
 * ```
 */
import { now } from '../clock.ts'
import { Failure, toFailure } from '../errors.ts'
import { type Access, networkOf } from '../gossip/index.ts'
import type { Transport } from '../transports/transport.ts'

/** Milliseconds between two questions: how long a node whose trust was withdrawn can still write. A call of pilotctl each. */
const LEARN_MS = 60_000

/** Milliseconds between two questions for the sake of strangers, who can send as often as they like. */
const STRANGER_MS = 5_000

export interface TrustOptions {
  readonly access: Access
  readonly transport: Transport
  /** Called when rights may have changed. */
  readonly onChange: () => void
  readonly onFailure: (failure: Failure) => void
}

export class Trust {
  readonly #options: TrustOptions
  #timer: NodeJS.Timeout | undefined
  /** Milliseconds; undefined before the first question. */
  #askedAt: number | undefined
  #asking: Promise<void> | undefined
  #isStopped = false

  constructor(options: TrustOptions) {
    this.#options = options
  }

  /**
   * Asks now and, from then on, regularly. Never rejects: if the transport cannot tell, those it last
   * named stay accepted. At first that is nobody, so that only listed peers are.
   */
  learn(): Promise<void> {
    const { access, transport } = this.#options
    if (!access.asksTransport || !transport.trusted || this.#isStopped) return Promise.resolve()
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** Asks if one of the addresses is not accepted and the last question is a while ago. */
  async learnOf(addresses: Iterable<string>): Promise<void> {
    const { access } = this.#options
    if (!access.asksTransport) return
    if (![...addresses].some((address) => access.refusal(address) === 'not_accepted')) return
    if (this.#askedAt === undefined || now() - this.#askedAt >= STRANGER_MS) await this.learn()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #ask(): Promise<void> {
    const { access, transport, onChange, onFailure } = this.#options
    clearTimeout(this.#timer)
    this.#askedAt = now()
    try {
      access.trust((await transport.trusted?.(networkOf(access.accept))) ?? [])
      if (!this.#isStopped) onChange()
    } catch (error) {
      const { code, message, isLocal } = toFailure(error)
      const hint =
        'until it can tell, messages are taken of those it named before and of given peers'
      const text = `the transport does not tell whom it trusts: ${message}`
      if (!this.#isStopped) onFailure(new Failure(code, text, { hint, cause: error, isLocal }))
    }
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.learn(), LEARN_MS)
  }
}
