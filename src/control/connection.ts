/**
 * A connection to a running agent that stays open. The caller sends requests and receives answers
 * one by one. It reads only while the caller waits, so an agent that streams waits for its reader.
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

/** Milliseconds for the first byte, and between two. An agent answers in one or two; a busy one takes half a second to merge 10 MB. */
export const TIMEOUT_MS = 10_000

/** Requests with exactly one answer. */
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

/** Error codes that mean that the agent is gone: killed, or ended during a send. The `close` that follows reports it. */
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
  /** Wakes the caller that waits for more. */
  #wake: (() => void) | undefined

  /** `socket` is connected to the agent on `dir`, which only failures quote. */
  constructor(socket: Socket, dir: string) {
    this.#socket = socket
    this.#dir = dir
    socket.on('data', (chunk) => this.#push(chunk))
    socket.on('error', (error) => {
      if (!GONE.has((error as NodeJS.ErrnoException).code)) this.#failure ??= toFailure(error)
    })
    // An agent that has closed its side is about to end.
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

  /** The same for a line on a channel. */
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
   * Rejects with the agent's Failure (more answers may follow it), and with `timeout` if nothing
   * comes for `timeoutMs`.
   */
  async receive(timeoutMs = TIMEOUT_MS): Promise<Fields | undefined> {
    const line = await this.receiveLine(timeoutMs)
    return line === undefined ? undefined : decodeAnswer(line)
  }

  /** The same, not decoded: it rejects only if the connection fails. */
  async receiveLine(timeoutMs = TIMEOUT_MS): Promise<string | undefined> {
    for (;;) {
      const line = this.#lines.shift()
      if (line !== undefined) return line
      if (this.#failure !== undefined) throw this.#failure
      if (this.#isClosed) return undefined
      await this.#more(timeoutMs)
    }
  }

  /** One request and its answer; `not_running` if the agent ends meanwhile. */
  async ask(request: OneAnswer, timeoutMs = TIMEOUT_MS): Promise<Fields> {
    this.send(request)
    const answer = await this.receive(timeoutMs)
    if (answer === undefined) throw hasStopped(this.#dir)
    return answer
  }

  /** Has it ended? Noticed only while the caller waits for answers, and after `rest`. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Reads while no answer is due, only to notice that the agent closes the connection. */
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

  /** Resolves when something has come, or nothing more will. */
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
