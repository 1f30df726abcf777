/**
 * Finds the agent that a command refers to: the one on a data folder, that of a swarm, or the only
 * one.
 *
 * ```ts
 * await findTarget({ swarm: 'kv' }, process.env) // { dir: '~/.local/state/pilot-gossip/kv', swarm: 'kv' }
 * ```
 */
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { ControlClient } from '../control/client.ts'
import { defaultFolder, folderFailure, stateRoot } from '../control/folder.ts'
import { Failure } from '../errors.ts'
import type { Context } from './report.ts'
import { count } from './text.ts'

export interface TargetOptions {
  readonly data?: string | undefined
  readonly swarm?: string | undefined
}

export interface Target {
  /** The data folder. */
  readonly dir: string
  /** The swarm of the option, which the agent compares with its own. */
  readonly swarm?: string
}

/** An option, or its default from the environment, where an empty one does not count. */
export const optionOr = (option: string | undefined, fallback: string | undefined) =>
  option ?? (fallback === '' ? undefined : fallback)

/** The data folder that the options name, without a search for running agents. */
export const namedFolder = (options: TargetOptions, env: NodeJS.ProcessEnv): string | undefined => {
  if (options.data === '') throw new Failure('invalid_argument', '--data is empty')
  const swarm = optionOr(options.swarm, env.PILOT_GOSSIP_SWARM)
  const ofSwarm = swarm === undefined ? undefined : defaultFolder(swarm, env)
  const data = optionOr(options.data, env.PILOT_GOSSIP_DATA)
  return data === undefined ? ofSwarm : resolve(data)
}

/** The folders below `root` on which an agent runs. */
export const findRunning = async (root: string): Promise<string[]> => {
  let names: string[]
  try {
    names = await readdir(root)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw folderFailure('the folder of agents', root, error)
  }
  const dirs = names.sort().map((name) => join(root, name))
  const isRunning = await Promise.all(
    dirs.map(
      (dir) => new ControlClient(dir).isRunning().catch(() => false), // another user's, or not a folder
    ),
  )
  return dirs.filter((_, index) => isRunning[index])
}

/** Rejects with a Failure if no agent is named, unless exactly one runs. */
export const findTarget = async (
  options: TargetOptions,
  env: NodeJS.ProcessEnv,
): Promise<Target> => {
  const named = namedFolder(options, env)
  if (named !== undefined) {
    return { dir: named, ...(options.swarm !== undefined && { swarm: options.swarm }) }
  }
  const root = stateRoot(env)
  const [dir, ...others] = await findRunning(root)
  if (dir === undefined) {
    throw new Failure('not_running', `no agent runs below "${root}"`, {
      hint: 'start one with: pilot-gossip run --swarm NAME --detach, or name its folder with --data DIR',
    })
  }
  if (others.length === 0) return { dir }
  const names = [dir, ...others].map((one) => one.slice(root.length + 1))
  throw new Failure(
    'invalid_argument',
    `${count(names.length, 'agent')} run: ${names.join(', ')}`,
    {
      hint: 'choose one with --swarm NAME',
    },
  )
}

/** A client of the selected agent. */
export const reach = async ({ io }: Context, options: TargetOptions) => {
  const { dir } = await findTarget(options, io.env)
  return { client: new ControlClient(dir), dir }
}
