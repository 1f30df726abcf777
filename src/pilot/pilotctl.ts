/**
 * Runs the `pilotctl` program: the only module that starts a process. Every call is bounded
 * in time and output and settles by itself, whatever the program does: it may hang, print
 * nonsense, ignore its input, or leave a child behind that holds its streams open.
 *
 * ```ts
 * const pilotctl = new Pilotctl({ program: 'pilotctl' })
 * const data = await pilotctl.ask(commands.info(), { timeoutMs: 3000 })
 * await pilotctl.close()
 * ```
 */
import { execa } from 'execa'
import { Failure } from '../errors.ts'
import { type Output, readAnswer } from './answers.ts'
import type { Arguments } from './commands.ts'

/**
 * Processes at once, for safety only: callers bound themselves, and two cores are slower
 * with 16 than with 8. Each costs about 15 MB while it runs.
 */
const MAX_PROCESSES = 16

/**
 * Characters of one answer. `trust` takes 150 for each node; more than 50,000 of them are
 * not expected. The process is killed beyond it.
 */
const MAX_ANSWER = 8 * 1024 * 1024

/**
 * Milliseconds that a killed process has to be gone and to let go of its streams. After it
 * the call settles without: a wrapper script that was killed leaves its child running.
 */
const KILL_GRACE = 1000

/** Milliseconds a call waits for a free place before it is given up; nothing was started then. */
const QUEUE_WAIT = 10_000

export interface PilotctlOptions {
  /** the program's path or name; default `pilotctl`, looked up in PATH */
  readonly program?: string | undefined
  /** added to this process's environment: HOME, PILOT_SOCKET, PILOT_REGISTRY */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /** milliseconds a call waits for one of the 16 places; default 10,000 */
  readonly queueMs?: number
}

export interface CallOptions {
  /** after this the process is killed */
  readonly timeoutMs: number
  /** what the program reads from its standard input; else it has none */
  readonly input?: string | undefined
}

/** One call that waits for a free place. */
interface Waiting {
  readonly start: () => void
  readonly refuse: (failure: Failure) => void
}

interface Running {
  readonly stop: () => void
  readonly done: Promise<unknown>
}

export class Pilotctl {
  readonly program: string
  readonly #env: Readonly<Record<string, string | undefined>>
  readonly #queueMs: number
  readonly #running = new Set<Running>()
  readonly #waiting = new Set<Waiting>()
  #places = MAX_PROCESSES
  #closed = false

  constructor({ program = 'pilotctl', env = {}, queueMs = QUEUE_WAIT }: PilotctlOptions = {}) {
    this.program = program
    this.#env = env
    this.#queueMs = queueMs
  }

  /** `data` of the answer to one command. Rejects with a Failure, within `timeoutMs` and a margin of 11 s at most. */
  async ask(args: Arguments, options: CallOptions): Promise<Readonly<Record<string, unknown>>> {
    return readAnswer(await this.run(args, options))
  }

  /** What one command printed, whatever its exit code. Rejects with a Failure when it did not run to its end. */
  async run(args: Arguments, options: CallOptions): Promise<Output> {
    if (this.#places > 0) this.#places--
    else await this.#wait()
    try {
      if (this.#closed) throw closed()
      return await this.#spawn(args, options)
    } finally {
      // The place goes to the next in line directly, so that no newcomer takes it in between.
      const [next] = this.#waiting
      if (next) next.start()
      else this.#places++
    }
  }

  /** Kills what still runs; resolves when no process of ours is left. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true
    for (const waiting of this.#waiting) waiting.refuse(closed())
    const running = [...this.#running]
    for (const { stop } of running) stop()
    await Promise.allSettled(running.map(({ done }) => done))
  }

  /** Resolves with a place taken, in order of arrival. */
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
            { hint: 'start fewer sends at once, 8 are as fast; nothing was sent by this one' },
          ),
        )
      const timer = setTimeout(onLate, this.#queueMs)
      this.#waiting.add(waiting)
    })
  }

  async #spawn(args: Arguments, { timeoutMs, input }: CallOptions): Promise<Output> {
    const child = execa(this.program, args, {
      env: this.#env,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
      reject: false,
      maxBuffer: MAX_ANSWER,
      killSignal: 'SIGKILL',
      windowsHide: true,
      // Ctrl-C in a terminal goes to the whole process group: the last pushes must still leave.
      detached: true,
    })
    let reason: 'late' | 'closed' | undefined
    let giveUp: (() => void) | undefined
    const abandoned = new Promise<undefined>((resolve) => {
      giveUp = () => resolve(undefined)
    })
    let grace: NodeJS.Timeout | undefined
    const stop = (why: 'late' | 'closed'): void => {
      if (reason !== undefined) return
      reason = why
      child.kill()
      grace = setTimeout(() => {
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy()
        giveUp?.()
      }, KILL_GRACE)
    }
    const timer = setTimeout(() => stop('late'), timeoutMs)
    const done = Promise.race([child, abandoned])
    const running: Running = { stop: () => stop('closed'), done }
    this.#running.add(running)
    try {
      const result = await done
      if (reason === 'closed') throw closed()
      if (reason === 'late' || result === undefined) throw late(timeoutMs)
      if (result.isMaxBuffer) throw tooLong()
      if (result.exitCode === undefined)
        throw this.#notRun(result.code, result.signal, result.originalMessage)
      return { stdout: result.stdout, stderr: result.stderr }
    } finally {
      clearTimeout(timer)
      clearTimeout(grace)
      this.#running.delete(running)
    }
  }

  /** execa's own message and cause hold every argument, the payload too: neither is passed on. */
  #notRun(
    code: string | undefined,
    signal: string | undefined,
    message: string | undefined,
  ): Failure {
    const program = this.program
    if (code === 'ENOENT')
      return new Failure('not_found', `pilotctl was not found at "${program}"`, {
        hint: 'install it (pip install pilotprotocol) or give the path of the program',
      })
    if (code === 'EACCES' || code === 'EPERM')
      return new Failure('permission_denied', `"${program}" may not be run`, {
        hint: `set its run bit: chmod +x ${program}`,
      })
    if (code === 'E2BIG')
      return new Failure('too_large', 'the message is longer than one argument may be', {
        hint: 'send at most maxMessageBytes; less where the environment is very large',
      })
    if (signal !== undefined)
      return new Failure('internal', `pilotctl was ended by ${signal}`, {
        hint: 'look into the system log: was memory short?',
      })
    return new Failure(
      'internal',
      `pilotctl did not run: ${code ?? message ?? 'no reason given'}`,
      {
        hint: `try it by hand: ${program} --json info`,
      },
    )
  }
}

const closed = (): Failure =>
  new Failure('closed', 'the transport is closed', { hint: 'open a new one' })

const late = (timeoutMs: number): Failure =>
  new Failure('timeout', `pilotctl gave no answer within ${Math.ceil(timeoutMs)} ms`, {
    hint: 'a message may have arrived all the same; sending it again does no harm',
  })

const tooLong = (): Failure =>
  new Failure('internal', `pilotctl answered with more than ${MAX_ANSWER} characters`, {
    hint: 'a node that trusts fewer peers gives shorter answers',
  })
