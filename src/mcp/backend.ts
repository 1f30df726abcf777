/**
 * The agent behind the tools: that of a data folder, which is started if none runs. One that ends
 * is started again at the next call.
 *
 * ```ts
 * const backend = new Backend('/var/lib/kv', { start })
 * await backend.ask({ command: 'get', key: 'k' })
 * ```
 */
import type { WatchRequest } from '../control/client.ts'
import type { OneAnswer } from '../control/connection.ts'
import type { Fields } from '../control/protocol.ts'
import { Session } from '../control/session.ts'
import { Failure, isFailure } from '../errors.ts'

/** What counts twice if it is done twice: it may have been carried out before the agent ended. */
const ADDING: ReadonlySet<string> = new Set(['increment', 'append'])

export interface BackendOptions {
  /** Starts an agent on the folder. Undefined: only one that runs is used. */
  readonly start?: (() => Promise<void>) | undefined
}

export class Backend {
  readonly #session: Session
  readonly #start: BackendOptions['start']
  /** The start that is under way: callers share it. */
  #starting: Promise<void> | undefined

  constructor(dir: string, { start }: BackendOptions = {}) {
    this.#session = new Session(dir)
    this.#start = start
  }

  /** The answer's data. Rejects with the agent's Failure, or with that of a start. */
  ask(request: OneAnswer): Promise<Fields> {
    const call = () => this.#session.ask(request)
    return this.#started(call, !ADDING.has(request.command))
  }

  /** As that of a session: `onEnd` is called if the agent ends. */
  watch(
    request: WatchRequest,
    onChange: (change: Fields) => void,
    onEnd?: (reason: Failure) => void,
  ): Promise<() => void> {
    return this.#started(() => this.#session.watch(request, onChange, onEnd), true)
  }

  close(): void {
    this.#session.close()
  }

  async #started<T>(call: () => Promise<T>, isRepeatable: boolean): Promise<T> {
    try {
      return await call()
    } catch (error) {
      if (!this.#start || !isFailure(error, 'not_running')) throw error
      this.#starting ??= this.#start().finally(() => {
        this.#starting = undefined
      })
      await this.#starting
      if (isRepeatable) return call()
      throw new Failure('not_running', 'the agent had ended, and was started again', {
        hint: 'look whether it was carried out, and call again if not',
        cause: error,
      })
    }
  }
}
