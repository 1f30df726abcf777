/**
 * The store in a LevelDB, for those who have one for everything else: the entry
 * `pilot-gossip/level`, apart from the rest because it needs the package `classic-level`.
 *
 * ```js
 * import { Agent } from 'pilot-gossip'
 * import { keepInLevel } from 'pilot-gossip/level'
 * new Agent({ swarm: 'kv', transport, keep: keepInLevel('/var/lib/agent') })
 * ```
 *
 * @module pilot-gossip/level
 */
import { type Keep, keepWith } from '../log/keep.ts'
import { LevelStore } from './level-store.ts'

export { LevelStore, type LevelStoreOptions } from './level-store.ts'

/** All that an agent keeps in its data folder; opens nothing yet. */
export const keepInLevel = (dir: string): Keep =>
  keepWith(dir, 'level', (options) => new LevelStore(options))
