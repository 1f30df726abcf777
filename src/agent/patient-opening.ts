/**
 * Opens a transport, and tries again after failures that may pass: a daemon that is not up yet, a
 * slow pilotctl, a full disk. Throws any other failure.
 *
 * ```ts
 * const opening = new PatientOpening({ open: () => transport.open(hooks), onOpen, onWaiting })
 * await opening.start()    // open or waiting; rejects with a failure that does not pass
 * opening.waitsFor         // a Failure while it waits
 * opening.stop()
 * ```
 */
import { type Failure, toFailure } from '../errors.ts'
import { RetryDelay } from '../retry-delay.ts'

/** A try over Pilot costs three processes. */
const RETRY = { firstMs: 500, maxMs: 5_000 }

/** Codes of failures that pass by themselves, or once a person frees space or starts the daemon. */
const PASSING: ReadonlySet<string> = new Set([
  'not_running',
  'timeout',
  'connection_failed',
  'disk_full',
  'inbox_full',
])

export const isPassing = ({ code }: Failure): boolean => PASSING.has(code)

export interface PatientOpeningOptions {
  readonly open: () => Promise<void>
  /** Called once it is open, after the first try or a later one. */
  readonly onOpen: () => void
  /** Called for each new reason to wait. */
  readonly onWaiting: (failure: Failure) => void
}

export class PatientOpening {
  readonly #options: PatientOpeningOptions
  #waitsFor: Failure | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #delay = new RetryDelay(RETRY)
  #isStopped = false

  constructor(options: PatientOpeningOptions) {
    this.#options = options
  }

  /** Why it is not open yet. Undefined once it is open, and before the first try. */
  get waitsFor(): Failure | undefined {
    return this.#waitsFor
  }

  /** Resolves once it is open or waits. Rejects with a Failure that does not pass. */
  async start(): Promise<void> {
    try {
      await this.#options.open()
    } catch (error) {
      const failure = toFailure(error)
      if (!isPassing(failure) || this.#isStopped) throw failure
      this.#wait(failure)
      return
    }
    this.#options.onOpen()
  }

  /** Stops trying. A try that is running goes on to its end. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #wait(failure: Failure): void {
    const isNew = this.#waitsFor?.code !== failure.code
    this.#waitsFor = failure
    if (isNew) this.#options.onWaiting(failure)
    this.#timer = setTimeout(() => void this.#again(), this.#delay.next())
  }

  async #again(): Promise<void> {
    try {
      await this.#options.open()
    } catch (error) {
      // Any failure may pass now: a pilotctl that is being replaced is missing for a moment.
      if (!this.#isStopped) this.#wait(toFailure(error))
      return
    }
    if (this.#isStopped) return
    this.#waitsFor = undefined
    this.#options.onOpen()
  }
}
