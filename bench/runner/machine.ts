/** What the figures were measured on. Without it they cannot be compared. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'

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

/**
 * The folder of an installed package. Not by its `exports`, since many leave out their package.json.
 * Throws an Error if it is not installed.
 */
export const packageDir = (name: string): string => {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? []
  const dir = folders.map((folder) => join(folder, name)).find(existsSync)
  if (dir === undefined) throw new Error(`package ${name} is not installed`)
  return dir
}

export const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(packageDir(name), 'package.json'), 'utf8')).version

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
