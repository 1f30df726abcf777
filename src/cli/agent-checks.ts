/**
 * The checks of `doctor` that ask running agents: which ones run, and whether their peers answer.
 *
 * ```ts
 * const { checks, agent } = await checkAgent('/var/lib/kv')
 * // [{ name: 'agent', level: 'ok', detail: 'runs on /var/lib/kv' }]
 * if (agent) checkPeersOf(agent)    // { name: 'peers', level: 'ok', detail: '2 peers, 2 heard: a, b' }
 * ```
 */
import type { PeerStatus } from '../agent/status.ts'
import { ControlClient } from '../control/client.ts'
import { type Check, MAX_SHOWN, problemOf } from './check.ts'
import { OPEN, SEALED, UNSEALED } from './secret-words.ts'
import { count } from './text.ts'

/** What a running agent reports of itself. */
export interface RunningAgent {
  readonly swarm: string
  readonly transport: string
  readonly peers: readonly PeerStatus[]
  /** Absent: the swarm is open. */
  readonly secret?: unknown
}

export interface AgentChecks {
  readonly checks: readonly Check[]
  /** Undefined if no agent runs, or it did not answer. */
  readonly agent: RunningAgent | undefined
}

/** Asks the agent on that folder, which in turn pulls from a peer. */
export const checkAgent = async (dir: string): Promise<AgentChecks> => {
  const name = 'agent'
  const client = new ControlClient(dir)
  try {
    if (!(await client.isRunning())) {
      return { checks: [{ name, level: 'ok', detail: 'does not run' }], agent: undefined }
    }
    const { swarm, transport, secret, accept } = await client.ask({ command: 'status' })
    const { peers } = await client.ask({ command: 'peers', ask: true })
    const agent = { swarm, transport, peers, secret } as RunningAgent
    const door = secret === undefined ? (accept ? UNSEALED : OPEN) : SEALED
    return {
      checks: [
        { name, level: 'ok', detail: `runs on ${dir}` },
        { name: 'secret', level: 'ok', detail: door },
      ],
      agent,
    }
  } catch (error) {
    return { checks: [{ ...problemOf(name, error), level: 'warning' }], agent: undefined }
  }
}

const isLive = ({ lastHeard, failures }: PeerStatus): boolean =>
  lastHeard !== null && failures === 0

/** The peers that the agent receives from, and can send to. */
export const livePeersOf = ({ peers }: RunningAgent): string[] =>
  peers.filter(isLive).map(({ address }) => address)

export const checkPeersOf = (agent: RunningAgent): Check => {
  const name = 'peers'
  const live = livePeersOf(agent)
  const all = count(agent.peers.length, 'peer')
  if (live.length > 0) {
    const shown = live.slice(0, MAX_SHOWN).join(', ')
    return { name, level: 'ok', detail: `${all}, ${live.length} heard: ${shown}` }
  }
  return agent.peers.length === 0
    ? {
        name,
        level: 'warning',
        detail: `the agent of the swarm "${agent.swarm}" knows no peers yet`,
        hint: 'start another agent of that swarm, or name a peer with run --peer',
      }
    : {
        name,
        level: 'warning',
        detail: `${all}, none of which answers: ${agent.peers
          .slice(0, MAX_SHOWN)
          .map(({ address }) => address)
          .join(', ')}`,
        hint: 'check that they run',
      }
}
