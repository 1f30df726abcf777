/**
 * Opens a transport, again and again where what keeps it from opening may pass: a daemon that is
 * not up yet, a pilotctl that is slow, a disk that is full. What no waiting mends is thrown.
 *
 * ```ts
 * const opening = new PatientOpening({ open: () => transport.open(hooks), onOpen, onWaiting })
 * await opening.start()    // open, or waiting; rejects with what no waiting mends
 * opening.waitsFor         // a Failure while it waits
 * opening.stop()
 * ```
 */
import { type Failure, toFailure } from '../errors.ts'

/** Milliseconds before the first new try; doubled by each further one. */
const RETRY_MS = 500

/** The most that grows to. A try over Pilot is three processes. */
const MAX_RETRY_MS = 5_000

/** The codes of what passes by itself, or when somebody makes room or starts the daemon. */
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
  /** It is open, at the first try or later. */
  readonly onOpen: () => void
  /** It waits: called for each new reason. */
  readonly onWaiting: (failure: Failure) => void
}

export class PatientOpening {
  readonly #options: PatientOpeningOptions
  #waitsFor: Failure | undefined
  #timer: NodeJS.Timeout | undefined
  #retryMs = RETRY_MS
  #isStopped = false

  constructor(options: PatientOpeningOptions) {
    this.#options = options
  }

  /** Why it is not open yet; undefined when it is, and before the first try. */
  get waitsFor(): Failure | undefined {
    return this.#waitsFor
  }

  /** Resolves when it is open or waits; rejects with a Failure that no waiting mends. */
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

  /** Tries no more. What is under way comes to its end. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #wait(failure: Failure): void {
    const isNew = this.#waitsFor?.code !== failure.code
    this.#waitsFor = failure
    if (isNew) this.#options.onWaiting(failure)
    this.#timer = setTimeout(() => void this.#again(), this.#retryMs)
    this.#retryMs = Math.min(MAX_RETRY_MS, 2 * this.#retryMs)
  }

  async #again(): Promise<void> {
    try {
      await this.#options.open()
    } catch (error) {
      // Once it has waited, what would have been final at the start may pass as well: a program
      // that is being replaced, say.
      if (!this.#isStopped) this.#wait(toFailure(error))
      return
    }
    if (this.#isStopped) return
    this.#waitsFor = undefined
    this.#options.onOpen()
  }
}
