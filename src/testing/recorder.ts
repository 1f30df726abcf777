/**
 * Transport hooks that record every message and every problem.
 *
 * ```ts
 * const seen = new Recorder()
 * await transport.open(seen)
 * seen.has('hello')
 * ```
 */
import type { Failure } from '../errors.ts'
import type { Incoming, Receive, TransportHooks } from '../transports/transport.ts'

export class Recorder implements TransportHooks {
  readonly received: Incoming[] = []
  readonly problems: Failure[] = []
  readonly #then: Receive
  readonly accepts: (text: string) => boolean

  /** `then` runs after a message was recorded; it may wait or throw. */
  constructor(then: Receive = () => undefined, accepts: (text: string) => boolean = () => true) {
    this.#then = then
    this.accepts = accepts
  }

  get texts(): string[] {
    return this.received.map(({ text }) => text)
  }

  /** Whether a message with that text has arrived. */
  has(text: string): boolean {
    return this.received.some((incoming) => incoming.text === text)
  }

  readonly receive = (incoming: Incoming): void | Promise<void> => {
    this.received.push(incoming)
    return this.#then(incoming)
  }

  readonly onProblem = (problem: Failure): void => {
    this.problems.push(problem)
  }
}
