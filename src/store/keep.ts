/**
 * All that an agent keeps in its data folder: the document's updates, and which writer it is.
 *
 * ```js
 * new Agent({ swarm: 'kv', transport, keep: keepIn('/var/lib/agent') })
 * ```
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Identity } from './identity.ts'
import { LogStore } from './log-store.ts'
import type { Store } from './store.ts'

export interface Keep {
  readonly store: Store
  readonly identity: Identity
}

/** Opens nothing yet; the folder is made when the agent starts. */
export const keepIn = (dir: string): Keep => ({
  store: new LogStore({ dir: join(dir, 'log') }),
  identity: new Identity({ dir }),
})

/** `0:0000.0000.000A`: the last eight digits are the node's number. */
const PILOT_ADDRESS = /^[0-9]+:[0-9A-F]{4}\.([0-9A-F]{4})\.([0-9A-F]{4})$/

/** 32 bits for an address: the Pilot node's own number, else some that are the same each time. */
export const nodeNumber = (address: string): number => {
  const [, high, low] = PILOT_ADDRESS.exec(address) ?? []
  if (high !== undefined && low !== undefined) return Number.parseInt(high + low, 16)
  return createHash('sha256').update(address).digest().readUInt32BE(0)
}
