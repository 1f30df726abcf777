/**
 * One kept-open connection to a running agent: requests go out, answers are drawn one by one.
 * While nobody draws, no more is read, so an agent that streams waits for its reader.
 *
 * ```ts
 * const connection = await new ControlClient(dir).open()
 * await connection.ask({ command: 'increment', key: 'n' }) // { map: 'state', key: 'n', value: 1 }
 * connection.close()
 * ```
 */
import type { Socket } from 'node:net'
import { Failure, toFailure } from '../errors.ts'
import type { Command, Request, RequestOf } from './commands.ts'
import { Lines } from './lines.ts'
import {
  decodeAnswer,
  encodeLine,
  type Fields,
  MAX_ANSWER_BYTES,
  MAX_REQUEST_BYTES,
} from './protocol.ts'

/** Milliseconds for the first byte and from each to the next. An agent answers in one or two; a busy one merges 10 MB in half a second. */
export const TIMEOUT_MS = 10_000

/** Requests that one answer is all there is to. */
export type OneAnswer = RequestOf<Exclude<Command, 'watch' | 'export' | 'join'>>

/** The text as one word of a POSIX shell. */
export const shellQuote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

export const hasStopped = (dir: string): Failure =>
  new Failure('not_running', `the agent on "${dir}" has stopped`, {
    hint: `start it again with: pilot-gossip run --swarm NAME --data ${shellQuote(dir)} --detach`,
  })

export const isLate = (dir: string): Failure =>
  new Failure('timeout', `the agent on "${dir}" did not answer in time`, {
    hint: 'it is busy or hangs: check what it prints, and start it again',
  })

/** How it shows that the agent is gone: killed, or while something was being sent. The close that follows tells it. */
const GONE: ReadonlySet<string | undefined> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
])

export class Connection {
  readonly #socket: Socket
  readonly #dir: string
  readonly #lines = new Lines(MAX_ANSWER_BYTES)
  #isClosed = false
  #failure: unknown
  /** Calls back who waits for more. */
  #wake: (() => void) | undefined

  /** Takes a socket that is connected to the agent on `dir`, whose name is for failures alone. */
  constructor(socket: Socket, dir: string) {
    this.#socket = socket
    this.#dir = dir
    socket.on('data', (chunk) => this.#push(chunk))
    socket.on('error', (error) => {
      if (!GONE.has((error as NodeJS.ErrnoException).code)) this.#failure ??= toFailure(error)
    })
    // An agent that says no more is about to go.
    for (const event of ['end', 'close'] as const) {
      socket.on(event, () => {
        this.#isClosed = true
        this.#wake?.()
      })
    }
    socket.pause()
  }

  /** Throws a Failure (invalid_argument) for a request that is too long. */
  send(request: Request): void {
    this.sendLine(request)
  }

  /** The same for what is said on a channel. */
  sendLine(data: object): void {
    const line = encodeLine(data)
    if (Buffer.byteLength(line) > MAX_REQUEST_BYTES) {
      throw new Failure(
        'invalid_argument',
        `key and value take ${Buffer.byteLength(line)} bytes, too much for one entry`,
        { hint: 'split the value over several keys' },
      )
    }
    if (!this.#isClosed) this.#socket.write(line)
  }

  /**
   * The next answer's data; undefined when the connection is closed, by `close` or by the agent.
   * Rejects with the Failure that the agent tells (others may follow it), and with `timeout`
   * where nothing comes for `timeoutMs`.
   */
  async receive(timeoutMs = TIMEOUT_MS): Promise<Fields | undefined> {
    const line = await this.receiveLine(timeoutMs)
    return line === undefined ? undefined : decodeAnswer(line)
  }

  /** The same, not looked at yet: what it rejects with is trouble of the connection. */
  async receiveLine(timeoutMs = TIMEOUT_MS): Promise<string | undefined> {
    for (;;) {
      const line = this.#lines.shift()
      if (line !== undefined) return line
      if (this.#failure !== undefined) throw this.#failure
      if (this.#isClosed) return undefined
      await this.#more(timeoutMs)
    }
  }

  /** One request and its answer; `not_running` where the agent goes meanwhile. */
  async ask(request: OneAnswer, timeoutMs = TIMEOUT_MS): Promise<Fields> {
    this.send(request)
    const answer = await this.receive(timeoutMs)
    if (answer === undefined) throw hasStopped(this.#dir)
    return answer
  }

  /** Has it ended? Seen while answers are waited for, and after `rest`. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Nothing is asked for a while: reads on, only to see that the agent lets go. */
  rest(): void {
    if (!this.#isClosed) this.#socket.resume()
  }

  close(): void {
    this.#socket.destroy()
  }

  #push(chunk: Buffer): void {
    try {
      this.#lines.push(chunk)
    } catch (error) {
      this.#failure ??= error
      this.#socket.destroy()
    }
    this.#socket.pause()
    this.#wake?.()
  }

  /** Resolves when something has come, or nothing will. */
  async #more(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise<void>((resolve, reject) => {
        this.#wake = resolve
        if (timeoutMs < Number.POSITIVE_INFINITY) {
          timer = setTimeout(() => reject(isLate(this.#dir)), timeoutMs)
        }
        this.#socket.resume()
      })
    } finally {
      clearTimeout(timer)
      this.#wake = undefined
    }
  }
}
