/**
 * An agent in this process, of the swarm `kv`, over a mailbox folder and with a data folder.
 *
 * ```ts
 * const [a, b] = [agentIn(dir, 'a'), agentIn(dir, 'b')]
 * await a.start()
 * ```
 */
import { join } from 'node:path'
import { Agent, type AgentOptions, type Problem } from '../../src/agent/agent.ts'
import type { DataFolder } from '../../src/store/data-folder.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { MailboxTransport } from '../../src/transports/mailbox/mailbox.ts'
import type { Transport } from '../../src/transports/transport.ts'

/**
 * Agents in one `dir` find each other as soon as they write. `name` is the agent's address and,
 * unless `data` is given, its data folder. Problems are added to `problems`.
 */
export const agentIn = (
  dir: string,
  name: string,
  problems: Problem[] = [],
  data?: DataFolder,
): Agent =>
  new Agent({
    swarm: 'kv',
    transport: new MailboxTransport({ dir: join(dir, 'mail'), address: name }),
    data: data ?? dataFolder(join(dir, name)),
    // An unreachable peer is tried again soon.
    config: { intervalMs: 300, backoffMs: 100 },
    onProblem: (problem) => problems.push(problem),
  })

/** Starts agents of the swarm `kv` that gossip often; `end` stops them all. */
export const startingAgents = () => {
  const agents: Agent[] = []
  return {
    start: async (
      transport: Transport,
      options: Partial<AgentOptions> = {},
      problems: Problem[] = [],
    ): Promise<Agent> => {
      const agent = new Agent({
        swarm: 'kv',
        transport,
        config: { intervalMs: 50 },
        onProblem: (problem) => problems.push(problem),
        ...options,
      })
      agents.push(agent)
      await agent.start()
      return agent
    },
    end: async (): Promise<void> => {
      for (const agent of agents) await agent.stop()
    },
  }
}
