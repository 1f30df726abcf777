/**
 * The checks of `doctor`. None changes anything but for a file that is written and removed
 * to see that a folder takes one.
 *
 * ```ts
 * await examine({ swarm: 'kv' }, process.env)
 * // [{ name: 'node', level: 'ok', detail: 'Node.js 22.1.0' }, …]
 * ```
 */
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { stateRoot } from '../control/folder.ts'
import { Failure, toFailure } from '../errors.ts'
import { listBoxes } from '../transports/mailbox/box.ts'
import { checkAgent, checkPeersOf, type RunningAgent } from './agent-checks.ts'
import { type Check, MAX_SHOWN } from './check.ts'
import { findRunning, namedFolder, optionOr, type TargetOptions } from './target.ts'
import { count } from './text.ts'

/** The oldest Node.js this runs on, as package.json says. */
const MIN_NODE = [20, 19] as const

export interface DoctorOptions extends TargetOptions {
  readonly pilotctl?: string
  readonly mailbox?: string
}

export const checkNode = (version: string): Check => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [minMajor, minMinor] = MIN_NODE
  const isOld = major < minMajor || (major === minMajor && minor < minMinor)
  const detail = `Node.js ${version}`
  if (!isOld) return { name: 'node', level: 'ok', detail }
  const hint = `install Node.js ${minMajor}.${minMinor} or later`
  return { name: 'node', level: 'problem', detail, hint }
}

/** Rejects unless a file can be made in the folder, or the folder in the nearest one that is there. */
const tryFolder = async (dir: string): Promise<'there' | 'missing'> => {
  try {
    const file = join(dir, `.doctor-${randomUUID()}`)
    await writeFile(file, '', { flag: 'wx' })
    await rm(file)
    return 'there'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  const parent = dirname(dir)
  // What is there and yet takes no file (below /proc) tells so by ENOENT too.
  if (existsSync(dir) || parent === dir) throw new Failure('permission_denied', 'it takes no files')
  await tryFolder(parent)
  return 'missing'
}

const checkFolder = async (name: string, dir: string): Promise<Check> => {
  try {
    const isThere = (await tryFolder(dir)) === 'there'
    return { name, level: 'ok', detail: isThere ? dir : `${dir} (will be made)` }
  } catch (error) {
    const detail = `${dir} cannot be written: ${toFailure(error).message}`
    return { name, level: 'problem', detail, hint: 'give a folder that this user may write to' }
  }
}

const showNames = (names: readonly string[]): string =>
  names.length > 0 ? `: ${[...names].sort().slice(0, MAX_SHOWN).join(', ')}` : ''

/** The agents that use the mailbox folder, and those that were killed and are not back. */
const checkMailbox = async (dir: string): Promise<Check[]> => {
  const folder = await checkFolder('mailbox', dir)
  if (folder.level !== 'ok') return [folder]
  const { open, gone } = existsSync(dir) ? await listBoxes(dir) : { open: [], gone: [] }
  const others = gone.length > 0 ? `; ${gone.length} of agents that are gone${showNames(gone)}` : ''
  const detail = `${count(open.length, 'mailbox', 'mailboxes')}${showNames(open)}${others}`
  return [folder, { name: 'peers', level: 'ok', detail }]
}

/** The agents that are meant: that of the folder, else all of this user that run. */
const checkAgents = async (
  named: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<{ checks: Check[]; agents: RunningAgent[] }> => {
  const dirs = named === undefined ? await findRunning(stateRoot(env)) : [named]
  const all = await Promise.all(dirs.map(checkAgent))
  return {
    checks: all.flatMap(({ checks }) => checks),
    agents: all.flatMap(({ agent }) => agent ?? []),
  }
}

/**
 * Everything, in the order in which things depend on each other. Pilot is looked at where it is
 * asked for, or in use, or where nothing says that it is not.
 */
export const examine = async (
  options: DoctorOptions,
  env: NodeJS.ProcessEnv,
): Promise<readonly Check[]> => {
  const { pilotctl, mailbox } = options
  const swarm = optionOr(options.swarm, env.PILOT_GOSSIP_SWARM)
  const named = namedFolder(options, env)
  const checks = [checkNode(process.versions.node)]
  checks.push(await checkFolder('data', named ?? stateRoot(env)))
  const { checks: ofAgents, agents } = await checkAgents(named, env)
  checks.push(...ofAgents)
  if (mailbox !== undefined) checks.push(...(await checkMailbox(resolve(mailbox))))
  const overPilot = agents.filter(({ transport }) => transport === 'pilot')
  const others = agents.filter((agent) => !overPilot.includes(agent))
  if (mailbox === undefined) checks.push(...others.map(checkPeersOf))
  const isPilotMeant = mailbox === undefined && (overPilot.length > 0 || agents.length === 0)
  if (pilotctl !== undefined || isPilotMeant) {
    const { checkPilot } = await import('./pilot-checks.ts')
    checks.push(...(await checkPilot({ pilotctl, swarm, env, agents: overPilot })))
  }
  return checks
}
