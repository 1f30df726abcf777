/**
 * Opens a shared map in one call: it starts an agent that stops with the map.
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
import { Agent, type Problem } from './agent/agent.ts'
import type { NamedAccess } from './agent/named-access.ts'
import { ControlClient } from './control/client.ts'
import { Guest } from './control/guest.ts'
import { ControlServer } from './control/server.ts'
import { serveAgent } from './control/service.ts'
import { deferred } from './deferred.ts'
import { isFailure, toFailure } from './errors.ts'
import { onceThereIsRoom } from './fs/full-disk.ts'
import type { GossipConfig } from './gossip/index.ts'
import { DEFAULT_MAP } from './maps/index.ts'
import type { Keepable } from './maps/keepable.ts'
import { SharedMap } from './maps/shared-map.ts'
import { dataFolder } from './store/log/data-folder.ts'
import { MailboxTransport } from './transports/mailbox/mailbox.ts'
import { InboxTaken } from './transports/pilot/claim.ts'
import { PilotTransport } from './transports/pilot/transport.ts'
import { Relay } from './transports/relay.ts'
import { sealedOf } from './transports/sealed/sealed-transport.ts'
import type { Secrets } from './transports/sealed/secret.ts'
import type { Transport } from './transports/transport.ts'

/** A guest of another agent takes part as that agent allows; of what others may do it sets `readOnly` alone. */
export interface OpenMapOptions extends NamedAccess {
  readonly swarm: string
  /** A folder through which the agents of this host exchange messages. Needs `name`. */
  readonly mailbox?: string
  /** The name of this agent in the mailbox folder. */
  readonly name?: string
  /** A transport that is not open yet. Default without a mailbox: Pilot, through pilotctl. */
  readonly transport?: Transport
  /** Names or addresses of peers. */
  readonly peers?: readonly string[]
  /** The data folder, for one agent only. Without it, the document is lost when the map is closed. */
  readonly data?: string
  /** The map's name; default `state`. */
  readonly map?: string
  /** Write hot entries, for keys that are overwritten often; default false. */
  readonly hot?: boolean
  /**
   * Seals all messages: a text of 22 characters or more, the same for all agents of the swarm, or the
   * newest and the former one. A guest of another agent has that agent's.
   */
  readonly secret?: Secrets
  /** Maximum of a value's JSON in UTF-8 bytes; default 8 MiB, at most 15 MiB. */
  readonly maxValueBytes?: number
  /** Maximum of bytes of former states in the data folder; default 64 MiB. 0: none are stored. */
  readonly pointBytes?: number
  readonly config?: Partial<GossipConfig>
  /** Called for problems such as refused messages or an unreachable daemon, often many times. */
  readonly onProblem?: (problem: Problem) => void
}

export interface OpenedMap<T extends Keepable<T> = Json> extends SharedMap<T> {
  /** The agent that shares the map; `close` stops it. */
  readonly agent: Agent
}

const transportOf = (options: OpenMapOptions): Transport => {
  const { transport, mailbox, name, swarm, data } = options
  if (transport && mailbox !== undefined) {
    throw new TypeError('openMap takes a mailbox or a transport, not both')
  }
  if (transport) return transport
  if (mailbox === undefined) return new PilotTransport({ swarm, data })
  if (name === undefined) throw new TypeError('openMap over a mailbox needs a name')
  return new MailboxTransport({ dir: mailbox, address: name })
}

/** The agent behind a map: its own, or a guest of another one. */
interface Ground {
  readonly agent: Agent
  readonly flushed: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** The map of that agent. Throws for an invalid name before anything is started. */
const mapOn = <T extends Keepable<T>>(
  { map = DEFAULT_MAP, hot, maxValueBytes }: OpenMapOptions,
  { agent, flushed, stop }: Ground,
): OpenedMap<T> => {
  const opened = new SharedMap<T>(agent.doc, map, {
    ...(hot !== undefined && { hot }),
    ...(maxValueBytes !== undefined && { maxValueBytes }),
    flushed,
    close: stop,
  })
  return Object.assign(opened, { agent })
}

/** Some network disks cannot hold a socket. The map works without it. */
const serve = async (
  server: ControlServer,
  onProblem: OpenMapOptions['onProblem'],
): Promise<void> => {
  try {
    await server.open()
  } catch (error) {
    const failure = toFailure(error)
    if (failure.code === 'already_exists') throw failure
    onProblem?.({ type: 'transport', failure })
  }
}

/** With a data folder, commands and other programs reach the agent by the socket in it. */
const startOwn = async <T extends Keepable<T>>(options: OpenMapOptions): Promise<OpenedMap<T>> => {
  const { swarm, peers, data, config, secret, onProblem } = options
  const { accept, readOnlyPeers, banned, readOnly } = options
  const network = transportOf(options)
  const transport = new Relay(sealedOf(network, secret, swarm), network)
  const agent = new Agent({
    swarm,
    transport,
    ...(peers && { peers }),
    ...(config && { config }),
    ...(onProblem && { onProblem }),
    ...(data !== undefined && { data: dataFolder(data) }),
    ...(accept && { accept }),
    ...(readOnlyPeers && { readOnlyPeers }),
    ...(banned && { banned }),
    ...(readOnly !== undefined && { readOnly }),
    ...(options.pointBytes !== undefined && { pointBytes: options.pointBytes }),
  })
  let server: ControlServer | undefined
  const stop = async (): Promise<void> => {
    await server?.stopListening()
    try {
      await agent.stop()
    } finally {
      await server?.close()
    }
  }
  const opened = mapOn<T>(options, { agent, flushed: () => agent.flushed(), stop })
  const ready = deferred<void>()
  try {
    if (data !== undefined) {
      server = new ControlServer({
        dir: data,
        handle: serveAgent(agent, ready.promise, { relay: transport }),
        onProblem: (failure) => onProblem?.({ type: 'transport', failure }),
      })
      await serve(server, onProblem)
    }
    await agent.start()
  } catch (error) {
    await stop()
    throw error
  }
  ready.resolve()
  return opened
}

const startGuest = async <T extends Keepable<T>>(
  options: OpenMapOptions,
  dir: string,
): Promise<OpenedMap<T>> => {
  const { swarm, peers, config, readOnly, onProblem } = options
  const guest = await Guest.start({
    dir,
    swarm,
    ...(peers && { peers }),
    ...(config && { config }),
    ...(onProblem && { onProblem }),
    ...(readOnly !== undefined && { readOnly }),
  })
  const { agent } = guest
  return mapOn<T>(options, { agent, flushed: () => guest.stored(), stop: () => guest.stop() })
}

/** The data folder of the agent that has the folder or the daemon, if that agent can be reached. */
const folderOfOther = async (
  error: unknown,
  { data, transport }: OpenMapOptions,
): Promise<string | undefined> => {
  // A caller that gives a transport wants to use it.
  if (transport || !isFailure(error, 'already_exists')) return undefined
  const dir = error instanceof InboxTaken ? error.data : data
  return dir !== undefined && (await new ControlClient(dir).isRunning()) ? dir : undefined
}

/**
 * Starts an agent, and resolves to its map once the document is loaded and the agent receives
 * messages. Entries of peers arrive later. `flushed` waits for the disk; `close` pushes fresh changes
 * and stops the agent.
 *
 * If an agent already uses that data folder, or an agent of the swarm uses that Pilot daemon, the map
 * becomes its guest, unless a `transport` was given. It then resolves once that agent's entries are
 * here, and `flushed` waits for that agent's disk.
 *
 * Waits while the disk is full, and reports that to `onProblem`.
 *
 * Rejects with a Failure: `invalid_argument` for an invalid name, before anything is started, and
 * those of `Agent.start`: `not_running` without a daemon, `already_exists` if another agent has the
 * name, or has the folder or the daemon and cannot be reached. Rejects with a TypeError if the options
 * contradict each other.
 */
export const openMap = async <T extends Keepable<T> = Json>(
  options: OpenMapOptions,
): Promise<OpenedMap<T>> => {
  try {
    return await onceThereIsRoom(() => startOwn<T>(options), {
      onFull: (failure) => options.onProblem?.({ type: 'store', failure }),
    })
  } catch (error) {
    const dir = await folderOfOther(error, options)
    if (dir === undefined) throw error
    return startGuest<T>(options, dir)
  }
}
