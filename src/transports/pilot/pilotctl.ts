/**
 * Runs the `pilotctl` program. Each call is bounded in time and output and always settles (see
 * `process.ts`); at most 16 run at once.
 *
 * ```ts
 * const pilotctl = new Pilotctl({ program: 'pilotctl' })
 * const data = await pilotctl.ask(commands.info(), { timeoutMs: 3000 })
 * await pilotctl.close()
 * ```
 */
import { Failure } from '../../errors.ts'
import { type Output, readAnswer } from './answers.ts'
import type { Arguments } from './commands.ts'
import { Launcher } from './launcher.ts'
import { MAX_ANSWER_BYTES, type Running, runProcess } from './process.ts'

/**
 * Processes at once. Only a safety limit: callers bound themselves, and two cores are slower with
 * 16 than with 8. Each takes about 15 MB while it runs.
 */
const MAX_PROCESSES = 16

/** Milliseconds that a call waits for a free slot before it fails; no process was started then. */
const QUEUE_WAIT_MS = 10_000

export interface PilotctlOptions {
  /** path or name of the program; default `pilotctl`, looked up in PATH */
  readonly program?: string | undefined
  /** added to this process's environment: HOME, PILOT_SOCKET, PILOT_REGISTRY */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** milliseconds that a call waits for one of the 16 slots; default 10,000 */
  readonly queueMs?: number
  /** will there be many calls? Then a helper process makes them, so that they do not block this event loop; default false */
  readonly isBusy?: boolean
}

export interface CallOptions {
  /** the process is killed after this time */
  readonly timeoutMs: number
  /** what the program reads from its standard input; by default nothing */
  readonly input?: string | undefined
}

/** A call that waits for a free slot. */
interface Waiting {
  readonly start: () => void
  readonly refuse: (failure: Failure) => void
}

export class Pilotctl {
  readonly program: string
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #queueMs: number
  readonly #launcher: Launcher | undefined
  readonly #running = new Set<Running>()
  readonly #waiting = new Set<Waiting>()
  #places = MAX_PROCESSES
  #closed = false

  constructor(options: PilotctlOptions = {}) {
    const { program = 'pilotctl', env = {}, queueMs = QUEUE_WAIT_MS, isBusy = false } = options
    this.program = program
    this.#launcher = isBusy ? new Launcher() : undefined
    this.#env = env
    this.#queueMs = queueMs
  }

  /** The `data` of the answer to one command. Rejects with a Failure, after `timeoutMs` plus 11 s at the latest. */
  async ask(args: Arguments, options: CallOptions): Promise<Readonly<Record<string, unknown>>> {
    return readAnswer(await this.run(args, options))
  }

  /** The output of one command, whatever its exit code. Rejects with a Failure if it did not run to its end. */
  async run(args: Arguments, options: CallOptions): Promise<Output> {
    if (this.#places > 0) this.#places--
    else await this.#wait()
    try {
      if (this.#closed) throw closed()
      return await this.#spawn(args, options)
    } finally {
      // The slot goes directly to the next in line, so that no later call takes it first.
      const [next] = this.#waiting
      if (next) next.start()
      else this.#places++
    }
  }

  /** Kills running calls; resolves when all their processes have ended. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true
    for (const waiting of this.#waiting) waiting.refuse(closed())
    const running = [...this.#running]
    for (const { stop } of running) stop()
    await Promise.all(running.map(({ ended }) => ended))
    await this.#launcher?.close()
  }

  /** Resolves when a slot is taken, in order of arrival. */
  #wait(): Promise<void> {
    if (this.#closed) return Promise.reject(closed())
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(waiting)
      }
      const waiting: Waiting = {
        start: () => {
          settle()
          resolve()
        },
        refuse: (failure) => {
          settle()
          reject(failure)
        },
      }
      const onLate = (): void =>
        waiting.refuse(
          new Failure(
            'connection_failed',
            `${MAX_PROCESSES} calls of pilotctl ran for ${this.#queueMs} ms without an end`,
            {
              hint: 'start fewer sends at once: 8 are as fast. This one was not sent',
              isLocal: true,
            },
          ),
        )
      const timer = setTimeout(onLate, this.#queueMs)
      this.#waiting.add(waiting)
    })
  }

  async #spawn(args: Arguments, { timeoutMs, input }: CallOptions): Promise<Output> {
    const { program } = this
    const job = { program, args, env: this.#env, timeoutMs, input }
    const running = this.#launcher?.run(job) ?? runProcess(job)
    this.#running.add(running)
    const ended = await running.ended
    this.#running.delete(running)
    switch (ended.kind) {
      case 'done':
        return ended
      case 'stopped':
        throw closed()
      case 'late':
        throw late(timeoutMs)
      case 'too long':
        throw tooLong()
      case 'not run':
        throw this.#notRun(ended.code, ended.signal, ended.message)
    }
  }

  #notRun(
    code: string | undefined,
    signal: string | undefined,
    message: string | undefined,
  ): Failure {
    const program = this.program
    if (code === 'ENOENT')
      return new Failure('not_found', `pilotctl was not found at "${program}"`, {
        hint: 'install it (pip install pilotprotocol) or give the path of the program',
        isLocal: true,
      })
    if (code === 'EACCES' || code === 'EPERM')
      return new Failure('permission_denied', `"${program}" cannot be executed`, {
        hint: `make it executable: chmod +x ${program}`,
        isLocal: true,
      })
    if (code === 'E2BIG')
      return new Failure('too_large', 'the message is longer than one argument can be', {
        hint: 'send at most maxMessageBytes, and less if the environment is very large',
      })
    if (signal !== undefined)
      return new Failure('internal', `pilotctl was ended by ${signal}`, {
        hint: 'look at the system log: the system may have run out of memory',
        isLocal: true,
      })
    return new Failure(
      'internal',
      `pilotctl did not run: ${code ?? message ?? 'no reason given'}`,
      {
        hint: `run it by hand: ${program} --json info`,
        isLocal: true,
      },
    )
  }
}

const closed = (): Failure =>
  new Failure('closed', 'the transport is closed', { hint: 'open it again', isLocal: true })

const late = (timeoutMs: number): Failure =>
  new Failure('timeout', `pilotctl gave no answer within ${Math.ceil(timeoutMs)} ms`, {
    hint: 'send the message again: a second copy does no harm',
  })

const tooLong = (): Failure =>
  new Failure('internal', `pilotctl answered with more than ${MAX_ANSWER_BYTES} characters`, {
    hint: 'trust fewer peers on that node: its answers are shorter then',
  })
