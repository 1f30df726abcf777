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
import { Agent, type Problem } from './agent/agent.ts'
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
import type { Transport } from './transports/transport.ts'

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

/** What a map stands on: an agent of its own, or one that is reached through another. */
interface Ground {
  readonly agent: Agent
  readonly flushed: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** A map on that document, checked before anything is started. */
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

/** A folder in which no socket can lie, on some network disks, still keeps a document. */
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

/** Where it keeps a folder, commands and further programs reach it by the folder's socket. */
const startOwn = async <T extends Keepable<T>>(options: OpenMapOptions): Promise<OpenedMap<T>> => {
  const { swarm, peers, data, config, onProblem } = options
  const transport = new Relay(transportOf(options))
  const agent = new Agent({
    swarm,
    transport,
    ...(peers && { peers }),
    ...(config && { config }),
    ...(onProblem && { onProblem }),
    ...(data !== undefined && { data: dataFolder(data) }),
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
  const { swarm, peers, config, onProblem } = options
  const guest = await Guest.start({
    dir,
    swarm,
    ...(peers && { peers }),
    ...(config && { config }),
    ...(onProblem && { onProblem }),
  })
  const { agent } = guest
  return mapOn<T>(options, { agent, flushed: () => guest.stored(), stop: () => guest.stop() })
}

/** The data folder of the agent that has what we wanted for ourselves, where it can be reached there. */
const folderOfOther = async (
  error: unknown,
  { data, transport }: OpenMapOptions,
): Promise<string | undefined> => {
  // Whoever brings a transport means to use that one.
  if (transport || !isFailure(error, 'already_exists')) return undefined
  const dir = error instanceof InboxTaken ? error.data : data
  return dir !== undefined && (await new ControlClient(dir).isRunning()) ? dir : undefined
}

/**
 * Starts an agent and resolves to its map once the document is loaded and messages are taken.
 * What peers wrote arrives later. `flushed` waits for the disk; `close` pushes what is fresh and
 * stops the agent.
 *
 * Where an agent runs on that data folder already, or an agent of the swarm at that Pilot daemon,
 * the map takes part by way of it, unless a `transport` was given: it resolves once that agent's
 * entries are here, and `flushed` waits for that agent's disk.
 *
 * A full disk is waited for, and told to `onProblem`.
 *
 * Rejects with a Failure: `invalid_argument` for a name that cannot be used, before anything is
 * started; and what `Agent.start` meets: `not_running` without a daemon, `already_exists` while
 * another agent has the name, or the folder or the daemon and cannot be reached. A TypeError where
 * the options contradict each other.
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
