/** What the figures were measured on. Without it they cannot be compared. */
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly platform: string
  readonly node: string
  readonly yjs: string
  readonly lib0: string
  /** Runnable processes, averaged over the last minute. Above `cores` they shared caches. */
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

/** One line: `Xeon, 2 cores, linux x64; node 20, …`. */
export const showMachine = ({ cpu, cores, platform, node, yjs, lib0, load }: Machine): string =>
  `${cpu}, ${cores} cores, ${platform}; node ${node}, yjs ${yjs}, lib0 ${lib0}; load ${load}`
