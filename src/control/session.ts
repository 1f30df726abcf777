/**
 * Many requests to one agent over one connection, also at the same time: they are sent at once,
 * and answered in their order. The connection is made when it is needed, and again when the agent
 * has let it go.
 *
 * ```ts
 * const session = new Session('/var/lib/kv')
 * await Promise.all([session.ask({ command: 'set', key: 'a', value: 1 }), session.ask({ command: 'get', key: 'b' })])
 * session.close()
 * ```
 */
import { Failure, toFailure } from '../errors.ts'
import { ControlClient, type ExportRequest, type WatchRequest } from './client.ts'
import { type Connection, hasStopped, type OneAnswer } from './connection.ts'
import type { Entry } from './entry.ts'
import { decodeAnswer, type Fields } from './protocol.ts'

/** Milliseconds after which a connection is not used again: an agent lets go who is silent for 30,000. */
const MAX_IDLE_MS = 20_000

interface Pending {
  readonly resolve: (answer: Fields) => void
  readonly reject: (failure: unknown) => void
}

/** A connection, and those who wait for its answers. */
class Line {
  readonly #connection: Connection
  readonly #dir: string
  readonly #pending: Pending[] = []
  #usedAt = performance.now()
  #isReading = false
  /** Has it ended? */
  isOver = false

  constructor(connection: Connection, dir: string) {
    this.#connection = connection
    this.#dir = dir
  }

  /** May it be used for one more request? */
  get isFit(): boolean {
    const isBusy = this.#pending.length > 0
    return (
      !this.isOver &&
      !this.#connection.isClosed &&
      (isBusy || performance.now() - this.#usedAt < MAX_IDLE_MS)
    )
  }

  ask(request: OneAnswer): Promise<Fields> {
    return new Promise((resolve, reject) => {
      this.#connection.send(request) // throws for one that is too long, which is not waited for
      this.#pending.push({ resolve, reject })
      if (!this.#isReading) void this.#read()
    })
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
  /** Ends of what is watched. */
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
   * The answer's data. Rejects with the Failure that the agent tells; with `not_running` where none
   * runs, or it ends meanwhile (whether it did what was asked is not known then); with `timeout`.
   */
  async ask(request: OneAnswer): Promise<Fields> {
    const line = await this.#fitLine()
    return line.ask(request)
  }

  /** All entries, some at a time. */
  rows(request: ExportRequest): AsyncGenerator<readonly Entry[], Fields> {
    return this.#client.rows(request)
  }

  /**
   * Calls `tell` for each change from when it has resolved, over a connection of its own, until the
   * function it resolves to is called. Else it ends with `onEnd`: the agent has ended, or this was closed.
   */
  async watch(
    request: WatchRequest,
    tell: (change: Fields) => void,
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
      this.#client.watch(request, tell, { onReady: resolve, signal }).catch((error) => {
        const failure = toFailure(error)
        if (this.#watches.has(close)) close(failure)
        reject(failure) // changes nothing once it has begun
      })
    })
    return end
  }

  /** What is under way rejects, and what is watched ends. May be called twice. */
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
