/**
 * An agent of this process with its control socket, as `run` would start it, over memory.
 *
 * ```ts
 * const { client, agent } = await serve(temporary.dir, { name: 'a' })
 * await client.ask({ command: 'set', key: 'k', value: 1 })
 * await closeAll() // in test.after
 * ```
 */
import { join } from 'node:path'
import { Agent } from '../../src/agent/agent.ts'
import { ControlClient } from '../../src/control/client.ts'
import { ControlServer } from '../../src/control/server.ts'
import { type ServiceOptions, serveAgent } from '../../src/control/service.ts'
import type { DataFolder } from '../../src/store/data-folder.ts'
import { dataFolder } from '../../src/store/log/data-folder.ts'
import { MemoryHub, MemoryTransport } from '../../src/transports/memory/memory.ts'

export interface ServeOptions extends ServiceOptions {
  /** Names agent and data folder. */
  readonly name: string
  /** Agents of one hub find each other as soon as they write. */
  readonly hub?: MemoryHub
  readonly peers?: readonly string[]
  /** Default: on disk, in the data folder. */
  readonly data?: DataFolder
}

export interface Served {
  readonly dir: string
  readonly agent: Agent
  readonly server: ControlServer
  readonly client: ControlClient
  readonly close: () => Promise<void>
}

const open = new Set<Served>()

export const serve = async (
  root: string,
  { name, hub = new MemoryHub(), peers = [], data, ...options }: ServeOptions,
): Promise<Served> => {
  const dir = join(root, name)
  const agent = new Agent({
    swarm: 'kv',
    transport: new MemoryTransport(hub, name),
    peers,
    config: { intervalMs: 200 },
    data: data ?? dataFolder(dir),
  })
  const server = new ControlServer({ dir, handle: serveAgent(agent, undefined, options) })
  await server.open()
  await agent.start()
  const served: Served = {
    dir,
    agent,
    server,
    client: new ControlClient(dir),
    close: async () => {
      open.delete(served)
      await server.stopListening()
      await agent.stop()
      await server.close()
    },
  }
  open.add(served)
  return served
}

export const closeAll = async (): Promise<void> => {
  for (const { close } of [...open]) await close()
}
