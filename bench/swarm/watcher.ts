/**
 * Watches the map at every agent, and notes when each write is shown there.
 *
 * ```ts
 * const watcher = await Watcher.start(crew.agents, journal)
 * watcher.stop()
 * ```
 */
import { setMaxListeners } from 'node:events'
import type { Agent } from './agent.ts'
import { type Journal, MAP } from './journal.ts'

export class Watcher {
  readonly #end = new AbortController()

  private constructor() {
    setMaxListeners(0, this.#end.signal) // each agent's watch listens
  }

  /** Resolves when all agents say that they tell of changes from now on. */
  static async start(agents: readonly Agent[], journal: Journal): Promise<Watcher> {
    const watcher = new Watcher()
    try {
      await Promise.all(agents.map((agent, replica) => watcher.#watch(agent, replica, journal)))
    } catch (error) {
      watcher.stop()
      throw error
    }
    return watcher
  }

  stop(): void {
    this.#end.abort()
  }

  #watch({ client }: Agent, replica: number, journal: Journal): Promise<void> {
    const { signal } = this.#end
    return new Promise((resolve, reject) => {
      client
        .watch(
          { command: 'watch', map: MAP },
          ({ key, value }) => journal.see(replica, String(key), value, performance.now()),
          { onReady: resolve, signal },
        )
        // Later than the start: the agent has ended, which the crew reports.
        .catch(reject)
    })
  }
}
