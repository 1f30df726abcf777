/**
 * The argument lists for `pilotctl`, one builder per command. Nothing runs here, so everything that
 * reaches the program can be read and tested in one place. No builder lets a value begin with `-`
 * if `pilotctl` would take it for a flag.
 *
 * ```ts
 * sendMessage({ to: '0:0000.0000.000B', timeoutMs: 3000 })
 * // ['--json', 'send-message', '0:0000.0000.000B', '--type', 'json', '--timeout', '3000ms', '--data', '-']
 * ```
 */
import { Failure } from '../../errors.ts'
import { checkSwarm } from '../../swarm.ts'
import { backboneAddress } from './address.ts'

export type Arguments = readonly string[]

/** A hostname as Pilot allows it: letters, digits, dots and hyphens; never a flag. */
const HOSTNAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$/

export const info = (): Arguments => ['--json', 'info']

/** Prints plain text, with or without `--json`. */
export const version = (): Arguments => ['--json', 'version']

/** Needs no daemon. Versions before 1.10 answer with an error that holds the usage. */
export const sendHelp = (): Arguments => ['send-message', '--help']

export const trust = (): Arguments => ['--json', 'trust']

export const lookup = (nodeId: number): Arguments => ['--json', 'lookup', String(nodeId)]

/** `peers --search "swarm:NAME"`, as the seed of this project looks for its peers. */
export const searchPeers = (swarm: string): Arguments => [
  '--json',
  'peers',
  '--search',
  `swarm:${swarm}`,
]

export const networkMembers = (network: number): Arguments => [
  '--json',
  'network',
  'members',
  String(network),
]

/** Throws `invalid_argument` for text that cannot be a hostname. */
export const find = (hostname: string): Arguments => {
  if (!HOSTNAME.test(hostname))
    throw new Failure('invalid_argument', `"${hostname.slice(0, 80)}" is not a hostname`, {
      hint: 'give a hostname, a node id such as 10, or an address such as 0:0000.0000.000A',
    })
  return ['--json', 'find', hostname]
}

const addressOf = (text: string): string => {
  const address = backboneAddress(text)
  if (address !== undefined) return address
  throw new Failure('invalid_argument', `"${text.slice(0, 80)}" is not a Pilot address`, {
    hint: 'give an address such as 0:0000.0000.000A; resolve() finds that of a hostname or node id',
  })
}

/** Sends one echo packet to a node; the inbox receives nothing. Throws `invalid_argument` if `to` is not an address. */
export const ping = (to: string, timeoutMs: number): Arguments => [
  '--json',
  'ping',
  addressOf(to),
  ...['--count', '1', '--timeout', `${Math.ceil(timeoutMs)}ms`],
]

/** Replaces all tags of this node. 1.7.2 has the command only at the top level, later versions only below `extras`. */
export const setTags = (tags: readonly string[], place: 'extras' | 'core'): Arguments => [
  '--json',
  ...(place === 'extras' ? ['extras'] : []),
  'set-tags',
  // `set-tags` cannot have set a tag that starts with "-": it would be read as a flag.
  ...tags.filter((tag) => !tag.startsWith('-')),
]

export interface Send {
  readonly to: string
  /** milliseconds that pilotctl may take, dialling included; versions before 1.13.11 ignore it and take up to 30 s */
  readonly timeoutMs: number
  /** the message itself; without it pilotctl reads its standard input */
  readonly payload?: string | undefined
}

/** One message of type JSON. Throws `invalid_argument` if `to` is not an address. */
export const sendMessage = ({ to, timeoutMs, payload }: Send): Arguments => {
  return [
    '--json',
    'send-message',
    addressOf(to),
    '--type',
    'json',
    '--timeout',
    `${Math.ceil(timeoutMs)}ms`,
    // One argument, because a separate value that begins with "-" would be read as a flag.
    ...(payload === undefined ? ['--data', '-'] : [`--data=${payload}`]),
  ]
}

/**
 * The tags that mark a node as a member of this swarm, the preferred one first. The second is for
 * registries that accept only lower case, digits and hyphens. Throws `invalid_argument` for a name
 * that no tag can hold.
 */
export const swarmTags = (swarm: string): readonly [string, string] => {
  checkSwarm(swarm)
  return [`swarm:${swarm}`, `swarm-${swarm.toLowerCase().replace(/[^a-z0-9-]/g, '-')}`]
}
