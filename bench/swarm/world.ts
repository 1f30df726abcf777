/**
 * Where the agents live: over daemons of their own on loopback, or over one mailbox folder. Each has
 * its own home and environment; `close` leaves nothing behind.
 *
 * ```ts
 * const world = await openWorld(settings)
 * const [first, second] = world.places
 * await world.close()
 * ```
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure } from '../../src/errors.ts'
import { available } from '../../test/pilot/programs.ts'
import { type Node, startSwarm } from '../../test/pilot/swarm.ts'
import type { Settings } from './settings.ts'

/** Where one agent lives. */
export interface Place {
  /** `n1-1-18-0`, `a1` */
  readonly name: string
  /** For peers. */
  readonly address: string
  readonly home: string
  readonly data: string
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>
  /** Options that choose the transport. */
  readonly transport: readonly string[]
  /** Where unread messages wait. */
  readonly inbox: string
  /** Over Pilot. */
  readonly node?: Node
}

export interface World {
  readonly places: readonly Place[]
  /** Stops the daemons and removes all folders; may be called twice. */
  close(): Promise<void>
}

const overDaemons = async ({ agents, versions, scenario, swaps }: Settings): Promise<World> => {
  const reason = available(scenario === 'swap' ? [...versions, ...swaps] : versions)
  if (reason !== undefined)
    throw new Failure('not_found', reason, { hint: 'or measure with --transport mailbox' })
  const wanted = Array.from({ length: agents }, (_, at) => versions[at % versions.length] as string)
  const swarm = await startSwarm({ versions: wanted })
  const places = swarm.nodes.map((node): Place => {
    const { name, address, home, env, inbox } = node
    const data = join(home, 'gossip')
    return { name, address, home, data, env, transport: ['--transport', 'pilot'], inbox, node }
  })
  return { places, close: () => swarm.close() }
}

const overMailboxes = ({ agents }: Settings): World => {
  const folder = mkdtempSync(join(tmpdir(), 'pilot-gossip-'))
  const mailbox = join(folder, 'mailbox')
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.on('exit', remove)
  const places = Array.from({ length: agents }, (_, at): Place => {
    const name = `a${at + 1}`
    const home = join(folder, name)
    mkdirSync(home)
    return {
      name,
      address: name,
      home,
      data: join(home, 'gossip'),
      env: { HOME: home, PATH: process.env.PATH ?? '/usr/bin:/bin' },
      transport: ['--mailbox', mailbox, '--name', name],
      inbox: join(mailbox, name, 'new'),
    }
  })
  const close = async (): Promise<void> => {
    process.off('exit', remove)
    remove()
  }
  return { places, close }
}

export const openWorld = async (settings: Settings): Promise<World> =>
  settings.transport === 'pilot' ? overDaemons(settings) : overMailboxes(settings)
