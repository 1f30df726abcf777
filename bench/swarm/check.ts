/**
 * Whether every agent holds what was acknowledged, each key with its value.
 *
 * ```ts
 * const lost = await findLost(crew.agents, journal.expected()) // ['n2-1-18-0 w0:17']
 * ```
 */
import type { ControlClient } from '../../src/control/client.ts'
import { MAP } from './journal.ts'
import type { Place } from './world.ts'

/** An agent, or what answers like one. */
interface Holder {
  readonly client: ControlClient
  readonly place: Pick<Place, 'name'>
}

/** Keys that are missing or have another value. */
const missingAt = async (
  client: ControlClient,
  expected: ReadonlyMap<string, string>,
  map: string,
): Promise<string[]> => {
  const missing = new Set(expected.keys())
  for await (const rows of client.rows({ command: 'export', map })) {
    for (const [key, value] of rows) if (expected.get(key) === value) missing.delete(key)
  }
  return [...missing]
}

/** Each agent and key where it is not so; one agent after another, for their answers may be long. */
export const findLost = async (
  agents: readonly Holder[],
  expected: ReadonlyMap<string, string>,
  map = MAP,
): Promise<string[]> => {
  const lost: string[] = []
  for (const { client, place } of agents) {
    for (const key of await missingAt(client, expected, map)) lost.push(`${place.name} ${key}`)
  }
  return lost
}
