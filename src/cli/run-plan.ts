/**
 * What `run` is to do, worked out from its options and the environment; nothing is started here.
 *
 * ```ts
 * planRun({ swarm: 'kv', mailbox: '/tmp/kv' }, process.env).transport
 * // { kind: 'mailbox', dir: '/tmp/kv', name: 'agent-1b2c3d4e' }
 * ```
 */
import { createHash } from 'node:crypto'
import { resolve } from 'node:path'
import { checkRoomName, MAX_ROOMS } from '../agent/room-name.ts'
import { defaultFolder } from '../control/folder.ts'
import { Failure } from '../errors.ts'
import { MAX_VALUE_BYTES } from '../maps/value-limit.ts'
import { parseBytes, parseDuration, parseFanout, parseNetwork } from './parse.ts'
import { namedFolder, optionOr } from './target.ts'

export interface RunOptions {
  readonly swarm?: string
  readonly peer?: readonly string[]
  readonly transport?: string
  readonly mailbox?: string
  readonly name?: string
  readonly fanout?: string
  readonly interval?: string
  readonly 'max-value'?: string
  readonly data?: string
  readonly pilotctl?: string
  readonly network?: string
  readonly detach?: boolean
  readonly room?: readonly string[]
  readonly ws?: string
  readonly 'ws-host'?: string
  readonly 'ws-origin'?: readonly string[]
  readonly 'ws-read-only'?: boolean
}

export type TransportPlan =
  | { readonly kind: 'mailbox'; readonly dir: string; readonly name: string }
  | { readonly kind: 'pilot'; readonly pilotctl?: string; readonly network?: number }

/** How editors may join by y-websocket. */
export interface BridgePlan {
  /** 0: any that is free. */
  readonly port: number
  readonly host?: string
  readonly origins: readonly string[]
  readonly readOnly: boolean
}

export interface RunPlan {
  readonly swarm: string
  /** The data folder. */
  readonly dir: string
  /** Is it the one that commands take for `--swarm`? */
  readonly isDefaultDir: boolean
  readonly peers: readonly string[]
  readonly transport: TransportPlan
  /** Opened beside the swarm's own document. */
  readonly rooms: readonly string[]
  readonly bridge?: BridgePlan
  readonly config: { readonly fanout?: number; readonly intervalMs?: number }
  /** UTF-8 bytes of a value's JSON. */
  readonly maxValueBytes?: number
}

const invalid = (message: string, hint: string): Failure =>
  new Failure('invalid_argument', message, { hint })

/** The same for each start on that folder, so that what waits in the mailbox is read. */
export const mailboxName = (dir: string): string =>
  `agent-${createHash('sha256').update(dir).digest('hex').slice(0, 8)}`

const kindOf = ({ transport, mailbox }: RunOptions): 'mailbox' | 'pilot' => {
  const kind = transport ?? (mailbox === undefined ? 'pilot' : 'mailbox')
  if (kind === 'mailbox' || kind === 'pilot') return kind
  throw invalid(`--transport "${kind}" is not usable`, 'give pilot or mailbox')
}

const planTransport = (options: RunOptions, dir: string): TransportPlan => {
  const { mailbox, name, pilotctl, network } = options
  const kind = kindOf(options)
  const strangers = kind === 'mailbox' ? { pilotctl, network } : { mailbox, name }
  for (const [option, value] of Object.entries(strangers)) {
    if (value !== undefined) {
      throw invalid(`--${option} means nothing to the ${kind} transport`, `leave --${option} out`)
    }
  }
  if (kind === 'mailbox') {
    if (!mailbox) {
      throw invalid('the mailbox transport needs a folder', 'add --mailbox DIR')
    }
    return { kind, dir: resolve(mailbox), name: name ?? mailboxName(dir) }
  }
  if (pilotctl === '') throw invalid('--pilotctl is empty', 'give its path')
  return {
    kind,
    ...(pilotctl !== undefined && { pilotctl }),
    ...(network !== undefined && { network: parseNetwork('--network', network) }),
  }
}

const MOST_PORT = 65_535

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
  if (!(port <= MOST_PORT)) {
    throw invalid(`--ws "${ws}" is not a port`, `give 1 to ${MOST_PORT}, or 0 for any that is free`)
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
  if (peer.includes('')) throw invalid('--peer "" is not usable', 'give an address or a name')
  return {
    swarm,
    dir,
    isDefaultDir: dir === standard,
    peers: peer,
    transport: planTransport(options, dir),
    rooms: planRooms(room),
    ...(bridge && { bridge }),
    ...(maxValue !== undefined && {
      maxValueBytes: parseBytes('--max-value', maxValue, MAX_VALUE_BYTES),
    }),
    config: {
      ...(fanout !== undefined && { fanout: parseFanout('--fanout', fanout) }),
      ...(interval !== undefined && { intervalMs: parseDuration('--interval', interval) }),
    },
  }
}

/**
 * The options that give this plan whatever the working folder and the environment are. The
 * pilotctl program is looked up in PATH where its name is no path.
 */
export const argsOf = (plan: RunPlan): string[] => {
  const { swarm, dir, peers, transport, rooms, bridge, config, maxValueBytes } = plan
  const { fanout, intervalMs } = config
  const more =
    transport.kind === 'mailbox'
      ? { mailbox: transport.dir, name: transport.name }
      : {
          pilotctl: transport.pilotctl && programPath(transport.pilotctl),
          network: transport.network,
        }
  const named = {
    swarm,
    data: dir,
    transport: transport.kind,
    ...more,
    fanout,
    interval: intervalMs && `${intervalMs}ms`,
    'max-value': maxValueBytes,
    ws: bridge?.port,
    'ws-host': bridge?.host,
  }
  return [
    ...Object.entries(named)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `--${name}=${value}`),
    ...peers.map((peer) => `--peer=${peer}`),
    ...rooms.map((room) => `--room=${room}`),
    ...(bridge?.origins ?? []).map((origin) => `--ws-origin=${origin}`),
    ...(bridge?.readOnly ? ['--ws-read-only'] : []),
  ]
}

/** Each once. */
const planRooms = (names: readonly string[]): readonly string[] => {
  const rooms = [...new Set(names.map(checkRoomName))]
  if (rooms.length <= MAX_ROOMS) return rooms
  throw invalid(
    `--room is given ${rooms.length} times`,
    `give it ${MAX_ROOMS} times at most; clients open rooms, too`,
  )
}

const programPath = (program: string): string =>
  program.includes('/') ? resolve(program) : program
