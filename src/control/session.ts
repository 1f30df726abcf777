/**
 * Many requests to one agent over one connection, also at the same time: they are sent at once,
 * and answered in order. The session connects at the first request, and again after the agent has
 * closed the connection.
 *
 * ```ts
 * const session = new Session('/var/lib/kv')
 * await Promise.all([session.ask({ command: 'set', key: 'a', value: 1 }), session.ask({ command: 'get', key: 'b' })])
 * session.close()
 * ```
 */
import { type Deferred, deferred } from '../deferred.ts'
import { Failure, toFailure } from '../errors.ts'
import { ControlClient, type RowsRequest, type WatchRequest } from './client.ts'
import { type Connection, hasStopped, type OneAnswer } from './connection.ts'
import type { Entry } from './entry.ts'
import { decodeAnswer, type Fields } from './protocol.ts'

/** Milliseconds after which a connection is not used again: an agent closes one that is silent for 30,000. */
const MAX_IDLE_MS = 20_000

/** A connection, and the requests that wait for answers. */
class Line {
  readonly #connection: Connection
  readonly #dir: string
  readonly #pending: Deferred<Fields>[] = []
  #usedAt = performance.now()
  #isReading = false
  /** Has it ended? */
  isOver = false

  constructor(connection: Connection, dir: string) {
    this.#connection = connection
    this.#dir = dir
  }

  /** Can it take one more request? */
  get isFit(): boolean {
    const isBusy = this.#pending.length > 0
    return (
      !this.isOver &&
      !this.#connection.isClosed &&
      (isBusy || performance.now() - this.#usedAt < MAX_IDLE_MS)
    )
  }

  async ask(request: OneAnswer): Promise<Fields> {
    const answer = deferred<Fields>()
    this.#connection.send(request) // throws before the request is pending if that is too long
    this.#pending.push(answer)
    if (!this.#isReading) void this.#read()
    return answer.promise
  }

  close(): void {
    this.isOver = true
    this.#connection.close()
  }

  async #read(): Promise<void> {
    this.#isReading = true
    try {
      while (this.#pending.length > 0) {
        const line = await this.#connection.receiveLine()
        if (line === undefined) throw hasStopped(this.#dir)
        this.#settle(line)
      }
    } catch (error) {
      this.close()
      const failure = toFailure(error)
      for (const { reject } of this.#pending.splice(0)) reject(failure)
    }
    this.#usedAt = performance.now()
    this.#isReading = false
    if (!this.isOver) this.#connection.rest()
  }

  #settle(line: string): void {
    const pending = this.#pending.shift()
    try {
      pending?.resolve(decodeAnswer(line))
    } catch (error) {
      pending?.reject(error)
    }
  }
}

export class Session {
  readonly #client: ControlClient
  /** Each ends a watch. */
  readonly #watches = new Set<(reason: Failure) => void>()
  readonly #dir: string
  #line: Line | undefined
  #opening: Promise<Line> | undefined
  #isClosed = false

  constructor(dir: string) {
    this.#dir = dir
    this.#client = new ControlClient(dir)
  }

  /**
   * The answer's data. Rejects with the agent's Failure; with `timeout`; with `not_running` if no
   * agent runs, or if it ends meanwhile. In the last case the request may have been carried out.
   */
  async ask(request: OneAnswer): Promise<Fields> {
    const line = await this.#fitLine()
    return line.ask(request)
  }

  /** All entries, in batches. */
  rows(request: RowsRequest): AsyncGenerator<readonly Entry[], Fields> {
    return this.#client.rows(request)
  }

  /**
   * Resolves when the watch has begun, over a connection of its own. It then calls `onChange` for
   * each change until the function it resolves to is called. If the agent ends, or the session is
   * closed, it calls `onEnd`.
   */
  async watch(
    request: WatchRequest,
    onChange: (change: Fields) => void,
    onEnd: (reason: Failure) => void = () => undefined,
  ): Promise<() => void> {
    const over = new AbortController()
    const end = (): void => {
      this.#watches.delete(close)
      over.abort()
    }
    const close = (reason: Failure): void => {
      end()
      onEnd(reason)
    }
    if (this.#isClosed) throw this.#closed()
    this.#watches.add(close)
    await new Promise<void>((resolve, reject) => {
      const { signal } = over
      this.#client.watch(request, onChange, { onReady: resolve, signal }).catch((error) => {
        const failure = toFailure(error)
        if (this.#watches.has(close)) close(failure)
        reject(failure) // no effect once the watch has begun
      })
    })
    return end
  }

  /** Requests in flight reject, and watches end. May be called twice. */
  close(): void {
    this.#isClosed = true
    this.#line?.close()
    for (const end of [...this.#watches]) end(this.#closed())
  }

  #closed(): Failure {
    return new Failure('closed', `the map of the agent on "${this.#dir}" was closed`, {
      hint: 'connect again',
    })
  }

  #fitLine(): Promise<Line> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    if (this.#line?.isFit) return Promise.resolve(this.#line)
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #open(): Promise<Line> {
    this.#line?.close()
    const line = new Line(await this.#client.open(), this.#dir)
    if (this.#isClosed) line.close()
    this.#line = line
    return line
  }
}
