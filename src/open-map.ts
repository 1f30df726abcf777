/**
 * A shared map for a script, in one call: an agent of its own is started, and stops with the map.
 *
 * ```ts
 * const tasks = await openMap<Task>({ swarm: 'kv', mailbox: '/tmp/kv', name: 'a', data: '/var/lib/kv-a' })
 * tasks.set('7', { owner: 'a', done: false })
 * const claims = tasks.sibling<string>('claims', { hot: true }) // another map of the same agent
 * tasks.agent.status().peers
 * await tasks.flushed()
 * await tasks.close()
 * ```
 */
import type { Json } from '../crdt/index.ts'
import { Agent, type Problem } from './agent.ts'
import type { GossipConfig } from './gossip/index.ts'
import type { Keepable } from './keepable.ts'
import { DEFAULT_MAP } from './maps/index.ts'
import { PilotTransport } from './pilot/transport.ts'
import { SharedMap } from './shared-map.ts'
import { keepIn } from './store/keep.ts'
import type { Transport } from './transport.ts'
import { MailboxTransport } from './transports/mailbox.ts'

export interface OpenMapOptions {
  readonly swarm: string
  /** A folder on this host over which its agents talk; needs `name`. */
  readonly mailbox?: string
  /** The agent's own name in the mailbox. */
  readonly name?: string
  /** A transport that is not open yet. Without this and a mailbox: pilotctl and the daemon it talks to. */
  readonly transport?: Transport
  /** Names or addresses of peers. */
  readonly peers?: readonly string[]
  /** The folder in which the document is kept, one agent's alone. Without it all is forgotten at the end. */
  readonly data?: string
  /** The map's name; default `state`. */
  readonly map?: string
  /** Write in the layout for keys that are overwritten all day; default false. */
  readonly hot?: boolean
  /** UTF-8 bytes of a value's JSON that may be written; default 8 MiB, at most 15. */
  readonly maxValueBytes?: number
  readonly config?: Partial<GossipConfig>
  /** Told of trouble: refused messages, an unreachable daemon. Called often in bad times. */
  readonly onProblem?: (problem: Problem) => void
}

export interface OpenedMap<T extends Keepable<T> = Json> extends SharedMap<T> {
  /** Who shares it; `close` stops it. */
  readonly agent: Agent
}

const transportOf = ({ transport, mailbox, name, swarm }: OpenMapOptions): Transport => {
  if (transport && mailbox !== undefined) {
    throw new TypeError('openMap takes a mailbox or a transport, not both')
  }
  if (transport) return transport
  if (mailbox === undefined) return new PilotTransport({ swarm })
  if (name === undefined) throw new TypeError('openMap over a mailbox needs a name')
  return new MailboxTransport({ dir: mailbox, address: name })
}

/**
 * Starts an agent and resolves to its map once the document is loaded and messages are taken.
 * What peers wrote arrives later. `flushed` waits for the disk; `close` pushes what is fresh and
 * stops the agent.
 *
 * Rejects with a Failure: `invalid_argument` for a name that cannot be used, before anything is
 * started; and what `Agent.start` meets: `not_running` without a daemon, `already_exists` while
 * another agent has the name or the folder. A TypeError where the options contradict each other.
 */
export const openMap = async <T extends Keepable<T> = Json>(
  options: OpenMapOptions,
): Promise<OpenedMap<T>> => {
  const { swarm, peers, data, map = DEFAULT_MAP, hot, config, maxValueBytes, onProblem } = options
  const agent = new Agent({
    swarm,
    transport: transportOf(options),
    ...(peers && { peers }),
    ...(config && { config }),
    ...(onProblem && { onProblem }),
    ...(data !== undefined && { keep: keepIn(data) }),
  })
  const opened = new SharedMap<T>(agent.doc, map, {
    ...(hot !== undefined && { hot }),
    ...(maxValueBytes !== undefined && { maxValueBytes }),
    flushed: () => agent.flushed(),
    close: () => agent.stop(),
  })
  await agent.start()
  return Object.assign(opened, { agent })
}
