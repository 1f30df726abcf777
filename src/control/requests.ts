/**
 * Looks at a line that a client sent before it is believed: the agent's side of `protocol.ts`.
 *
 * ```ts
 * decodeRequest('{"command":"get","key":"k","shade":1}') // { command: 'get', key: 'k' }
 * decodeRequest('{"command":"get"}')                     // throws invalid_argument
 * ```
 */
import { Failure } from '../errors.ts'
import {
  type Command,
  type Fields,
  isAbout,
  isFields,
  parseLine,
  type Request,
} from './protocol.ts'

const invalid = (message: string): Failure =>
  new Failure('invalid_argument', message, {
    hint: 'send one JSON object a line, such as {"command":"get","key":"k"}',
  })

/** What a field must be, in words, and whether a value is that. */
interface Kind {
  readonly what: string
  readonly is: (value: unknown) => boolean
}

const isEntry = (value: unknown): boolean =>
  Array.isArray(value) &&
  typeof value[0] === 'string' &&
  (value.length === 2 || (value.length === 3 && isAbout(value[2])))

const TEXT: Kind = { what: 'a string', is: (value) => typeof value === 'string' }
const FLAG: Kind = { what: 'true or false', is: (value) => typeof value === 'boolean' }
const NUMBER: Kind = { what: 'a finite number', is: Number.isFinite }
const ANY: Kind = { what: 'a value', is: (value) => value !== undefined }
const TEXTS: Kind = {
  what: 'a list of strings',
  is: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
}
const ENTRIES: Kind = {
  what: 'a list of pairs of key and value, each with what is said of it',
  is: (value) => Array.isArray(value) && value.every(isEntry),
}

interface Field {
  readonly name: string
  readonly kind: Kind
  readonly needed: boolean
}

const needs = (name: string, kind: Kind): Field => ({ name, kind, needed: true })
const takes = (name: string, kind: Kind): Field => ({ name, kind, needed: false })

const COMMON = [takes('swarm', TEXT), takes('protocol', NUMBER)]
const OF_MAP = [...COMMON, takes('map', TEXT)]
const OF_KEY = [...OF_MAP, needs('key', TEXT)]
const OF_PART = [...OF_KEY, takes('path', TEXT)]
const HOT = takes('hot', FLAG)
const VALUE = needs('value', ANY)

const COMMANDS: Readonly<Record<Command, readonly Field[]>> = {
  set: [...OF_PART, VALUE, HOT],
  get: OF_PART,
  delete: OF_PART,
  has: OF_KEY,
  history: OF_KEY,
  increment: [...OF_KEY, takes('by', NUMBER)],
  append: [...OF_KEY, VALUE],
  put: [...OF_MAP, needs('entries', ENTRIES), HOT],
  list: OF_MAP,
  keys: OF_MAP,
  export: [...OF_MAP, takes('kinds', FLAG)],
  watch: [...OF_MAP, takes('key', TEXT)],
  hello: COMMON,
  status: COMMON,
  peers: [...COMMON, takes('ask', FLAG)],
  join: [...COMMON, takes('peers', TEXTS)],
  stop: COMMON,
}

const fieldsOf = (command: unknown): readonly Field[] => {
  if (typeof command === 'string' && Object.hasOwn(COMMANDS, command)) {
    return COMMANDS[command as Command]
  }
  throw invalid(`there is no command ${JSON.stringify(command)?.slice(0, 80)}`)
}

/**
 * The request with the fields that its command knows; others are left out. Throws a Failure
 * (invalid_argument) for what is no request. What a value may be is not looked at.
 */
export const decodeRequest = (line: string): Request => {
  const value = parseLine(line)
  if (!isFields(value)) throw invalid('the request is no JSON object')
  const { command } = value
  const request: Record<string, unknown> = { command }
  for (const field of fieldsOf(command)) take(request, value, field)
  return request as unknown as Request
}

const take = (
  request: Record<string, unknown>,
  given: Fields,
  { name, kind, needed }: Field,
): void => {
  const value = Object.hasOwn(given, name) ? given[name] : undefined
  if (value === undefined && !needed) return
  if (value === undefined && kind === ANY) throw invalid(`"${request.command}" needs a ${name}`)
  if (!kind.is(value)) throw invalid(`"${name}" of "${request.command}" must be ${kind.what}`)
  request[name] = value
}
