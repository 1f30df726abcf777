/**
 * What a command and a running agent say to each other: one JSON object a line, in the
 * shape that `pilotctl` uses and the command line prints.
 *
 *     {"command":"set","map":"state","key":"k","value":1}
 *     {"status":"ok","data":{"map":"state","key":"k","value":1}}
 *     {"status":"error","code":"not_found","message":"no key \"k\" in \"state\""}
 *
 * `watch` is answered by one line that says it has begun, then by one for each change.
 */
import { Failure, type FailureCode } from '../errors.ts'

/**
 * Bytes of a request. A value of 64 KiB is the longest that is kept; the rest is room in
 * which a value that is too long still gets the message that says so. A client that sends
 * more costs the agent this much memory.
 */
export const MAX_REQUEST_BYTES = 1024 * 1024

/** Bytes of an answer: a map of some million entries. A client holds them two or three times. */
export const MAX_ANSWER_BYTES = 256 * 1024 * 1024

export type Fields = Readonly<Record<string, unknown>>

interface Common {
  /** Where it is given and the agent is of another swarm, the request is refused. */
  readonly swarm?: string
}

interface OfMap extends Common {
  /** default `state` */
  readonly map?: string
}

export type Request =
  | (OfMap & { readonly command: 'set'; readonly key: string; readonly value: unknown })
  | (OfMap & { readonly command: 'get' | 'delete'; readonly key: string })
  | (OfMap & { readonly command: 'list' })
  | (OfMap & { readonly command: 'watch'; readonly key?: string })
  | (Common & { readonly command: 'status' })

/** The command, and whether it needs a key. */
const COMMANDS: Readonly<Record<Request['command'], boolean>> = {
  set: true,
  get: true,
  delete: true,
  list: false,
  watch: false,
  status: false,
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
  too_large: true,
  inbox_full: true,
  closed: true,
  internal: true,
}

const isCode = (code: unknown): code is FailureCode =>
  typeof code === 'string' && Object.hasOwn(CODES, code)

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const parse = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined // not JSON: the caller says so
  }
}

const invalid = (message: string): Failure =>
  new Failure('invalid_argument', message, {
    hint: 'send one JSON object a line, such as {"command":"get","key":"k"}',
  })

export const encodeRequest = (request: Request): string => `${JSON.stringify(request)}\n`

/** Throws a Failure (invalid_argument) for what is no request. What a value may be is not looked at. */
export const decodeRequest = (line: string): Request => {
  const value = parse(line)
  if (!isFields(value)) throw invalid('the request is no JSON object')
  const { command } = value
  if (typeof command !== 'string' || !Object.hasOwn(COMMANDS, command)) {
    throw invalid(`there is no command ${JSON.stringify(command)?.slice(0, 80)}`)
  }
  for (const name of ['swarm', 'map', 'key']) {
    const field = value[name]
    const needed = name === 'key' && COMMANDS[command as Request['command']]
    if (typeof field !== 'string' && (needed || field !== undefined)) {
      throw invalid(`"${name}" of "${command}" must be a string`)
    }
  }
  if (command === 'set' && value.value === undefined) throw invalid('"set" needs a value')
  return value as unknown as Request
}

/** Peers may keep a bigint, which JSON has no word for: it is told as a string. */
const bigintAsText = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value

/** One line, with its line break. */
export const encodeAnswer = (data: unknown): string => {
  const answer = { status: 'ok', data }
  try {
    return `${JSON.stringify(answer)}\n`
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    return `${JSON.stringify(answer, bigintAsText)}\n`
  }
}

/** One line, with its line break. */
export const encodeFailure = ({ code, message, hint }: Failure): string =>
  `${JSON.stringify({ status: 'error', code, message, hint })}\n`

/** `data` of an answer. Throws the Failure that it tells, and `internal` for what is no answer. */
export const decodeAnswer = (line: string): Fields => {
  const value = parse(line)
  if (isFields(value) && value.status === 'ok' && isFields(value.data)) return value.data
  if (isFields(value) && value.status === 'error') {
    const { code, message, hint } = value
    throw new Failure(isCode(code) ? code : 'internal', String(message), {
      hint: typeof hint === 'string' ? hint : undefined,
    })
  }
  throw new Failure('internal', `the agent answered what is no answer: "${line.slice(0, 80)}"`, {
    hint: 'see whether command and agent are of one version',
  })
}
