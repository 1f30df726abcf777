/**
 * Connecting, again and again until it works or is not wanted any more; and what has become of it.
 *
 * ```ts
 * const connection = new Connection({ loaded, join, onStatus, onFailed })
 * connection.start()
 * connection.status      // 'connecting'
 * connection.stop()
 * ```
 */
import { type Failure, toFailure } from '../errors.ts'
import type { ConnectionStatus } from './options.ts'

/** Milliseconds before the first new try; doubled by each further one. */
const RETRY_MS = 1_000

/** The most that grows to. */
const MAX_RETRY_MS = 30_000

/** Trying again would end the same. */
const isFinal = ({ code }: Failure): boolean =>
  code === 'closed' || code === 'invalid_argument' || code === 'not_found'

export interface ConnectionOptions {
  /** Waited for first; where it rejects there is nothing to connect. */
  readonly loaded: Promise<void>
  /** Finds what to join; what it resolves to joins it, unless connecting was given up meanwhile. */
  readonly join: () => Promise<() => void>
  readonly onStatus: (status: ConnectionStatus) => void
  /** A try has failed; there will be another while `shouldConnect` holds. */
  readonly onFailed: (failure: Failure) => void
}

export class Connection {
  readonly #options: ConnectionOptions
  #shouldConnect = false
  #status: ConnectionStatus = 'disconnected'
  /** Grows with each start and stop: what was begun before is out of date. */
  #turn = 0
  #retry: NodeJS.Timeout | undefined
  #retryMs = RETRY_MS

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** Is it to be connected? */
  get shouldConnect(): boolean {
    return this.#shouldConnect
  }

  get status(): ConnectionStatus {
    return this.#status
  }

  /** Begins to connect. Called while it does not try. */
  start(): void {
    this.#shouldConnect = true
    void this.#connect()
  }

  /** Tries no more; what was joined must have been left. */
  stop(): void {
    this.#shouldConnect = false
    this.#turn++
    clearTimeout(this.#retry)
    this.#setStatus('disconnected')
  }

  async #connect(): Promise<void> {
    const turn = ++this.#turn
    this.#setStatus('connecting')
    try {
      await this.#options.loaded
    } catch {
      // It has been told, and what could not be read is not read again.
      if (turn === this.#turn) this.stop()
      return
    }
    if (turn !== this.#turn) return
    try {
      const join = await this.#options.join()
      if (turn !== this.#turn) return
      join()
      this.#retryMs = RETRY_MS
      this.#setStatus('connected')
    } catch (error) {
      if (turn === this.#turn) this.#onFailed(toFailure(error))
    }
  }

  #onFailed(failure: Failure): void {
    const turn = this.#turn
    this.#setStatus('disconnected')
    this.#options.onFailed(failure)
    // Who was told may have stopped it, or started it anew.
    if (turn !== this.#turn) return
    if (isFinal(failure)) {
      this.#shouldConnect = false
      return
    }
    this.#retry = setTimeout(() => void this.#connect(), this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS)
  }

  #setStatus(status: ConnectionStatus): void {
    if (this.#status === status) return
    this.#status = status
    this.#options.onStatus(status)
  }
}
