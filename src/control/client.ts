/**
 * Talks to the agent that runs on a data folder. It loads neither Yjs nor the agent, so that a
 * `get` is quick.
 *
 * ```ts
 * const client = new ControlClient('/var/lib/kv')
 * await client.ask({ command: 'get', key: 'k' }) // { map: 'state', key: 'k', value: 1 }
 * ```
 */
import type { Socket } from 'node:net'
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
import { type Fields, isFields } from './protocol.ts'

export { shellQuote } from './connection.ts'

export type WatchRequest = RequestOf<'watch'>
export type ExportRequest = RequestOf<'export'>

/** A request whose answer is streamed in rows: pairs of key and value, or keys. */
export type RowsRequest = ExportRequest | (RequestOf<'list' | 'keys'> & { readonly rows: true })

export interface WatchOptions {
  /** Called once: every change from now on will be reported. */
  readonly onReady?: () => void
  readonly signal?: AbortSignal
}

/** Error codes that mean that no agent listens: no socket, one that a dead agent left, or one that is closing. */
const NOT_LISTENING: ReadonlySet<string> = new Set([
  'ENOENT',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTSOCK',
])

/** Rejects with the system's error, or with `late` after `TIMEOUT_MS`. */
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

  /** A connection for many requests; the caller closes it. Rejects with `not_running` if no agent runs. */
  async open(): Promise<Connection> {
    return new Connection(await this.#connect(), this.#dir)
  }

  /**
   * The answer's data. Rejects with the agent's Failure, with `not_running` if no agent runs, and
   * with `timeout` if it hangs.
   */
  async ask(request: OneAnswer): Promise<Fields> {
    const connection = await this.open()
    try {
      return await connection.ask(request)
    } finally {
      connection.close()
    }
  }

  /** Calls `onChange` for each change until `signal` ends it; rejects as soon as the agent is gone. */
  async watch(
    request: WatchRequest,
    onChange: (change: Fields) => void,
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
        onChange(change)
      }
    } finally {
      signal?.removeEventListener('abort', abort)
      connection.close()
    }
  }

  /**
   * All entries in batches (of `keys`: the keys), sorted by key, and at last the agent's closing line. It reads only as
   * fast as the caller does. Rejects if the agent ends before that.
   */
  async *rows<Row = Entry>(request: RowsRequest): AsyncGenerator<readonly Row[], Fields> {
    const connection = await this.open()
    try {
      connection.send(request)
      for (let count = 0; ; ) {
        const answer = await connection.receive()
        if (answer === undefined) throw hasStopped(this.#dir)
        const { rows } = answer
        if (Array.isArray(rows)) {
          count += rows.length
          yield rows as Row[]
        } else if (answer.count === count) {
          return answer
        } else if (Array.isArray(answer.keys) || isFields(answer.entries)) {
          // An agent of an earlier version does not stream these.
          const whole = (answer.keys ?? Object.entries(answer.entries as Fields)) as Row[]
          if (whole.length > 0) yield whole
          return answer
        } else {
          throw new Failure('internal', `received ${count} of ${answer.count} entries`)
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
    // Loaded only here: it takes as long as all else of a command that asks no agent.
    const { connect } = await import('node:net')
    for (const path of paths) {
      const socket = connect(path)
      try {
        await connected(socket, () => isLate(this.#dir))
        return socket
      } catch (error) {
        socket.destroy()
        const failure = this.#connectFailure(error)
        // A dead agent left this socket; a living one may listen at the next.
        if (failure.code !== 'not_running') throw failure
      }
    }
    throw this.#notRunning()
  }

  #connectFailure(error: unknown): Failure {
    if (error instanceof Failure) return error
    const { code } = error as NodeJS.ErrnoException
    if (code !== undefined && NOT_LISTENING.has(code)) return this.#notRunning()
    if (code === 'EACCES' || code === 'EPERM') {
      return new Failure(
        'permission_denied',
        `the agent on "${this.#dir}" belongs to another user`,
        {
          hint: 'run the command as that user',
          cause: error,
        },
      )
    }
    return toFailure(error)
  }

  #notRunning(): Failure {
    return new Failure('not_running', `no agent runs on "${this.#dir}"`, {
      hint: `start one with: pilot-gossip run --swarm NAME --data ${shellQuote(this.#dir)} --detach`,
    })
  }
}
