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
import { socketPath } from './folder.ts'
import { Lines } from './lines.ts'
import {
  decodeAnswer,
  encodeRequest,
  type Fields,
  MAX_ANSWER_BYTES,
  MAX_REQUEST_BYTES,
  type Request,
} from './protocol.ts'

/** Milliseconds for the first byte and from each to the next. An agent answers in one or two; a busy one merges 10 MB in half a second. */
const TIMEOUT_MS = 10_000

export type WatchRequest = Extract<Request, { command: 'watch' }>

export interface WatchOptions {
  /** Told once, when changes from now on will be told. */
  readonly onReady?: () => void
  readonly signal?: AbortSignal
}

export class ControlClient {
  readonly #dir: string

  constructor(dir: string) {
    this.#dir = dir
  }

  /**
   * The answer's data. Rejects with the Failure that the agent tells, with `not_running`
   * where none runs, and with `timeout` where one hangs.
   */
  async ask(request: Exclude<Request, WatchRequest>): Promise<Fields> {
    let answer: Fields | undefined
    await this.#talk(request, (data) => {
      answer = data
      return 'enough'
    })
    if (answer === undefined) throw this.#stopped()
    return answer
  }

  /** Calls `tell` for each change until `signal` ends it; rejects as soon as the agent is gone. */
  async watch(
    request: WatchRequest,
    tell: (change: Fields) => void,
    { onReady, signal }: WatchOptions = {},
  ): Promise<void> {
    let isReady = false
    await this.#talk(
      request,
      (data, socket) => {
        if (isReady) tell(data)
        else {
          isReady = true
          socket.setTimeout(0) // changes may be hours apart
          onReady?.()
        }
        return 'more'
      },
      signal,
    )
    if (!signal?.aborted) throw this.#stopped()
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

  /** Resolves when `take` has enough, the signal says so, or the agent closes the connection. */
  async #talk(
    request: Request,
    take: (data: Fields, socket: Socket) => 'enough' | 'more',
    signal?: AbortSignal,
  ): Promise<void> {
    const line = encodeRequest(request)
    if (Buffer.byteLength(line) > MAX_REQUEST_BYTES) {
      throw new Failure(
        'invalid_argument',
        `key and value take ${Buffer.byteLength(line)} bytes: that is too much for one entry`,
        { hint: 'split the value over several keys' },
      )
    }
    const socket = await this.#connect()
    const lines = new Lines(MAX_ANSWER_BYTES)
    const abort = (): void => void socket.destroy()
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    try {
      await new Promise<void>((resolve, reject) => {
        socket.on('data', (chunk) => {
          try {
            lines.push(chunk)
            for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
              if (take(decodeAnswer(line), socket) === 'enough') return resolve()
            }
          } catch (error) {
            reject(error)
          }
        })
        socket.on('close', () => resolve())
        // An agent that is killed resets the connection; the close that follows tells it.
        socket.on('error', (error) => (isReset(error) ? undefined : reject(toFailure(error))))
        socket.setTimeout(TIMEOUT_MS, () => reject(this.#late()))
        socket.write(line)
      })
    } finally {
      signal?.removeEventListener('abort', abort)
      socket.destroy()
    }
  }

  async #connect(): Promise<Socket> {
    let path: string
    try {
      path = await socketPath(this.#dir)
    } catch (error) {
      throw isFailure(error, 'not_found') ? this.#notRunning() : error
    }
    const socket = connect(path)
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve)
        socket.once('error', reject)
        socket.setTimeout(TIMEOUT_MS, () => reject(this.#late()))
      })
      return socket
    } catch (error) {
      socket.destroy()
      throw this.#connectFailure(error)
    }
  }

  #connectFailure(error: unknown): Failure {
    if (error instanceof Failure) return error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTSOCK') {
      return this.#notRunning()
    }
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
      hint: `start one with: pilot-gossip run --swarm NAME --data ${shellQuote(this.#dir)}`,
    })
  }

  #stopped(): Failure {
    return new Failure('not_running', `the agent on "${this.#dir}" has stopped`, {
      hint: `start it again with: pilot-gossip run --swarm NAME --data ${shellQuote(this.#dir)}`,
    })
  }

  #late(): Failure {
    return new Failure('timeout', `the agent on "${this.#dir}" gave no answer in time`, {
      hint: 'it is busy or hangs: see what it prints, and start it again',
    })
  }
}

const isReset = (error: unknown): boolean => {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ECONNRESET' || code === 'EPIPE'
}

/** The text as one word of a POSIX shell. */
export const shellQuote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
