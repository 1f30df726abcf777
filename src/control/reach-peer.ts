/**
 * Checks for a live peer: pulls from the known peers until one of them answers.
 *
 * ```ts
 * if (!(await reachPeer(agent))) warn('no peer answers')
 * ```
 */
import { setTimeout } from 'node:timers/promises'
import type { Agent } from '../agent/agent.ts'

/** Milliseconds. A live peer answers within a second, or over a bad network to the second or third pull. */
const TIMEOUT_MS = 5_000

/** Milliseconds between two pulls; each goes to one peer, in turn. */
const PULL_MS = 1_000

/** Milliseconds between two checks. */
const CHECK_MS = 50

const lastHeard = (agent: Agent): string =>
  agent.peers().reduce((last, { lastHeard: at }) => (at !== null && at > last ? at : last), '')

/** Resolves to whether one has answered; at once if no peer is known. */
export const reachPeer = async (agent: Agent, timeoutMs = TIMEOUT_MS): Promise<boolean> => {
  const before = lastHeard(agent)
  for (let waited = 0; waited <= timeoutMs; waited += CHECK_MS) {
    if (lastHeard(agent) !== before) return true
    if (agent.peers().length === 0) return false
    if (waited % PULL_MS === 0) agent.ask()
    await setTimeout(CHECK_MS)
  }
  return false
}
