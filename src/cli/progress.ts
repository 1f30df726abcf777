/**
 * The progress of long work, for a person who watches standard error. It is silent for programs,
 * and for work that ends soon.
 *
 * ```ts
 * const progress = new Progress('lines', { isShown: true, print: io.err, now: () => performance.now() })
 * progress.at(1_500_000) // '1,500,000 lines, 92,000 a second', on the same line each time
 * progress.end()         // clears that line
 * ```
 */

/** Milliseconds until the first report: work that ends before needs none. */
const FIRST_MS = 1_000

/** Milliseconds between two reports: people cannot read faster. */
const BETWEEN_MS = 250

export interface ProgressOptions {
  readonly isShown: boolean
  readonly print: (text: string) => void
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

const grouped = (number: number): string => Math.round(number).toLocaleString('en-US')

export class Progress {
  readonly #things: string
  readonly #options: ProgressOptions
  readonly #start: number
  #next: number
  #hasPrinted = false

  constructor(things: string, options: ProgressOptions) {
    this.#things = things
    this.#options = options
    this.#start = options.now()
    this.#next = this.#start + FIRST_MS
  }

  at(count: number): void {
    const { isShown, print, now } = this.#options
    const time = isShown ? now() : 0
    if (!isShown || time < this.#next) return
    const rate = count / ((time - this.#start) / 1_000)
    print(`\r\x1b[K${grouped(count)} ${this.#things}, ${grouped(rate)} a second`)
    this.#hasPrinted = true
    this.#next = time + BETWEEN_MS
  }

  end(): void {
    if (this.#hasPrinted) this.#options.print('\r\x1b[K')
    this.#hasPrinted = false
  }
}
