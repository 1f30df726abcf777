/**
 * Sees whether anybody is there: asks peers for their state until one of them is heard.
 *
 * ```ts
 * if (!(await hearPeer(agent))) warn('no peer answers')
 * ```
 */
import { setTimeout } from 'node:timers/promises'
import type { Agent } from '../agent/agent.ts'

/** Milliseconds. A live peer answers in less than one second, and over a bad network to the second or third question. */
const PATIENCE_MS = 5_000

/** Milliseconds between two questions; each goes to one peer, in turn. */
const ASK_MS = 1_000

/** Milliseconds between two looks. */
const LOOK_MS = 50

const lastHeard = (agent: Agent): string =>
  agent.peers().reduce((last, { lastHeard: at }) => (at !== null && at > last ? at : last), '')

/** Resolves to whether one was heard; at once where none is known. */
export const hearPeer = async (agent: Agent, patienceMs = PATIENCE_MS): Promise<boolean> => {
  const before = lastHeard(agent)
  for (let waited = 0; waited <= patienceMs; waited += LOOK_MS) {
    if (lastHeard(agent) !== before) return true
    if (agent.peers().length === 0) return false
    if (waited % ASK_MS === 0) agent.ask()
    await setTimeout(LOOK_MS)
  }
  return false
}
