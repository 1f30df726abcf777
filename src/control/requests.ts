/**
 * Decodes the requests of clients: a line is checked against the table of commands before the
 * agent acts on it.
 *
 * ```ts
 * decodeRequest('{"command":"get","key":"k","shade":1}') // { command: 'get', key: 'k' }
 * decodeRequest('{"command":"get"}')                     // throws invalid_argument
 * ```
 */
import { Failure } from '../errors.ts'
import type { CommandSpec, Field, FieldKind } from './command.ts'
import { COMMANDS, type Request } from './commands.ts'
import { isEntry } from './entry.ts'
import { type Fields, isFields, parseLine } from './protocol.ts'

const invalid = (message: string): Failure =>
  new Failure('invalid_argument', message, {
    hint: 'send one JSON object a line, such as {"command":"get","key":"k"}',
  })

const KINDS: Readonly<
  Record<FieldKind, { readonly what: string; readonly is: (value: unknown) => boolean }>
> = {
  text: { what: 'a string', is: (value) => typeof value === 'string' },
  flag: { what: 'true or false', is: (value) => typeof value === 'boolean' },
  number: { what: 'a finite number', is: Number.isFinite },
  json: { what: 'a value', is: (value) => value !== undefined },
  texts: {
    what: 'a list of strings',
    is: (value) => Array.isArray(value) && value.every((one) => typeof one === 'string'),
  },
  entries: {
    what: 'a list of pairs of key and value, each with a note on its kind if it has one',
    is: (value) => Array.isArray(value) && value.every(isEntry),
  },
}

type Specs = Readonly<Record<string, CommandSpec>>

const specOf = (command: unknown, specs: Specs): CommandSpec => {
  const found =
    typeof command === 'string' && Object.hasOwn(specs, command) ? specs[command] : undefined
  if (found) return found
  throw invalid(`there is no command ${JSON.stringify(command)?.slice(0, 80)}`)
}

/**
 * The request, without the fields that its command does not have. Throws a Failure
 * (invalid_argument) for any other line. Whether a map accepts the value is checked later.
 */
export const decodeRequest = (line: string, specs: Specs = COMMANDS): Request => {
  const given = parseLine(line)
  if (!isFields(given)) throw invalid('the request is not a JSON object')
  const { command } = given
  const request: Record<string, unknown> = { command }
  for (const [name, field] of Object.entries(specOf(command, specs).fields)) {
    const value = fieldOf(given, name, field)
    if (value !== undefined) request[name] = value
  }
  return request as unknown as Request
}

const fieldOf = (given: Fields, name: string, { kind, isNeeded }: Field): unknown => {
  const value = Object.hasOwn(given, name) ? given[name] : undefined
  if (value === undefined && !isNeeded) return undefined
  if (value === undefined && kind === 'json') throw invalid(`"${given.command}" needs a ${name}`)
  const { what, is } = KINDS[kind]
  if (!is(value)) throw invalid(`"${name}" of "${given.command}" must be ${what}`)
  return value
}
