/**
 * Reads the answers of `pilotctl` and the files that the daemon writes to the inbox. Both programs
 * change with every version, and a peer controls the text of an inbox file: every field is checked
 * before it is used, and unknown fields are ignored.
 *
 * ```ts
 * readAnswer({ stdout: '{"status":"ok","data":{"node_id":10}}', stderr: '' }) // { node_id: 10 }
 * ```
 */
import { Failure, type FailureCode } from '../../errors.ts'
import { backboneAddress, formatAddress, isNodeId, parseAddress } from './address.ts'

/** Characters of foreign text that a message quotes: enough to recognise it. */
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
  /** complete, but not for us: binary, or of an unknown shape */
  | { readonly kind: 'foreign' }
  /** does not parse: not fully written yet, or damaged */
  | { readonly kind: 'partial' }

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** The JSON value of `text`; undefined if it is not JSON. */
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
  /** Is the error independent of the peer? */
  readonly isLocal?: boolean
}

/** What each code of pilotctl means here, and what to do about it. */
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

/** The error object, which pilotctl prints on one line; other lines are ignored. */
const findError = (text: string): Fields | undefined => {
  const lines = [text, ...text.split('\n').reverse()]
  for (const line of lines) {
    const value = line.includes('{') ? parse(line) : undefined
    if (isFields(value) && value.status === 'error') return value
  }
  return undefined
}

const failureOf = (error: Fields): Failure => {
  const name = textOf(error.code)
  const known = Object.hasOwn(CODES, name) ? CODES[name] : undefined
  const message = excerpt(textOf(error.message) || textOf(error.error) || `code "${name}"`)
  // For a node that the registry does not know, pilotctl reports a missing connection or missing trust.
  const isUnknown =
    /^(connection_failed|trust_required)$/.test(name) && /\bnot found\b/.test(message)
  const meaning: Meaning = (isUnknown ? CODES.not_found : known) ?? { code: 'internal' }
  const { code, isLocal = false } = meaning
  const reportedHint = excerpt(textOf(error.hint))
  const hint = reportedHint === '' ? meaning.hint : reportedHint
  return new Failure(code, `pilotctl: ${message}`, { hint, isLocal })
}

/**
 * The `data` of a successful answer. Throws the Failure that pilotctl reported on either stream,
 * and `internal` for anything that is not an answer.
 */
export const readAnswer = ({ stdout, stderr }: Output): Fields => {
  const value = parse(stdout)
  if (isFields(value) && value.status === 'ok') return isFields(value.data) ? value.data : {}
  const error = findError(stderr) ?? findError(stdout)
  if (error) throw failureOf(error)
  const output = excerpt(stdout === '' ? stderr : stdout)
  throw new Failure('internal', `pilotctl answered "${output}"; that is not a JSON answer`, {
    hint: 'check that the program is pilotctl 1.7.2 or later: pilotctl --json version',
    isLocal: true,
  })
}

/** The node id of an object, from its node id or its address. */
const nodeIdOf = (entry: unknown): number | undefined => {
  const fields = isFields(entry) ? entry : { node_id: entry }
  return isNodeId(fields.node_id) ? fields.node_id : parseAddress(textOf(fields.address))
}

const isKnown = <T>(value: T | undefined): value is T => value !== undefined

/** Reads the answer to `info`, `lookup` or `find`. Throws `internal` if it has neither address nor node id. */
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
    // The real registry omits `tags` if there are none.
    tags: list(data.tags)
      .map((tag) => textOf(tag).replace(/^#/, ''))
      .filter((tag) => tag !== ''),
  }
}

/**
 * Did the receiver acknowledge? If it did not within 16 s, versions up to 1.10 report success with
 * bytes and target, but without `ack`.
 */
export const isAcknowledged = (data: Fields): boolean => textOf(data.ack).startsWith('ACK')

/** Reads the answer to `ping`: undefined if the node answered, else the reason as far as it is known. */
export const readPingError = (data: Fields): string | undefined => {
  const results = list(data.results).filter(isFields)
  if (results.some(({ rtt_ms: rtt }) => typeof rtt === 'number')) return undefined
  return excerpt(
    results.map(({ error }) => textOf(error)).find((error) => error !== '') ?? 'no answer',
  )
}

/**
 * The number of bytes that the receiver acknowledged, from `ACK JSON 79 bytes`; undefined if the
 * answer has none. Fewer than were sent mean that pilotctl read a different message.
 */
export const readAcknowledgedBytes = (data: Fields): number | undefined => {
  const [, bytes] = /\b(\d{1,15}) bytes\b/.exec(textOf(data.ack)) ?? []
  return bytes === undefined ? undefined : Number(bytes)
}

/** The node ids in the answer to `trust`. */
export const readTrusted = (data: Fields): readonly number[] =>
  list(data.trusted).map(nodeIdOf).filter(isKnown)

/** The addresses in the answer to `network members`, our own among them. */
export const readMembers = (data: Fields): readonly string[] =>
  list(data.nodes ?? data.members)
    .map(nodeIdOf)
    .filter(isKnown)
    .map(formatAddress)

/**
 * The addresses in the answer to `peers --search`. No version returns any so far; a peer without an
 * address is not a member.
 */
export const readPeerAddresses = (data: Fields): readonly string[] =>
  list(data.peers)
    .map((entry) => backboneAddress(textOf(isFields(entry) ? entry.address : undefined)))
    .filter(isKnown)

/** One file of the inbox. TEXT is read like JSON: senders that omit `--type` send TEXT. */
export const readInboxFile = (content: string): InboxFile => {
  const value = parse(content)
  if (value === undefined) return { kind: 'partial' }
  if (!isFields(value)) return { kind: 'foreign' }
  const { type, from, data } = value
  const sender = backboneAddress(textOf(from))
  const isText = type === 'JSON' || type === 'TEXT'
  if (!isText || typeof data !== 'string' || sender === undefined) return { kind: 'foreign' }
  // With "base64", `data` would not be the text itself.
  if (value.data_encoding !== undefined && value.data_encoding !== 'utf8')
    return { kind: 'foreign' }
  return { kind: 'message', from: sender, text: data }
}
