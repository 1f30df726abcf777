/**
 * Talks to the agent that runs on a data folder. Light: it loads neither Yjs nor the agent,
 * so that a `get` is over soon.
 *
 * ```ts
 * const client = new ControlClient('/var/lib/kv')
 * await client.ask({ command: 'get', key: 'k' }) // { map: 'state', key: 'k', value: 1 }
 * ```
 */
import { connect, type Socket } from 'node:net'
import { Failure, isFailure, toFailure } from '../errors.ts'
import type { RequestOf } from './commands.ts'
import {
  Connection,
  hasStopped,
  isLate,
  type OneAnswer,
  shellQuote,
  TIMEOUT_MS,
} from './connection.ts'
import type { Entry } from './entry.ts'
import { socketPaths } from './folder.ts'
import type { Fields } from './protocol.ts'

export { shellQuote } from './connection.ts'

export type WatchRequest = RequestOf<'watch'>
export type ExportRequest = RequestOf<'export'>

export interface WatchOptions {
  /** Told once, when changes from now on will be told. */
  readonly onReady?: () => void
  readonly signal?: AbortSignal
}

/** How it shows that nobody listens: no socket, one that a dead agent left, or one that ends just then. */
const NOBODY: ReadonlySet<string> = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'ENOTSOCK'])

/** Rejects with the system's error, or with `late` after a while. */
const connected = async (socket: Socket, late: () => Failure): Promise<void> => {
  let fail: (error: unknown) => void = () => undefined
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      fail = reject
      timer = setTimeout(() => reject(late()), TIMEOUT_MS)
      socket.once('connect', resolve)
      socket.once('error', fail)
    })
  } finally {
    clearTimeout(timer)
    socket.off('error', fail)
  }
}

export class ControlClient {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  /** A connection for many requests; whoever opens it closes it. Rejects with `not_running` where no agent runs. */
  async open(): Promise<Connection> {
    return new Connection(await this.#connect(), this.#dir)
  }

  /**
   * The answer's data. Rejects with the Failure that the agent tells, with `not_running`
   * where none runs, and with `timeout` where one hangs.
   */
  async ask(request: OneAnswer): Promise<Fields> {
    const connection = await this.open()
    try {
      return await connection.ask(request)
    } finally {
      connection.close()
    }
  }

  /** Calls `tell` for each change until `signal` ends it; rejects as soon as the agent is gone. */
  async watch(
    request: WatchRequest,
    tell: (change: Fields) => void,
    { onReady, signal }: WatchOptions = {},
  ): Promise<void> {
    const connection = await this.open()
    const abort = (): void => connection.close()
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    try {
      connection.send(request)
      if (await connection.receive()) onReady?.()
      for (;;) {
        const change = await connection.receive(Number.POSITIVE_INFINITY) // they may be hours apart
        if (signal?.aborted) return
        if (change === undefined) throw hasStopped(this.#dir)
        tell(change)
      }
    } finally {
      signal?.removeEventListener('abort', abort)
      connection.close()
    }
  }

  /**
   * All entries, some at a time, sorted by key, and at last what the agent says of the end. It
   * waits for whoever takes them; rejects when it is gone before the end.
   */
  async *rows(request: ExportRequest): AsyncGenerator<readonly Entry[], Fields> {
    const connection = await this.open()
    try {
      connection.send(request)
      for (let count = 0; ; ) {
        const answer = await connection.receive()
        if (answer === undefined) throw hasStopped(this.#dir)
        const { rows } = answer
        if (Array.isArray(rows)) {
          count += rows.length
          yield rows as Entry[]
        } else if (answer.count === count) {
          return answer
        } else {
          throw new Failure('internal', `of ${answer.count} entries ${count} have come`)
        }
      }
    } finally {
      connection.close()
    }
  }

  /** Does an agent run here? */
  async isRunning(): Promise<boolean> {
    try {
      const socket = await this.#connect()
      socket.destroy()
      return true
    } catch (error) {
      if (isFailure(error, 'not_running')) return false
      throw error
    }
  }

  async #connect(): Promise<Socket> {
    let paths: string[]
    try {
      paths = await socketPaths(this.#dir)
    } catch (error) {
      throw isFailure(error, 'not_found') ? this.#notRunning() : error
    }
    for (const path of paths) {
      const socket = connect(path)
      try {
        await connected(socket, () => isLate(this.#dir))
        return socket
      } catch (error) {
        socket.destroy()
        const failure = this.#connectFailure(error)
        // What a dead agent left; a living one may listen at the next.
        if (failure.code !== 'not_running') throw failure
      }
    }
    throw this.#notRunning()
  }

  #connectFailure(error: unknown): Failure {
    if (error instanceof Failure) return error
    const { code } = error as NodeJS.ErrnoException
    if (code !== undefined && NOBODY.has(code)) return this.#notRunning()
    if (code === 'EACCES' || code === 'EPERM') {
      return new Failure('permission_denied', `the agent on "${this.#dir}" is another user's`, {
        hint: 'run the command as that user',
        cause: error,
      })
    }
    return toFailure(error)
  }

  #notRunning(): Failure {
    return new Failure('not_running', `no agent runs on "${this.#dir}"`, {
      hint: `start one with: pilot-gossip run --swarm NAME --data ${shellQuote(this.#dir)} --detach`,
    })
  }
}
