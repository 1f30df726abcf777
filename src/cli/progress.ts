/**
 * How far long work is, for a person who watches standard error; silent for everybody else, and
 * for work that is soon over.
 *
 * ```ts
 * const progress = new Progress('lines', { isShown: true, tell: io.err, now: () => performance.now() })
 * progress.at(1_500_000) // '1,500,000 lines, 92,000 a second', on the same line each time
 * progress.end()         // the line is free for what comes next
 * ```
 */

/** Milliseconds until the first word: what is over by then needs none. */
const FIRST_MS = 1_000

/** Milliseconds between two words: more often nobody can read. */
const BETWEEN_MS = 250

export interface ProgressOptions {
  readonly isShown: boolean
  readonly tell: (text: string) => void
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
}

const grouped = (number: number): string => Math.round(number).toLocaleString('en-US')

export class Progress {
  readonly #things: string
  readonly #options: ProgressOptions
  readonly #start: number
  #next: number
  #hasTold = false

  constructor(things: string, options: ProgressOptions) {
    this.#things = things
    this.#options = options
    this.#start = options.now()
    this.#next = this.#start + FIRST_MS
  }

  at(count: number): void {
    const { isShown, tell, now } = this.#options
    const time = isShown ? now() : 0
    if (!isShown || time < this.#next) return
    const rate = count / ((time - this.#start) / 1_000)
    tell(`\r\x1b[K${grouped(count)} ${this.#things}, ${grouped(rate)} a second`)
    this.#hasTold = true
    this.#next = time + BETWEEN_MS
  }

  end(): void {
    if (this.#hasTold) this.#options.tell('\r\x1b[K')
    this.#hasTold = false
  }
}
