/**
 * A store in LevelDB, for programs that use LevelDB already. It is the separate entry
 * `pilot-gossip/level` because it needs the package `classic-level`.
 *
 * ```js
 * import { Agent } from 'pilot-gossip'
 * import { levelDataFolder } from 'pilot-gossip/level'
 * new Agent({ swarm: 'kv', transport, data: levelDataFolder('/var/lib/agent') })
 * ```
 *
 * @module pilot-gossip/level
 */
import { type DataFolder, dataFolderWith } from '../data-folder.ts'
import { LevelStore } from './level-store.ts'

export { LevelStore, type LevelStoreOptions } from './level-store.ts'

/** The data folder of an agent, with its documents in LevelDB. Opens nothing: the agent does. */
export const levelDataFolder = (dir: string): DataFolder =>
  dataFolderWith(dir, 'level', (options) => new LevelStore(options))
