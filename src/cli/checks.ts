/**
 * The checks of `doctor`. They change nothing; to test a folder, they write a file and remove it.
 *
 * ```ts
 * await examine({ swarm: 'kv' }, process.env)
 * // [{ name: 'node', level: 'ok', detail: 'Node.js 22.1.0' }, …]
 * ```
 */
import { stateRoot } from '../control/folder.ts'
import { checkAgent, checkPeersOf, type RunningAgent } from './agent-checks.ts'
import { type Check, checkFolder } from './check.ts'
import { findRunning, namedFolder, optionOr, type TargetOptions } from './target.ts'
import type { AnyTransportKind } from './transport-kind.ts'
import { type CheckOptions, DEFAULT_TRANSPORT, TRANSPORTS } from './transports.ts'

/** The oldest supported Node.js, as in package.json. */
const MIN_NODE = [20, 19] as const

export type DoctorOptions = TargetOptions & CheckOptions

export const checkNode = (version: string): Check => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [minMajor, minMinor] = MIN_NODE
  const isOld = major < minMajor || (major === minMajor && minor < minMinor)
  const detail = `Node.js ${version}`
  if (!isOld) return { name: 'node', level: 'ok', detail }
  const hint = `install Node.js ${minMajor}.${minMinor} or later`
  return { name: 'node', level: 'problem', detail, hint }
}

/** The agents to check: the one on the folder, else all running agents of this user. */
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
 * All checks, in the order in which things depend on each other. A transport is checked if one of
 * its options is given; the default one also if agents run over it, or if nothing else is named
 * and no agent runs.
 */
export const examine = async (
  options: DoctorOptions,
  env: NodeJS.ProcessEnv,
): Promise<readonly Check[]> => {
  const swarm = optionOr(options.swarm, env.PILOT_GOSSIP_SWARM)
  const named = namedFolder(options, env)
  const checks = [checkNode(process.versions.node)]
  checks.push(await checkFolder('data', named ?? stateRoot(env)))
  const { checks: ofAgents, agents } = await checkAgents(named, env)
  checks.push(...ofAgents)
  const given = options as Readonly<Record<string, unknown>>
  const isNamed = ({ checkOptions }: AnyTransportKind): boolean =>
    Object.keys(checkOptions).some((name) => given[name] !== undefined)
  const others = TRANSPORTS.filter((kind) => kind !== DEFAULT_TRANSPORT)
  const isElsewhere = others.some(isNamed)
  const over = (kind: AnyTransportKind) => agents.filter(({ transport }) => transport === kind.name)
  const run = async (kind: AnyTransportKind): Promise<void> => {
    checks.push(...(await kind.check(options, { swarm, env, agents: over(kind) })))
  }
  for (const kind of others.filter(isNamed)) await run(kind)
  if (!isElsewhere) {
    const rest = agents.filter(({ transport }) => transport !== DEFAULT_TRANSPORT.name)
    checks.push(...rest.map(checkPeersOf))
  }
  const isMeant = !isElsewhere && (over(DEFAULT_TRANSPORT).length > 0 || agents.length === 0)
  if (isNamed(DEFAULT_TRANSPORT) || isMeant) await run(DEFAULT_TRANSPORT)
  return checks
}
