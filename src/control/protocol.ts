/**
 * The lines between a command and a running agent: one JSON object each, in the shape that
 * `pilotctl` uses and the command line prints.
 *
 *     {"command":"set","map":"state","key":"k","value":1}
 *     {"status":"ok","data":{"map":"state","key":"k","value":1}}
 *     {"status":"error","code":"not_found","message":"no key \"k\" in \"state\""}
 *
 * The agent answers `watch` with one line when it begins, then with one for each change. It answers
 * `export` with lines of entries, as fast as the client reads them, and a last line:
 *
 *     {"status":"ok","data":{"rows":[["k",1],["l",2]]}}
 *     {"status":"ok","data":{"map":"state","isEnd":true,"count":2}}
 *
 * The commands are described in `commands.ts`; `requests.ts` decodes them.
 */
import { Failure, type FailureCode, type FailureOptions } from '../errors.ts'

/**
 * Bytes of a request. No value may be longer than 15 MiB; the rest is room for
 * key and names. A client that sends more costs the agent this much memory.
 */
export const MAX_REQUEST_BYTES: number = 16 * 1024 * 1024

/** Bytes of an answer: a map of some million entries. A client holds it two or three times. */
export const MAX_ANSWER_BYTES = 256 * 1024 * 1024

/**
 * The version of these lines. A change that an older client would misread raises it; new commands
 * and new fields do not.
 */
export const PROTOCOL = 1

export type Fields = Readonly<Record<string, unknown>>

/** A failure about one of the entries of a `put`. */
export class EntryFailure extends Failure {
  /** Its index in the request, from 0. */
  readonly entry: number

  constructor(entry: number, code: FailureCode, message: string, options: FailureOptions = {}) {
    super(code, message, options)
    this.entry = entry
  }
}

/** Every code. A record, so that the compiler notices one that is missing here. */
export const FAILURE_CODES: Readonly<Record<FailureCode, true>> = {
  invalid_argument: true,
  not_found: true,
  not_running: true,
  already_exists: true,
  conflict: true,
  taken: true,
  connection_failed: true,
  timeout: true,
  trust_required: true,
  permission_denied: true,
  disk_full: true,
  damaged: true,
  too_large: true,
  inbox_full: true,
  busy: true,
  closed: true,
  internal: true,
}

const isCode = (code: unknown): code is FailureCode =>
  typeof code === 'string' && Object.hasOwn(FAILURE_CODES, code)

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The JSON value of a line; undefined if it is not JSON. */
export const parseLine = (line: string): unknown => {
  try {
    return JSON.parse(line)
  } catch {
    return undefined // the caller reports it
  }
}

/** An array or object that is half written: the next item is at `next`. */
interface Open {
  readonly items: readonly (readonly [before: string, value: unknown])[]
  readonly end: string
  next: number
}

const openOf = (value: object): Open =>
  Array.isArray(value)
    ? { items: value.map((item) => ['', item] as const), end: ']', next: 0 }
    : {
        items: Object.entries(value)
          .filter(([, item]) => item !== undefined)
          .map(([key, item]) => [`${JSON.stringify(key)}:`, item] as const),
        end: '}',
        next: 0,
      }

/** `JSON.stringify` with a stack of its own, for values of any depth. */
const stringifyDeep = (value: unknown): string => {
  const parts: string[] = []
  const around: Open[] = []
  const write = (item: unknown): void => {
    if (typeof item !== 'object' || item === null) {
      parts.push(JSON.stringify(item) ?? 'null')
      return
    }
    parts.push(Array.isArray(item) ? '[' : '{')
    around.push(openOf(item))
  }
  write(value)
  for (let open = around.at(-1); open; open = around.at(-1)) {
    const item = open.items[open.next]
    if (!item) {
      parts.push(open.end)
      around.pop()
      continue
    }
    parts.push(open.next++ === 0 ? item[0] : `,${item[0]}`)
    write(item[1])
  }
  return parts.join('')
}

/** A map shows no bigint, but a program that answers requests itself may. */
const bigintAsText = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value

/**
 * Like `JSON.stringify`, but for a JSON value of any depth. `JSON.parse` reads values that are
 * nested 5,000 deep and more, and shared types nest to any depth.
 */
export const stringify = (value: unknown): string => {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof RangeError) return stringifyDeep(value)
    return JSON.stringify(value, bigintAsText)
  }
}

/** One line of a client, with its line break. */
export const encodeLine = (data: object): string => `${stringify(data)}\n`

/** One answer, with its line break. */
export const encodeAnswer = (data: unknown): string => `{"status":"ok","data":${stringify(data)}}\n`

/** One answer of rows that are JSON already, with its line break. */
export const encodeRows = (rows: readonly string[]): string =>
  `{"status":"ok","data":{"rows":[${rows.join(',')}]}}\n`

/** One error, with its line break; `data` is the part of the answer that is known despite it. */
export const encodeFailure = (failure: Failure, data?: unknown): string => {
  const { code, message, hint } = failure
  const entry = failure instanceof EntryFailure ? failure.entry : undefined
  return `${stringify({ status: 'error', code, message, hint, entry, data })}\n`
}

/** The Failure in an answer; `internal` if its code is unknown here. */
export const failureOf = ({ code, message, hint, entry }: Fields): Failure => {
  const known = isCode(code) ? code : 'internal'
  const options = { hint: typeof hint === 'string' ? hint : undefined }
  return typeof entry === 'number'
    ? new EntryFailure(entry, known, String(message), options)
    : new Failure(known, String(message), options)
}

/** The `data` of an answer. Throws the Failure that it carries, and `internal` if it is malformed. */
export const decodeAnswer = (line: string): Fields => {
  const value = parseLine(line)
  if (isFields(value) && value.status === 'ok' && isFields(value.data)) return value.data
  if (isFields(value) && value.status === 'error') throw failureOf(value)
  throw new Failure('internal', `the agent sent a malformed answer: "${line.slice(0, 80)}"`, {
    hint: 'use the same version for command and agent',
  })
}
