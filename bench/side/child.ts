/**
 * A server or a client of the bench as a child process. It ends with this process at the latest.
 *
 * ```ts
 * const { child } = await Child.start('redis', ['redis-server'], /Ready/, { signal })
 * await child.end('SIGKILL')
 * ```
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Failure } from '../../src/errors.ts'

/** Milliseconds until a child is ready: a second, but much longer on a loaded machine. */
const START_MS = 60_000

/** Milliseconds until a child ends after SIGTERM. */
const STOP_MS = 10_000

/** Characters of a child's output that a failure quotes. */
const MAX_OUTPUT = 2_000

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Between this process and a child of ours. */
interface Message {
  readonly type: string
  readonly [field: string]: unknown
}

export interface ChildOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Kills it. */
  readonly signal: AbortSignal
}

export class Child {
  readonly process: ChildProcess
  /** Messages that were not awaited yet, and what waits for one, by type. */
  readonly #messages: Message[] = []
  readonly #waiting = new Map<string, (message: never) => void>()
  readonly #name: string
  readonly #ended: Promise<unknown>
  #output = ''

  private constructor(name: string, [program = '', ...args]: readonly string[], own: ChildOptions) {
    this.#name = name
    this.process = spawn(program, args, {
      ...(own.cwd !== undefined && { cwd: own.cwd }),
      env: { ...process.env, ...own.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    running.add(this.process)
    this.process.on('message', (message) => this.#take(message as Message))
    const kill = (): void => void this.process.kill('SIGKILL')
    own.signal.addEventListener('abort', kill, { once: true })
    this.#ended = once(this.process, 'exit')
      .catch(() => undefined) // it did not start
      .finally(() => {
        running.delete(this.process)
        own.signal.removeEventListener('abort', kill)
      })
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = `${this.#output}${text}`.slice(-MAX_OUTPUT)
      })
    }
  }

  /**
   * Resolves when its output matches `ready`, with the first group of the match. Rejects with a
   * Failure (not_running) that quotes its output if it ends before.
   */
  static async start(
    name: string,
    command: readonly string[],
    ready: RegExp,
    options: ChildOptions,
  ): Promise<{ readonly child: Child; readonly match: string }> {
    options.signal.throwIfAborted()
    const child = new Child(name, command, options)
    try {
      return { child, match: await child.#ready(ready) }
    } catch (error) {
      child.process.kill('SIGKILL')
      throw error
    }
  }

  get pid(): number {
    return this.process.pid ?? 0
  }

  send(message: Message): void {
    this.check()
    this.process.send(message)
  }

  /**
   * Resolves with its next message of that type, or with one that came before and was not awaited.
   * Rejects with a Failure (not_running) if it ends.
   */
  answer<T>(type: string): Promise<T> {
    const at = this.#messages.findIndex((one) => one.type === type)
    const [found] = at < 0 ? [] : this.#messages.splice(at, 1)
    if (found) return Promise.resolve(found as T)
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(type, resolve)
      void this.#ended.then(() => reject(this.#failureOf('has ended')))
    })
  }

  /** Throws a Failure (not_running) if it has ended. */
  check(): void {
    if (!running.has(this.process)) throw this.#failureOf('has ended')
  }

  /** Resolves when it has ended. After SIGTERM, and some seconds, it is killed. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.process.kill(signal)
    const timer = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS)
    await this.#ended
    clearTimeout(timer)
  }

  #take(message: Message): void {
    const waiting = this.#waiting.get(message.type)
    this.#waiting.delete(message.type)
    if (waiting) waiting(message as never)
    else this.#messages.push(message)
  }

  #ready(pattern: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#failureOf('is not ready')), START_MS)
      const look = (): void => {
        const match = pattern.exec(this.#output)
        if (match) settle(() => resolve(match[1] ?? match[0]))
      }
      const settle = (run: () => void): void => {
        clearTimeout(timer)
        this.process.stdout?.off('data', look)
        this.process.stderr?.off('data', look)
        run()
      }
      this.process.stdout?.on('data', look)
      this.process.stderr?.on('data', look)
      this.process.once('error', (error) => settle(() => reject(error)))
      void this.#ended.then(() => settle(() => reject(this.#failureOf('did not start'))))
    })
  }

  #failureOf(what: string): Failure {
    return new Failure('not_running', `${this.#name} ${what}`, {
      hint: `see its output: ${this.#output.trim() || 'none'}`,
    })
  }
}
