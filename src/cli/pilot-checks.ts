/** The checks of `doctor` that ask `pilotctl`, loaded only if Pilot is to be checked. */
import { access, constants } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Failure, toFailure } from '../errors.ts'
import { type NodeInfo, readNode, readPingError, readTrusted } from '../transports/pilot/answers.ts'
import * as commands from '../transports/pilot/commands.ts'
import { Discovery, hasTag } from '../transports/pilot/discovery.ts'
import { Pilotctl } from '../transports/pilot/pilotctl.ts'
import { needsHelp, readAbilities } from '../transports/pilot/version.ts'
import { livePeersOf, type RunningAgent } from './agent-checks.ts'
import { type Check, MAX_SHOWN, problemOf } from './check.ts'
import { count } from './text.ts'

/** Milliseconds for a call. It takes 20; one that asks the registry takes some hundred. */
const TIMEOUT_MS = 5_000

/** Milliseconds for an echo packet. A live node takes up to 1.5 seconds, key exchange included. */
const TRY_MS = 3_000

/** Peers that are tried at the same time: one that answers is enough. */
const MAX_TRIED = 4

export interface PilotOptions {
  readonly pilotctl: string | undefined
  readonly swarm: string | undefined
  /** The environment of pilotctl, which finds daemon and inbox by it. */
  readonly env: NodeJS.ProcessEnv
  /** The agents that run over Pilot. */
  readonly agents: readonly RunningAgent[]
}

type Ask = (args: commands.Arguments) => Promise<Readonly<Record<string, unknown>>>

const checkProgram = async (pilotctl: Pilotctl): Promise<Check> => {
  const options = { timeoutMs: TIMEOUT_MS }
  try {
    const text = (await pilotctl.run(commands.version(), options)).stdout.trim()
    if (!/^\S{1,40}$/.test(text)) {
      throw new Failure('internal', `"${pilotctl.program}" prints no version: is it pilotctl?`, {
        hint: 'give the path of pilotctl 1.7.2 or later with --pilotctl PATH',
      })
    }
    const help = needsHelp(text) ? await pilotctl.run(commands.sendHelp(), options) : undefined
    const { version, stdin, maxMessageBytes } = readAbilities(
      text,
      help && help.stdout + help.stderr,
    )
    const detail = `${pilotctl.program} ${version}, messages of ${maxMessageBytes} bytes`
    if (stdin) return { name: 'pilotctl', level: 'ok', detail }
    return { name: 'pilotctl', level: 'ok', detail: `${detail}, as arguments (before 1.17)` }
  } catch (error) {
    return problemOf('pilotctl', error)
  }
}

const checkInbox = async (dir: string): Promise<Check> => {
  try {
    await access(dir, constants.R_OK | constants.W_OK | constants.X_OK)
    return { name: 'inbox', level: 'ok', detail: dir }
  } catch (error) {
    const { code, message } = toFailure(error)
    if (code === 'not_found') {
      const hint = 'the daemon makes it with the first message'
      return { name: 'inbox', level: 'warning', detail: `${dir} is not there yet`, hint }
    }
    const hint = 'run the agent as the user whose pilotctl reads the messages'
    return { name: 'inbox', level: 'problem', detail: message, hint }
  }
}

/** Why that node does not answer; undefined if it does, or if this pilotctl cannot ask it. */
const whySilent = async (ask: Ask, address: string): Promise<string | undefined> => {
  try {
    return readPingError(await ask(commands.ping(address, TRY_MS)))
  } catch (error) {
    const { code, message } = toFailure(error)
    return code === 'internal' || code === 'invalid_argument' ? undefined : message
  }
}

/** Peers were found. The first few are tried, unless the agent receives from some. */
const tryPeers = async (
  ask: Ask,
  detail: string,
  peers: readonly string[],
  live: readonly string[],
): Promise<Check> => {
  const name = 'peers'
  if (live.length > 0) return { name, level: 'ok', detail }
  const tried = await Promise.all(peers.slice(0, MAX_TRIED).map((peer) => whySilent(ask, peer)))
  const [why] = tried
  if (why === undefined || tried.includes(undefined)) return { name, level: 'ok', detail }
  return {
    name,
    level: 'warning',
    detail: `${detail}; none answers: ${why}`,
    hint: 'check that their daemons run and trust this node',
  }
}

const checkPeers = async (
  ask: Ask,
  self: NodeInfo,
  swarm: string | undefined,
  live: readonly string[],
): Promise<Check> => {
  const name = 'peers'
  const hint = 'trust a node with "pilotctl handshake NODE", or name peers with run --peer'
  try {
    const trusted = readTrusted(await ask(commands.trust()))
    const summary = count(trusted.length, 'trusted node')
    const found = swarm === undefined ? [] : await new Discovery({ ask, swarm }).find()
    const others = found.filter((address) => address !== self.address)
    const shown = (all: readonly string[]): string => all.slice(0, MAX_SHOWN).join(', ')
    if (others.length > 0) {
      return tryPeers(ask, `${summary}, of the swarm "${swarm}": ${shown(others)}`, others, live)
    }
    // Other nodes can reach this one without its trust.
    if (live.length > 0) {
      return { name, level: 'ok', detail: `${summary}; the agent hears ${shown(live)}` }
    }
    if (swarm !== undefined) {
      return { name, level: 'warning', detail: `${summary}, none of the swarm "${swarm}"`, hint }
    }
    const level = trusted.length > 0 ? 'ok' : 'warning'
    const more = 'add --swarm NAME to see which are of the swarm'
    return { name, level, detail: summary, hint: trusted.length > 0 ? more : hint }
  } catch (error) {
    return { ...problemOf(name, error), level: 'warning' }
  }
}

const checkTag = async (ask: Ask, self: NodeInfo, swarm: string): Promise<Check> => {
  try {
    const { tags } = readNode(await ask(commands.lookup(self.nodeId)))
    const isTagged = hasTag(tags, commands.swarmTags(swarm))
    const detail = isTagged ? `this node is tagged for "${swarm}"` : `not tagged for "${swarm}" yet`
    return { name: 'tag', level: 'ok', detail, ...(!isTagged && { hint: 'run does it' }) }
  } catch (error) {
    return { ...problemOf('tag', error), level: 'warning' }
  }
}

/** Never rejects. What cannot be checked because an earlier check failed is left out. */
export const checkPilot = async (options: PilotOptions): Promise<Check[]> => {
  const pilotctl = new Pilotctl({ program: options.pilotctl, env: options.env })
  const ask: Ask = (args) => pilotctl.ask(args, { timeoutMs: TIMEOUT_MS })
  try {
    const program = await checkProgram(pilotctl)
    if (program.level === 'problem') return [program]
    const home = options.env.HOME || homedir()
    const inbox = await checkInbox(join(home, '.pilot', 'inbox'))
    let self: NodeInfo
    try {
      self = readNode(await ask(commands.info()))
    } catch (error) {
      return [program, problemOf('daemon', error), inbox]
    }
    const named = self.hostname === '' ? '' : ` (${self.hostname})`
    const daemon: Check = { name: 'daemon', level: 'ok', detail: `up, ${self.address}${named}` }
    const { agents } = options
    const swarm = options.swarm ?? agents[0]?.swarm
    const live = agents.flatMap(livePeersOf)
    const tag = swarm === undefined ? [] : [await checkTag(ask, self, swarm)]
    return [program, daemon, inbox, ...tag, await checkPeers(ask, self, swarm, live)]
  } finally {
    await pilotctl.close()
  }
}
