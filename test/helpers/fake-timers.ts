/**
 * Timers for tests: time stands still until the test advances it.
 *
 * ```ts
 * const timers = new FakeTimers()
 * const agent = new Agent({ swarm: 'kv', transport, timers })
 * await timers.pass(10_000)
 * ```
 */
import type { Timers } from '../../src/timers.ts'

/** A turn of the event loop, in which all pending promise callbacks run. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A clock that stands still until the test advances it. */
export class FakeTimers implements Timers {
  time = 1000
  /** Number of timers set so far. */
  count = 0
  #waiting: { readonly at: number; readonly run: () => void }[] = []

  now(): number {
    return this.time
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.time + ms, run }
    this.#waiting.push(timer)
    this.count++
    return () => {
      this.#waiting = this.#waiting.filter((each) => each !== timer)
    }
  }

  get isWaiting(): boolean {
    return this.#waiting.length > 0
  }

  /** Lets time pass and runs everything that becomes due. */
  async pass(ms: number): Promise<void> {
    this.time += ms
    for (let turn = 0; turn < 10; turn++) {
      const due = this.#waiting.filter(({ at }) => at <= this.time)
      if (due.length === 0) return
      this.#waiting = this.#waiting.filter(({ at }) => at > this.time)
      for (const { run } of due) run()
      await settle()
    }
    throw new Error('a timer without delay sets another, and so on')
  }
}
