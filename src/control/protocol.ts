/**
 * What a command and a running agent say to each other: one JSON object a line, in the
 * shape that `pilotctl` uses and the command line prints.
 *
 *     {"command":"set","map":"state","key":"k","value":1}
 *     {"status":"ok","data":{"map":"state","key":"k","value":1}}
 *     {"status":"error","code":"not_found","message":"no key \"k\" in \"state\""}
 *
 * `watch` is answered by one line that says it has begun, then by one for each change.
 * `export` is answered by lines of entries, as many as the client takes, and one that says the end:
 *
 *     {"status":"ok","data":{"rows":[["k",1],["l",2]]}}
 *     {"status":"ok","data":{"map":"state","isEnd":true,"count":2}}
 *
 * How a request is looked at before it is believed: see `requests.ts`.
 */
import { Failure, type FailureCode, type FailureOptions } from '../errors.ts'
import { stringify } from './deep-json.ts'

/**
 * Bytes of a request. A value of 15 MiB is the longest that can be allowed; the rest is room for
 * key and names. A client that sends more costs the agent this much memory.
 */
export const MAX_REQUEST_BYTES: number = 16 * 1024 * 1024

/** Bytes of an answer: a map of some million entries. A client holds them two or three times. */
export const MAX_ANSWER_BYTES = 256 * 1024 * 1024

export type Fields = Readonly<Record<string, unknown>>

/** A key and its value. */
export type Entry = readonly [key: string, value: unknown]

interface Common {
  /** Where it is given and the agent is of another swarm, the request is refused. */
  readonly swarm?: string
}

interface OfMap extends Common {
  /** default `state` */
  readonly map?: string
}

interface OfKey extends OfMap {
  readonly key: string
}

/** A part of the value, as a JSON Pointer (RFC 6901): `/owner/name`. */
interface OfPart extends OfKey {
  readonly path?: string
}

interface Writing {
  /** In the layout for keys that are written all day. */
  readonly hot?: boolean
}

interface Asking extends Common {
  /** Ask a peer first, and wait some seconds for any of them to be heard. */
  readonly ask?: boolean
}

/** What each command takes. */
interface Takes {
  readonly set: OfPart & Writing & { readonly value: unknown }
  readonly get: OfPart
  readonly delete: OfPart
  readonly has: OfKey
  readonly increment: OfKey & { readonly by?: number }
  readonly append: OfKey & { readonly value: unknown }
  readonly put: OfMap & Writing & { readonly entries: readonly Entry[] }
  readonly list: OfMap
  readonly keys: OfMap
  readonly export: OfMap
  readonly watch: OfMap & { readonly key?: string }
  readonly history: OfKey
  readonly status: Common
  readonly peers: Asking
  readonly stop: Common
}

export type Command = keyof Takes

/** A request of one of these commands. */
export type RequestOf<Name extends Command> = {
  readonly [One in Name]: { readonly command: One } & Takes[One]
}[Name]

export type Request = RequestOf<Command>

/** A failure that is about one of the entries of a `put`. */
export class EntryFailure extends Failure {
  /** Its place among them, from 0. */
  readonly entry: number

  constructor(entry: number, code: FailureCode, message: string, options: FailureOptions = {}) {
    super(code, message, options)
    this.entry = entry
  }
}

// A record, so that the compiler misses a code that is added to the type alone.
const CODES: Readonly<Record<FailureCode, true>> = {
  invalid_argument: true,
  not_found: true,
  not_running: true,
  already_exists: true,
  connection_failed: true,
  timeout: true,
  trust_required: true,
  permission_denied: true,
  disk_full: true,
  damaged: true,
  too_large: true,
  inbox_full: true,
  closed: true,
  internal: true,
}

const isCode = (code: unknown): code is FailureCode =>
  typeof code === 'string' && Object.hasOwn(CODES, code)

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The JSON value of a line; undefined where it is none. */
export const parseLine = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined // not JSON: the caller says so
  }
}

export const encodeRequest = (request: Request): string => `${stringify(request)}\n`

/** Peers may keep a bigint, which JSON has no word for: it is told as a string. */
const bigintAsText = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value

/** JSON of what a document holds. Throws a TypeError for what is none, as `JSON.stringify` does. */
export const encodeJson = (value: unknown): string => {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return JSON.stringify(value, bigintAsText)
  }
}

/** One line, with its line break. */
export const encodeAnswer = (data: unknown): string =>
  `{"status":"ok","data":${encodeJson(data)}}\n`

/** One line of rows that are JSON already, with its line break. */
export const encodeRows = (rows: readonly string[]): string =>
  `{"status":"ok","data":{"rows":[${rows.join(',')}]}}\n`

/** One line, with its line break; `data` is what is known all the same. */
export const encodeFailure = (failure: Failure, data?: unknown): string => {
  const { code, message, hint } = failure
  const entry = failure instanceof EntryFailure ? failure.entry : undefined
  return `${JSON.stringify({ status: 'error', code, message, hint, entry, data })}\n`
}

const failureOf = ({ code, message, hint, entry }: Fields): Failure => {
  const known = isCode(code) ? code : 'internal'
  const options = { hint: typeof hint === 'string' ? hint : undefined }
  return typeof entry === 'number'
    ? new EntryFailure(entry, known, String(message), options)
    : new Failure(known, String(message), options)
}

/** `data` of an answer. Throws the Failure that it tells, and `internal` for what is no answer. */
export const decodeAnswer = (line: string): Fields => {
  const value = parseLine(line)
  if (isFields(value) && value.status === 'ok' && isFields(value.data)) return value.data
  if (isFields(value) && value.status === 'error') throw failureOf(value)
  throw new Failure('internal', `the agent answered what is no answer: "${line.slice(0, 80)}"`, {
    hint: 'see whether command and agent are of one version',
  })
}
