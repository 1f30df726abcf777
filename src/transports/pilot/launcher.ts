/**
 * Starts programs in a small helper process, so that the event loop is not blocked. Starting a
 * process copies the page tables of its parent, which takes 45 ms a GB and stops the parent's loop.
 * Measured at 200 MB: 13 ms from here, 18 from a worker thread, 4 from a helper. The helper takes
 * 45 MB.
 *
 * Until the helper is ready, and if it cannot run (in a program bundled into one file), processes
 * are started here.
 *
 * ```ts
 * const launcher = new Launcher()
 * const { ended, stop } = launcher.run({ program: 'pilotctl', args, env: {}, timeoutMs: 3_000 })
 * await launcher.close()
 * ```
 */
import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { toFailure } from '../../errors.ts'
import { type Ended, type Job, KILL_GRACE_MS, type Running, runProcess } from './process.ts'

/** Milliseconds beyond a job's own timeout after which the helper itself counts as hung. */
const HANG_MS = KILL_GRACE_MS + 2_000

/** Milliseconds that the helper has to exit by itself. */
const END_MS = 1_000

/** Helpers that may exit unexpectedly before no further one is started. */
const MAX_HELPERS = 3

/** The helper's program, as source or as built. Looked up only when it is needed: a bundle has no such file. */
const findProgram = (): string =>
  fileURLToPath(new URL(`./launcher-process${extname(import.meta.url)}`, import.meta.url))

/** To the helper: start a job, or stop one. */
export type Order =
  | { readonly id: number; readonly job: Job }
  | { readonly id: number; readonly job?: undefined }

/** From the helper: it is ready, or a job has ended. */
export type Report =
  | { readonly id: number; readonly ended: Ended }
  | { readonly id?: undefined; readonly ready: true }

interface Pending {
  readonly end: (ended: Ended) => void
}

export class Launcher {
  readonly #pending = new Map<number, Pending>()
  #helper: ChildProcess | undefined
  #isReady = false
  #started = 0
  #next = 0
  #isClosed = false

  /** `ended` never rejects. */
  run(job: Job): Running {
    this.#start()
    return this.#helper && this.#isReady ? this.#order(this.#helper, job) : runProcess(job)
  }

  /** Ends the helper; jobs must have ended. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true
    const helper = this.#helper
    this.#forget()
    if (!helper || helper.exitCode !== null || helper.signalCode !== null) return
    const gone = new Promise<void>((resolve) => helper.once('exit', () => resolve()))
    if (helper.connected) helper.disconnect()
    helper.ref()
    const timer = setTimeout(() => helper.kill('SIGKILL'), END_MS)
    await gone
    clearTimeout(timer)
    // Node releases the handle of the process after two turns of the loop.
    await setImmediate()
    await setImmediate()
  }

  #start(): void {
    if (this.#helper || this.#isClosed || this.#started >= MAX_HELPERS) return
    this.#started++
    let helper: ChildProcess
    try {
      helper = fork(findProgram(), {
        // The debugger's port is already taken.
        execArgv: process.execArgv.filter((option) => !option.startsWith('--inspect')),
        serialization: 'advanced',
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        detached: true, // a signal from the terminal must not end it before the last pushes have left
      })
    } catch {
      return // no process can be started now: jobs run here, and report it if they cannot start either
    }
    this.#helper = helper
    helper.on('message', (report: Report) => {
      if (report.id === undefined) this.#isReady = true
      else this.#end(report.id, report.ended)
    })
    for (const event of ['error', 'exit', 'disconnect'] as const) {
      helper.on(event, () => {
        if (this.#helper === helper) this.#forget()
      })
    }
    // A running job keeps this process alive by its timer; the helper must not.
    helper.unref()
    helper.channel?.unref()
  }

  #order(helper: ChildProcess, job: Job): Running {
    const id = this.#next++
    const refuse = (error: unknown): void =>
      this.#end(id, { kind: 'not run', message: toFailure(error).message })
    const send = (order: Order): void => {
      try {
        helper.send(order, (error) => {
          if (error) refuse(error)
        })
      } catch (error) {
        refuse(error) // an order that cannot be serialised
      }
    }
    let timer: NodeJS.Timeout | undefined
    const ended = new Promise<Ended>((resolve) => {
      this.#pending.set(id, { end: resolve })
      timer = setTimeout(() => {
        helper.kill('SIGKILL')
        this.#end(id, { kind: 'late' })
      }, job.timeoutMs + HANG_MS)
    }).finally(() => clearTimeout(timer))
    send({ id, job })
    return { ended, stop: () => send({ id }) }
  }

  #end(id: number, ended: Ended): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    pending?.end(ended)
  }

  /** The helper is gone, and its jobs with it. */
  #forget(): void {
    this.#helper = undefined
    this.#isReady = false
    for (const id of [...this.#pending.keys()]) {
      this.#end(id, { kind: 'not run', message: 'the helper that starts it has ended' })
    }
  }
}
