/**
 * Connects a provider, and tries again until it works or the caller stops it.
 *
 * ```ts
 * const connection = new Connection({ loaded, join, onStatus, onFailed })
 * connection.start()
 * connection.status      // 'connecting'
 * connection.stop()
 * ```
 */
import { type Failure, toFailure } from '../errors.ts'
import { RetryDelay } from '../retry-delay.ts'
import type { ConnectionStatus } from './options.ts'

/** A provider that cannot connect is mostly offline: longer delays save no work, shorter ones would. */
const RETRY = { firstMs: 1_000, maxMs: 30_000 }

/** Would another try fail in the same way? */
const isFinal = ({ code }: Failure): boolean =>
  code === 'closed' || code === 'invalid_argument' || code === 'not_found'

export interface ConnectionOptions {
  /** Must resolve first. If it rejects, there is nothing to connect. */
  readonly loaded: Promise<void>
  /** Resolves to a function that joins. It is called unless the caller has stopped meanwhile. */
  readonly join: () => Promise<() => void>
  readonly onStatus: (status: ConnectionStatus) => void
  /** Called for each failed try. Another follows while `shouldConnect` is true. */
  readonly onFailed: (failure: Failure) => void
}

export class Connection {
  readonly #options: ConnectionOptions
  #shouldConnect = false
  #status: ConnectionStatus = 'disconnected'
  /** Counts starts and stops: a step of an earlier attempt must not go on. */
  #attempt = 0
  #retry: NodeJS.Timeout | undefined
  readonly #delay = new RetryDelay(RETRY)

  constructor(options: ConnectionOptions) {
    this.#options = options
  }

  /** Does the caller want a connection? */
  get shouldConnect(): boolean {
    return this.#shouldConnect
  }

  get status(): ConnectionStatus {
    return this.#status
  }

  /** Starts to connect. Must not be called while it tries. */
  start(): void {
    this.#shouldConnect = true
    void this.#connect()
  }

  /** Stops trying. The caller must have left what it joined. */
  stop(): void {
    this.#shouldConnect = false
    this.#attempt++
    clearTimeout(this.#retry)
    this.#setStatus('disconnected')
  }

  async #connect(): Promise<void> {
    const attempt = ++this.#attempt
    this.#setStatus('connecting')
    try {
      await this.#options.loaded
    } catch {
      // The error was reported already, and the store is not read a second time.
      if (attempt === this.#attempt) this.stop()
      return
    }
    if (attempt !== this.#attempt) return
    try {
      const join = await this.#options.join()
      if (attempt !== this.#attempt) return
      join()
      this.#delay.reset()
      this.#setStatus('connected')
    } catch (error) {
      if (attempt === this.#attempt) this.#onFailed(toFailure(error))
    }
  }

  #onFailed(failure: Failure): void {
    const attempt = this.#attempt
    this.#setStatus('disconnected')
    this.#options.onFailed(failure)
    // A listener may have stopped or restarted it.
    if (attempt !== this.#attempt) return
    if (isFinal(failure)) {
      this.#shouldConnect = false
      return
    }
    this.#retry = setTimeout(() => void this.#connect(), this.#delay.next())
  }

  #setStatus(status: ConnectionStatus): void {
    if (this.#status === status) return
    this.#status = status
    this.#options.onStatus(status)
  }
}
