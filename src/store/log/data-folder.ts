/**
 * The default data folder of an agent, with its documents in logs.
 *
 * ```js
 * new Agent({ swarm: 'kv', transport, data: dataFolder('/var/lib/agent') })
 * ```
 */
import { type DataFolder, dataFolderWith } from '../data-folder.ts'
import { LogStore } from './log-store.ts'

/** Opens nothing: the agent creates the folder when it starts. */
export const dataFolder = (dir: string): DataFolder =>
  dataFolderWith(dir, 'log', (options) => new LogStore(options))
