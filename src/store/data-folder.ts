/**
 * The data folder of an agent: the store of its document, the stores of its other rooms, and the
 * file that stores the writer id of the agent. `store/log` and `store/level` each make one.
 *
 * ```js
 * const dataFolder = (dir) => dataFolderWith(dir, 'log', (options) => new LogStore(options))
 * ```
 */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { Identity } from './identity.ts'
import { Points } from './points.ts'
import type { Store } from './store.ts'

export interface DataFolder {
  readonly store: Store
  readonly identity: Identity
  /** The former states of the document. Absent: none are kept. */
  readonly points?: Points
  /** The store of the room with that name. Without it, further rooms are not saved. */
  readonly storeOf?: (room: string) => Store
}

export interface StoreOptions {
  /** A folder for this store alone. */
  readonly dir: string
  /** Called when stored data could not be read and a later start may be able to read it. */
  readonly onIncomplete: () => void
}

/** One folder for each further room. */
const ROOMS = 'rooms'

/** One folder for the former states of the document. */
const POINTS = 'points'

/** Characters of a room's name that are repeated in the name of its folder. */
const MAX_READABLE = 40

/** The hash distinguishes names that differ only in characters that a file system refuses. */
const folderOf = (room: string): string => {
  const hash = createHash('sha256').update(room).digest('hex').slice(0, 16)
  return `${room.replaceAll(/[^a-z0-9._-]/g, '_').slice(0, MAX_READABLE)}-${hash}`
}

/** `create` makes each store, in a subfolder called `name`. Nothing is opened before the agent starts. */
export const dataFolderWith = (
  dir: string,
  name: string,
  create: (options: StoreOptions) => Store,
): DataFolder => {
  const identity = new Identity({ dir })
  const onIncomplete = (): void => identity.distrust()
  return {
    store: create({ dir: join(dir, name), onIncomplete }),
    identity,
    points: new Points({ dir: join(dir, POINTS) }),
    // These rooms get a new writer id at each start, and peers send back what is lost of them.
    storeOf: (room) =>
      create({ dir: join(dir, ROOMS, folderOf(room), name), onIncomplete: () => undefined }),
  }
}
