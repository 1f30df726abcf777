/**
 * All that an agent keeps in its data folder: the document's updates, and which writer it is.
 *
 * ```js
 * new Agent({ swarm: 'kv', transport, keep: keepIn('/var/lib/agent') })
 * ```
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Identity } from '../identity.ts'
import type { Store } from '../store.ts'
import { LogStore } from './log-store.ts'

export interface Keep {
  readonly store: Store
  readonly identity: Identity
  /** A store for a further document of that name, beside it; without it such are not kept. */
  readonly storeOf?: (room: string) => Store
}

export interface StoreOptions {
  /** A folder for the store alone. */
  readonly dir: string
  /** To be called where something that was kept could not be read and may be readable later. */
  readonly onIncomplete: () => void
}

/** The store of the caller's choice, in a folder of that name, and the writer id that goes with it. */
export const keepWith = (
  dir: string,
  name: string,
  create: (options: StoreOptions) => Store,
): Keep => {
  const identity = new Identity({ dir })
  const onIncomplete = (): void => identity.distrust()
  return {
    store: create({ dir: join(dir, name), onIncomplete }),
    identity,
    // Nobody writes there under an id that is used again: what is lost of it comes back from peers.
    storeOf: (room) =>
      create({ dir: join(dir, ROOMS, folderOf(room), name), onIncomplete: () => undefined }),
  }
}

/** In the data folder, a folder for each further room. */
const ROOMS = 'rooms'

/** What a file system takes as a name: any room's, with what tells apart those that it would not. */
const folderOf = (room: string): string => {
  const hash = createHash('sha256').update(room).digest('hex').slice(0, 16)
  return `${room.replaceAll(/[^a-z0-9._-]/g, '_').slice(0, 40)}-${hash}`
}

/** Opens nothing yet; the folder is made when the agent starts. */
export const keepIn = (dir: string): Keep =>
  keepWith(dir, 'log', (options) => new LogStore(options))

/** `0:0000.0000.000A`: the last eight digits are the node's number. */
const PILOT_ADDRESS = /^[0-9]+:[0-9A-F]{4}\.([0-9A-F]{4})\.([0-9A-F]{4})$/

/** 32 bits for an address: the Pilot node's own number, else some that are the same each time. */
export const nodeNumber = (address: string): number => {
  const [, high, low] = PILOT_ADDRESS.exec(address) ?? []
  if (high !== undefined && low !== undefined) return Number.parseInt(high + low, 16)
  return createHash('sha256').update(address).digest().readUInt32BE(0)
}
