/**
 * Writes to one agent by its control socket, each at once, whatever earlier answers take: an
 * agent answers the requests of one connection one after another, so each write that waits for
 * its answer has a connection of its own.
 *
 * ```ts
 * const writer = new Writer(agent.client, { isHot: false })
 * writer.write(journal.issue(0, performance.now()))
 * await writer.answered()
 * writer.close()
 * ```
 */
import type { ControlClient } from '../../src/control/client.ts'
import type { Connection } from '../../src/control/connection.ts'
import { toFailure } from '../../src/errors.ts'
import { MAP, type Write } from './journal.ts'

/** Connections to one agent, of the 256 that it takes; further writes wait for an answer on one of them. */
const MAX_CONNECTIONS = 64
/** Milliseconds. An agent lets a client go after 30,000 without a request. */
const MAX_IDLE = 20_000
/** Milliseconds for an answer. An agent at its limits is slow, and that is what is measured. */
const ANSWER_TIMEOUT = 60_000

interface Idle {
  readonly connection: Connection
  readonly since: number
}

export class Writer {
  readonly #client: ControlClient
  readonly #isHot: boolean
  readonly #idle: Idle[] = []
  readonly #waiting: Write[] = []
  readonly #under = new Set<Promise<void>>()
  #lanes = 0
  #isClosed = false

  constructor(client: ControlClient, { isHot }: { readonly isHot: boolean }) {
    this.#client = client
    this.#isHot = isHot
  }

  /** Issues it now, and notes in it when it is acknowledged or with what it fails. */
  write(write: Write): void {
    this.#waiting.push(write)
    // Two connections keep no order: of one key the older write might be the last.
    if (this.#lanes >= (this.#isHot ? 1 : MAX_CONNECTIONS)) return
    const lane = this.#work().finally(() => this.#under.delete(lane))
    this.#under.add(lane)
  }

  /** Writes that have no answer yet. */
  get open(): number {
    return this.#waiting.length + this.#under.size
  }

  /** Resolves when all have their answers. */
  async answered(): Promise<void> {
    while (this.#under.size > 0) await Promise.all(this.#under)
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
        connection ??= this.#take() ?? (await this.#client.open())
        const { key, value } = write
        const hot = this.#isHot ? { hot: true } : {}
        await connection.ask({ command: 'set', map: MAP, key, value, ...hot }, ANSWER_TIMEOUT)
        write.acknowledged = performance.now()
      } catch (error) {
        write.failed = toFailure(error).code
        connection?.close() // an answer that comes late must not be taken for that of the next
        connection = undefined
      }
    }
    this.#lanes--
    if (connection) this.#lay(connection)
  }

  #take(): Connection | undefined {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (performance.now() - idle.since < MAX_IDLE) return idle.connection
      idle.connection.close()
    }
    return undefined
  }

  #lay(connection: Connection): void {
    if (this.#isClosed) connection.close()
    else this.#idle.push({ connection, since: performance.now() })
  }
}
