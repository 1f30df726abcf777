/**
 * Writes to one agent through its control socket, without waiting for earlier answers. An agent
 * answers the requests of one connection in order, so each open write has a connection of its own.
 *
 * ```ts
 * const writer = new Writer(agent.client, { isHot: false })
 * writer.write(journal.issue(0, performance.now()))
 * writer.close()
 * ```
 */
import type { ControlClient } from '../../src/control/client.ts'
import type { Connection } from '../../src/control/connection.ts'
import { toFailure } from '../../src/errors.ts'
import { MAP, type Write } from './journal.ts'

/** Connections to one agent, of the 256 that it accepts; further writes wait for one of them. */
const MAX_CONNECTIONS = 64
/** An agent closes a connection after 30,000 ms without a request. */
const MAX_IDLE_MS = 20_000
/** For an answer. An overloaded agent is slow, and that is what is measured. */
const ANSWER_TIMEOUT_MS = 60_000

interface Idle {
  readonly connection: Connection
  readonly since: number
}

export class Writer {
  readonly #client: ControlClient
  readonly #isHot: boolean
  readonly #idle: Idle[] = []
  readonly #waiting: Write[] = []
  /** Connections in use. */
  #lanes = 0
  #isClosed = false

  constructor(client: ControlClient, { isHot }: { readonly isHot: boolean }) {
    this.#client = client
    this.#isHot = isHot
  }

  /** Issues it now and records its acknowledgement, or the code of its failure. */
  write(write: Write): void {
    this.#waiting.push(write)
    // Two connections keep no order: the older write of a key might be the last one.
    if (this.#lanes < (this.#isHot ? 1 : MAX_CONNECTIONS)) void this.#work()
  }

  /** Writes without an answer. */
  get open(): number {
    return this.#waiting.length + this.#lanes
  }

  close(): void {
    this.#isClosed = true
    for (const { connection } of this.#idle.splice(0)) connection.close()
  }

  async #work(): Promise<void> {
    this.#lanes++
    let connection: Connection | undefined
    for (let write = this.#waiting.shift(); write; write = this.#waiting.shift()) {
      try {
        connection ??= this.#takeIdle() ?? (await this.#client.open())
        const { key, value } = write
        const hot = this.#isHot ? { hot: true } : {}
        await connection.ask({ command: 'set', map: MAP, key, value, ...hot }, ANSWER_TIMEOUT_MS)
        write.acknowledged = performance.now()
      } catch (error) {
        write.failed = toFailure(error).code
        connection?.close() // a late answer must not be taken for the next one
        connection = undefined
      }
    }
    this.#lanes--
    if (this.#isClosed) connection?.close()
    else if (connection) this.#idle.push({ connection, since: performance.now() })
  }

  #takeIdle(): Connection | undefined {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (performance.now() - idle.since < MAX_IDLE_MS) return idle.connection
      idle.connection.close()
    }
    return undefined
  }
}
