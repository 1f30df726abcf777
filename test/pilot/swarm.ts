/**
 * Real daemons on loopback, with a registry stand-in of their own and no access to the internet, to
 * test the transport against.
 *
 * ```ts
 * const swarm = await startSwarm({ versions: ['1.7.2', '1.18.0'] })
 * const [older, newer] = swarm.nodes
 * await ask(older, 'send-message', newer.address, '--data', 'hello')
 * await swarm.close()
 * ```
 *
 * Each swarm owns a block 127.x.y.0/24: its registry on 127.x.y.1 claims it, so two swarms never
 * collide. Each daemon has an address of its own in the block, because daemons that share one
 * starve each other's key exchange; `sharedAddress` tests exactly that.
 */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Beacon, startBeacon } from './beacon.ts'
import { arm, Daemon, folders, type Node } from './daemon.ts'
import { type Registry, startRegistry } from './registry.ts'

export { type Answer, ask, type Data, deliver, pilotctl, until } from './call.ts'
export type { Node } from './daemon.ts'

/** On x.y.1 of a block; the same for all swarms, so that binding it claims the block. */
const REGISTRY_PORT = 29_417
/** UDP, on x.y.1 too. */
const BEACON_PORT = 29_417
/** UDP, where each daemon has an address of its own. */
const DAEMON_PORT = 29_418
/** No program listens here (the discard port): for catalogues, and beacons that must not answer. */
const CLOSED_PORT = 9
/** Blocks to try; there are 65,024, so the first is nearly always free. */
const BLOCK_TRIES = 20
/** Nodes of one swarm: x.y.2 to x.y.254. */
const MAX_NODES = 253

export interface SwarmOptions {
  /** one daemon for each entry */
  readonly versions: readonly string[]
  /** the folder in which to make the swarm's own folder; default: the system's temporary folder */
  readonly base?: string
  /** all daemons on 127.0.0.1, each with its own port */
  readonly sharedAddress?: boolean
  /** is there a beacon that relays between daemons that cannot connect directly? Default: yes. */
  readonly relay?: boolean
  /** may nodes that it does not trust call node `index`? Default: yes, for all nodes. */
  readonly isPublic?: (index: number) => boolean
}

export interface Swarm {
  readonly nodes: readonly Node[]
  readonly registry: Registry
  /** the folder with all files; removed by `close` */
  readonly folder: string
  /** Starts one more daemon. */
  add(version: string): Promise<Node>
  /** Stops everything and removes the folder; may be called twice. */
  close(): Promise<void>
}

const isSystemError = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/** Claims a block of loopback addresses by listening in it. */
const claimBlock = async (): Promise<{ readonly block: string; readonly registry: Registry }> => {
  for (let tries = 1; ; tries++) {
    // 127.0.y is where everything else listens.
    const block = `127.${randomInt(1, 255)}.${randomInt(0, 256)}`
    try {
      const registry = await startRegistry({ host: `${block}.1`, port: REGISTRY_PORT })
      return { block, registry }
    } catch (error) {
      if (!isSystemError(error, 'EADDRINUSE') || tries === BLOCK_TRIES) throw error
    }
  }
}

/** Ports given out: a free port may be returned again before a daemon has bound it. */
const given = new Set<number>()

/** A UDP port that was free a moment ago. */
const freePort = (host: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    socket.once('error', reject)
    socket.bind({ address: host, port: 0, exclusive: true }, () => {
      const { port } = socket.address()
      const isGiven = given.has(port)
      given.add(port)
      socket.close(() => resolve(isGiven ? freePort(host) : port))
    })
  })

/** Starts the daemons, all at once, and resolves when each answers; otherwise leaves nothing behind. */
export const startSwarm = async (options: SwarmOptions): Promise<Swarm> => {
  const {
    versions,
    base = tmpdir(),
    sharedAddress = false,
    relay = true,
    isPublic = () => true,
  } = options
  arm()
  const folder = mkdtempSync(join(base, 'pilot-'))
  folders.add(folder)
  const { block, registry } = await claimBlock().catch((error: unknown) => {
    rmSync(folder, { recursive: true, force: true })
    folders.delete(folder)
    throw error
  })
  const endpointOf = (id: number): string | undefined => registry.nodes.get(id)?.endpoint
  const beacon: Beacon | undefined = relay
    ? await startBeacon({ host: `${block}.1`, port: BEACON_PORT, endpointOf })
    : undefined
  const nodes: Daemon[] = []
  let count = 0

  const place = async (version: string): Promise<Daemon> => {
    const index = count++
    if (index >= MAX_NODES) throw new Error(`a swarm has no room for more than ${MAX_NODES} nodes`)
    const name = `n${index + 1}-${version.replaceAll('.', '-')}`
    const endpoint = sharedAddress
      ? `127.0.0.1:${await freePort('127.0.0.1')}`
      : `${block}.${index + 2}:${DAEMON_PORT}`
    const closed = `${block}.1:${CLOSED_PORT}`
    const node = new Daemon(version, {
      name,
      folder,
      registry,
      endpoint,
      closed,
      beacon: relay ? `${block}.1:${BEACON_PORT}` : closed,
      isPublic: isPublic(index),
    })
    nodes.push(node)
    return node
  }

  let closed: Promise<void> | undefined
  const shut = async (): Promise<void> => {
    // The folder is removed too, so a clean stop (up to 3 s) would save nothing.
    await Promise.all(nodes.map((node) => node.kill()))
    await beacon?.close()
    await registry.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    folders.delete(folder)
  }
  const close = (): Promise<void> => {
    closed ??= shut()
    return closed
  }

  try {
    for (const version of versions) await place(version)
    const started = await Promise.allSettled(nodes.map((node) => node.start()))
    for (const result of started) if (result.status === 'rejected') throw result.reason
  } catch (error) {
    await close()
    throw error
  }

  const add = async (version: string): Promise<Node> => {
    if (closed) throw new Error('the swarm is closed')
    const node = await place(version)
    await node.start()
    return node
  }
  return { nodes, registry, folder, add, close }
}
