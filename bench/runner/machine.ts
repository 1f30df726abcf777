/** Where and with what the figures were made: without it they cannot be compared with anything. */
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly platform: string
  readonly node: string
  readonly yjs: string
  readonly lib0: string
  /** Processes that wanted a core, on average of the last minute: above `cores`, caches were shared. */
  readonly load: number
}

const versionOf = (name: string): string => {
  const { version } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string }
  return version
}

export const readMachine = (): Machine => ({
  cpu: cpus()[0]?.model.trim() || 'unknown processor',
  cores: availableParallelism(),
  platform: `${process.platform} ${process.arch}`,
  node: process.versions.node,
  yjs: versionOf('yjs'),
  lib0: versionOf('lib0'),
  load: Math.round(loadavg()[0]! * 10) / 10,
})
