/**
 * Watches the map at every agent and records in the journal when each write is shown there.
 *
 * ```ts
 * const stop = await watchAll(crew.agents, journal)
 * ```
 */
import { setMaxListeners } from 'node:events'
import type { Agent } from './agent.ts'
import { type Journal, MAP } from './journal.ts'

const watch = (
  { client }: Agent,
  replica: number,
  journal: Journal,
  signal: AbortSignal,
): Promise<void> =>
  new Promise((resolve, reject) => {
    client
      .watch(
        { command: 'watch', map: MAP },
        ({ key, value }) => journal.see(replica, String(key), value, performance.now()),
        { onReady: resolve, signal },
      )
      // After the start this means that the agent ended, which the crew reports.
      .catch(reject)
  })

/** Resolves when all agents report changes; the result stops it. */
export const watchAll = async (agents: readonly Agent[], journal: Journal): Promise<() => void> => {
  const end = new AbortController()
  setMaxListeners(0, end.signal) // one listener for each agent
  try {
    await Promise.all(agents.map((agent, replica) => watch(agent, replica, journal, end.signal)))
  } catch (error) {
    end.abort()
    throw error
  }
  return () => end.abort()
}
