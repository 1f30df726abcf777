/**
 * The peer that survives all lives, in this process: an agent over the mailbox, which records every
 * struct that it is sent.
 *
 * ```ts
 * const peer = await startPeer(dir, seen)
 * peer.problems // [] unless it rejected a message or its disk failed
 * ```
 */
import { join } from 'node:path'
import { decodePush, unpackUpdate } from '../../../crdt/index.ts'
import { Agent } from '../../../src/agent/agent.ts'
import { nodePlatform } from '../../../src/platform.ts'
import { dataFolder } from '../../../src/store/log/data-folder.ts'
import { MailboxTransport } from '../../../src/transports/mailbox/mailbox.ts'
import type { SeenStructs } from './structs.ts'

export interface CrashPeer {
  readonly agent: Agent
  /** The problems that it reported; must stay empty. */
  readonly problems: string[]
}

export const startPeer = async (dir: string, seen: SeenStructs): Promise<CrashPeer> => {
  const transport = new MailboxTransport({ dir: join(dir, 'mail'), address: 'peer' })
  const open = transport.open.bind(transport)
  transport.open = (hooks) =>
    open({
      ...hooks,
      receive: (incoming) => {
        const update = decodePush(incoming.text, 'kv').state.get('kv')?.update
        if (update) seen.add(unpackUpdate(update, nodePlatform), 'a push to the peer')
        return hooks.receive(incoming)
      },
    })
  const problems: string[] = []
  const agent = new Agent({
    swarm: 'kv',
    transport,
    data: dataFolder(join(dir, 'peer')),
    config: { intervalMs: 300 },
    onProblem: (problem) => {
      const message = 'failure' in problem ? problem.failure.message : JSON.stringify(problem)
      problems.push(`${problem.type}: ${message}`)
    },
  })
  await agent.start()
  return { agent, problems }
}
