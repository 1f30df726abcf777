/**
 * Reads what `pilotctl` answers and what the daemon lays into the inbox. Both come from
 * programs that change with every version, and an inbox file carries a stranger's text:
 * nothing is believed before it was looked at, and unknown fields are passed over.
 *
 * ```ts
 * readAnswer({ stdout: '{"status":"ok","data":{"node_id":10}}', stderr: '' }) // { node_id: 10 }
 * ```
 */
import { Failure, type FailureCode } from '../../errors.ts'
import { backboneAddress, formatAddress, isNodeId, parseAddress } from './address.ts'

/** Characters of a foreign text that go into a message of ours: enough to recognise it by. */
const MAX_QUOTE = 300

type Fields = Readonly<Record<string, unknown>>

export interface Output {
  readonly stdout: string
  readonly stderr: string
}

export interface NodeInfo {
  readonly nodeId: number
  readonly address: string
  readonly hostname: string
  readonly tags: readonly string[]
}

export type InboxFile =
  | { readonly kind: 'message'; readonly from: string; readonly text: string }
  /** whole, and not for us: binary, or of a shape nobody has seen */
  | { readonly kind: 'foreign' }
  /** does not parse: written at this moment, or damaged */
  | { readonly kind: 'partial' }

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The JSON value of `text`, `undefined` where it has none. */
const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const excerpt = (text: string): string => {
  const line = text.trim().replace(/\s+/g, ' ')
  return line.length > MAX_QUOTE ? `${line.slice(0, MAX_QUOTE)}...` : line
}

interface Meaning {
  readonly code: FailureCode
  readonly hint?: string
  /** Would it be the same with any peer? */
  readonly isLocal?: boolean
}

/** What each of pilotctl's codes is to us, and what to do about it. */
const CODES: Readonly<Record<string, Meaning>> = {
  not_running: {
    code: 'not_running',
    isLocal: true,
    hint: 'start the daemon with: pilotctl daemon start',
  },
  not_found: {
    code: 'not_found',
    hint: 'check the name or address; a private node must trust this one first: pilotctl handshake PEER',
  },
  connection_failed: {
    code: 'connection_failed',
    hint: 'check that the peer is up and can be reached: pilotctl ping PEER',
  },
  timeout: {
    code: 'timeout',
    hint: 'send it again: a second copy does no harm',
  },
  trust_required: {
    code: 'trust_required',
    hint: 'ask the peer to trust this node: pilotctl handshake PEER',
  },
  auth_required: {
    code: 'permission_denied',
    hint: 'set an admin token: PILOT_ADMIN_TOKEN',
  },
  invalid_argument: {
    code: 'invalid_argument',
    isLocal: true,
    hint: 'check that this version of pilotctl knows the command: pilotctl --json version',
  },
  permission_denied: {
    code: 'permission_denied',
    isLocal: true,
    hint: 'check who owns the daemon socket and the folder .pilot',
  },
  already_exists: { code: 'already_exists', hint: 'choose another name' },
}

/** The error object that pilotctl writes as one line; other lines around it are passed over. */
const findError = (text: string): Fields | undefined => {
  const lines = [text, ...text.split('\n').reverse()]
  for (const line of lines) {
    const value = line.includes('{') ? parse(line) : undefined
    if (isFields(value) && value.status === 'error') return value
  }
  return undefined
}

const failureOf = (error: Fields): Failure => {
  const told = textOf(error.code)
  const known = Object.hasOwn(CODES, told) ? CODES[told] : undefined
  const message = excerpt(textOf(error.message) || textOf(error.error) || `code "${told}"`)
  // A node that the registry does not know is told as no connection, or as no trust.
  const isUnknown =
    /^(connection_failed|trust_required)$/.test(told) && /\bnot found\b/.test(message)
  const meaning: Meaning = (isUnknown ? CODES.not_found : known) ?? { code: 'internal' }
  const { code, isLocal = false } = meaning
  const theirs = excerpt(textOf(error.hint))
  const hint = theirs === '' ? meaning.hint : theirs
  return new Failure(code, `pilotctl: ${message}`, { hint, isLocal })
}

/**
 * `data` of a successful answer. Throws the Failure that pilotctl told, on either stream,
 * and `internal` for anything that is not an answer.
 */
export const readAnswer = ({ stdout, stderr }: Output): Fields => {
  const value = parse(stdout)
  if (isFields(value) && value.status === 'ok') return isFields(value.data) ? value.data : {}
  const error = findError(stderr) ?? findError(stdout)
  if (error) throw failureOf(error)
  const told = excerpt(stdout === '' ? stderr : stdout)
  throw new Failure('internal', `pilotctl answered "${told}"; that is not a JSON answer`, {
    hint: 'check that the program is pilotctl 1.7.2 or later: pilotctl --json version',
    isLocal: true,
  })
}

/** The node that an object tells of, by its address or its node id. */
const nodeIdOf = (entry: unknown): number | undefined => {
  const fields = isFields(entry) ? entry : { node_id: entry }
  return isNodeId(fields.node_id) ? fields.node_id : parseAddress(textOf(fields.address))
}

const isKnown = <T>(value: T | undefined): value is T => value !== undefined

/** Of `info`, `lookup` and `find`; throws `internal` where neither address nor node id is told. */
export const readNode = (data: Fields): NodeInfo => {
  const nodeId = nodeIdOf(data)
  if (nodeId === undefined)
    throw new Failure(
      'internal',
      `pilotctl returned no address: ${excerpt(JSON.stringify(data))}`,
      {
        hint: 'check that the daemon is registered: pilotctl --json info',
      },
    )
  return {
    nodeId,
    address: formatAddress(nodeId),
    hostname: textOf(data.hostname),
    // The real registry leaves `tags` out where there are none.
    tags: list(data.tags)
      .map((tag) => textOf(tag).replace(/^#/, ''))
      .filter((tag) => tag !== ''),
  }
}

/**
 * Did the receiver acknowledge? Versions up to 1.10 report success with bytes and target
 * but without `ack` where none came (after 16 s).
 */
export const isAcknowledged = (data: Fields): boolean => textOf(data.ack).startsWith('ACK')

/** Of `ping`: did the node answer? Undefined where it does; else why not, as far as it is told. */
export const readPingError = (data: Fields): string | undefined => {
  const results = list(data.results).filter(isFields)
  if (results.some(({ rtt_ms: rtt }) => typeof rtt === 'number')) return undefined
  return excerpt(
    results.map(({ error }) => textOf(error)).find((error) => error !== '') ?? 'no answer',
  )
}

/**
 * The bytes that the receiver acknowledged: `ACK JSON 79 bytes`. Undefined where it does not say.
 * Fewer than were sent mean that pilotctl read another message than ours.
 */
export const readAcknowledgedBytes = (data: Fields): number | undefined => {
  const [, bytes] = /\b(\d{1,15}) bytes\b/.exec(textOf(data.ack)) ?? []
  return bytes === undefined ? undefined : Number(bytes)
}

/** Node ids of `trust`. */
export const readTrusted = (data: Fields): readonly number[] =>
  list(data.trusted).map(nodeIdOf).filter(isKnown)

/** Addresses of `network members`, our own among them. */
export const readMembers = (data: Fields): readonly string[] =>
  list(data.nodes ?? data.members)
    .map(nodeIdOf)
    .filter(isKnown)
    .map(formatAddress)

/** Addresses in an answer to `peers --search`. No version tells any so far: without an address nobody is taken for a member. */
export const readPeerAddresses = (data: Fields): readonly string[] =>
  list(data.peers)
    .map((entry) => backboneAddress(textOf(isFields(entry) ? entry.address : undefined)))
    .filter(isKnown)

/** One file of the inbox. TEXT and JSON are read alike: who sends without `--type` sends TEXT. */
export const readInboxFile = (content: string): InboxFile => {
  const value = parse(content)
  if (value === undefined) return { kind: 'partial' }
  if (!isFields(value)) return { kind: 'foreign' }
  const { type, from, data } = value
  const sender = backboneAddress(textOf(from))
  const isText = type === 'JSON' || type === 'TEXT'
  if (!isText || typeof data !== 'string' || sender === undefined) return { kind: 'foreign' }
  // "base64" would say that `data` is not the text itself.
  if (value.data_encoding !== undefined && value.data_encoding !== 'utf8')
    return { kind: 'foreign' }
  return { kind: 'message', from: sender, text: data }
}
