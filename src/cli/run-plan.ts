/**
 * What `run` is to do, worked out from its options and the environment. A plan is JSON, and means
 * the same in any working folder and environment: `--detach` sends it to the agent's process.
 *
 * ```ts
 * planRun({ swarm: 'kv', mailbox: '/tmp/kv' }, process.env).transport
 * // { kind: 'mailbox', dir: '/tmp/kv', name: 'agent-1b2c3d4e' }
 * ```
 */
import type { NamedAccess } from '../agent/named-access.ts'
import { checkRoomName, MAX_ROOMS } from '../agent/room-name.ts'
import { defaultFolder } from '../control/folder.ts'
import { invalid } from '../errors.ts'
import { isAccept, networkOf } from '../gossip/access.ts'
import { MAX_VALUE_BYTES } from '../maps/value-limit.ts'
import { parseSecrets, readSecretFile } from '../transports/sealed/secret.ts'
import { parseBytes, parseDuration, parseFanout, unusable } from './parse.ts'
import { namedFolder, optionOr } from './target.ts'
import { planTransport, type TransportOptions, type TransportPlan } from './transports.ts'

export interface RunOptions extends TransportOptions {
  readonly swarm?: string
  readonly peer?: readonly string[]
  readonly accept?: string
  readonly 'read-only-peer'?: readonly string[]
  readonly ban?: readonly string[]
  readonly 'read-only'?: boolean
  readonly transport?: string
  readonly 'secret-file'?: string
  readonly fanout?: string
  readonly interval?: string
  readonly 'max-value'?: string
  readonly points?: string
  readonly data?: string
  readonly detach?: boolean
  readonly room?: readonly string[]
  readonly ws?: string
  readonly 'ws-host'?: string
  readonly 'ws-origin'?: readonly string[]
  readonly 'ws-read-only'?: boolean
}

/** How y-websocket clients may connect. */
export interface BridgePlan {
  /** 0: any free port. */
  readonly port: number
  readonly host?: string
  readonly origins: readonly string[]
  readonly readOnly: boolean
}

export interface RunPlan {
  readonly swarm: string
  /** The data folder. */
  readonly dir: string
  /** Is it the folder that `--swarm` alone means? */
  readonly isDefaultDir: boolean
  readonly peers: readonly string[]
  /** What others may do here. */
  readonly access?: NamedAccess
  readonly transport: TransportPlan
  /** Documents to open besides the swarm's own. */
  readonly rooms: readonly string[]
  readonly bridge?: BridgePlan
  readonly config: { readonly fanout?: number; readonly intervalMs?: number }
  /** The newest, and the former one. Absent: the swarm is open. */
  readonly secrets?: readonly string[]
  /** UTF-8 bytes of a value's JSON. */
  readonly maxValueBytes?: number
  /** Bytes of all former states; 0: none. */
  readonly pointBytes?: number
}

const MAX_PORT = 65_535

const planBridge = (options: RunOptions): BridgePlan | undefined => {
  const {
    ws,
    'ws-host': host,
    'ws-origin': origins = [],
    'ws-read-only': readOnly = false,
  } = options
  if (ws === undefined) {
    const [stray] = ['ws-host', 'ws-origin', 'ws-read-only'].filter((name) => name in options)
    if (stray) throw invalid(`--${stray} needs --ws`, 'add --ws PORT')
    return undefined
  }
  const port = /^\d{1,5}$/.test(ws) ? Number(ws) : Number.NaN
  if (!(port <= MAX_PORT)) {
    throw invalid(`--ws "${ws}" is not a port`, `give 1 to ${MAX_PORT}, or 0 for any free port`)
  }
  if (host === '') throw invalid('--ws-host is empty', 'give an address of this host')
  return { port, ...(host !== undefined && { host }), origins, readOnly }
}

/** Throws a Failure (invalid_argument) for options that are not usable, alone or together. */
export const planRun = (options: RunOptions, env: NodeJS.ProcessEnv): RunPlan => {
  const swarm = optionOr(options.swarm, env.PILOT_GOSSIP_SWARM)
  if (swarm === undefined) {
    throw invalid(
      'run needs the name of a swarm',
      'add --swarm NAME; all agents of a swarm give the same name',
    )
  }
  const standard = defaultFolder(swarm, env)
  const dir = namedFolder({ data: options.data, swarm }, env) ?? standard
  const { peer = [], room = [], fanout, interval, 'max-value': maxValue } = options
  const bridge = planBridge(options)
  const secrets = planSecrets(options['secret-file'], env)
  if (peer.includes('')) throw invalid('--peer "" is not usable', 'give an address or a name')
  const transport = planTransport(options, dir)
  return {
    swarm,
    dir,
    isDefaultDir: dir === standard,
    peers: peer,
    ...planAccess(options, transport.kind),
    transport,
    rooms: planRooms(room),
    ...(bridge && { bridge }),
    ...(secrets && { secrets }),
    ...(maxValue !== undefined && {
      maxValueBytes: parseBytes('--max-value', maxValue, MAX_VALUE_BYTES),
    }),
    ...(options.points !== undefined && { pointBytes: planPoints(options.points) }),
    config: {
      ...(fanout !== undefined && { fanout: parseFanout('--fanout', fanout) }),
      ...(interval !== undefined && { intervalMs: parseDuration('--interval', interval) }),
    },
  }
}

/** Bytes. A larger limit is no limit: no state is longer than a record. */
const MAX_POINT_BYTES = 2 ** 40

const planPoints = (text: string): number =>
  text === 'off' ? 0 : parseBytes('--points', text, MAX_POINT_BYTES)

/** The secrets of the file, or of the environment. */
const planSecrets = (
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): readonly string[] | undefined => {
  if (file !== undefined) return readSecretFile(file)
  const text = env.PILOT_GOSSIP_SECRET
  return text === undefined ? undefined : parseSecrets(text, 'PILOT_GOSSIP_SECRET')
}

/** Throws a Failure (invalid_argument) for a name that is not usable, and if nobody could be a peer. */
const planAccess = (options: RunOptions, transport: string): Pick<RunPlan, 'access'> => {
  const { accept, peer = [], ban = [], 'read-only': readOnly = false } = options
  const { 'read-only-peer': readOnlyPeers = [] } = options
  for (const [name, given] of Object.entries({ 'read-only-peer': readOnlyPeers, ban })) {
    if (given.includes('')) throw invalid(`--${name} "" is not usable`, 'give an address or a name')
  }
  if (accept !== undefined && !isAccept(accept))
    throw unusable('--accept', accept, 'give trusted, listed, network:ID or any')
  if (accept !== undefined && networkOf(accept) !== undefined && transport !== 'pilot')
    throw unusable('--accept', accept, 'only the pilot transport has networks')
  if (accept === 'listed' && peer.length + readOnlyPeers.length === 0)
    throw invalid('--accept listed needs a peer', 'add --peer ADDR for each agent to be accepted')
  const access: NamedAccess = {
    ...(accept && { accept }),
    ...(readOnlyPeers.length > 0 && { readOnlyPeers }),
    ...(ban.length > 0 && { banned: ban }),
    ...(readOnly && { readOnly }),
  }
  return Object.keys(access).length > 0 ? { access } : {}
}

/** Each name once. Throws a Failure (invalid_argument) for a bad one, or too many. */
const planRooms = (names: readonly string[]): readonly string[] => {
  const rooms = [...new Set(names.map(checkRoomName))]
  if (rooms.length <= MAX_ROOMS) return rooms
  throw invalid(
    `--room is given ${rooms.length} times`,
    `give it ${MAX_ROOMS} times at most; clients open rooms, too`,
  )
}
