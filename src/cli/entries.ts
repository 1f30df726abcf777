/**
 * The commands that read and write entries, one request each. They ask the running agent and
 * load nothing heavy; what only some of them need is loaded by those.
 *
 * ```ts
 * await set(context, ['task:7', '{"owner":"a"}'], { swarm: 'kv' })
 * await get(context, ['task:7'], { swarm: 'kv', path: '/owner' }) // prints a
 * ```
 */
import { type Fields, MAX_REQUEST_BYTES, stringify } from '../control/protocol.ts'
import { Failure } from '../errors.ts'
import { type Context, report } from './report.ts'
import { type MapOptions, reach } from './target.ts'
import { count, showJson, showKey, styler, table } from './text.ts'

export interface PartOptions extends MapOptions {
  /** A part of the value, as a JSON Pointer: `/owner/name`. */
  readonly path?: string | undefined
}

export interface ValueOptions extends MapOptions {
  /** Take VALUE as a string, whatever it looks like. */
  readonly string?: boolean | undefined
}

export interface SetOptions extends PartOptions, ValueOptions {
  /** Keep the key in the layout for those that are written all day. */
  readonly hot?: boolean | undefined
}

/** VALUE as it is given: JSON where it parses, else a string; `-` stands for standard input. */
export const readValue = async (
  { io }: Context,
  text: string,
  { string = false }: ValueOptions,
): Promise<unknown> => {
  const { parseValue, trimLineBreak } = await import('./value.ts')
  const given = text === '-' ? trimLineBreak(await io.readInput(MAX_REQUEST_BYTES)) : text
  return string ? given : parseValue(given)
}

/** A string as it is, all else as JSON. */
export const showValue = (value: unknown): string =>
  `${typeof value === 'string' ? value : stringify(value)}\n`

const partOf = ({ path }: PartOptions) => (path === undefined ? {} : { path })

/** The key, and the part of its value that was asked for. */
const showPart = (key: string, { path = '' }: PartOptions): string =>
  path === '' ? showKey(key) : `${showKey(key)} ${showKey(path)}`

export const set = async (
  context: Context,
  [key = '', text = '']: readonly string[],
  options: SetOptions,
): Promise<void> => {
  const value = await readValue(context, text, options)
  const { client, common } = await reach(context, options)
  const layout = options.hot ? { hot: true } : {}
  const data = await client.ask({
    command: 'set',
    ...common,
    key,
    value,
    ...partOf(options),
    ...layout,
  })
  report(context, data, () => `${showPart(key, options)} = ${showJson(value)}\n`)
}

export const get = async (
  context: Context,
  [key = '']: readonly string[],
  options: PartOptions,
): Promise<void> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'get', ...common, key, ...partOf(options) })
  report(context, data, () => showValue(data.value))
}

export const remove = async (
  context: Context,
  [key = '']: readonly string[],
  options: PartOptions,
): Promise<void> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'delete', ...common, key, ...partOf(options) })
  report(context, data, () => `deleted ${showPart(key, options)}\n`)
}

/** Exit code 1 where there is no such key, for `if pilot-gossip has KEY`. */
export const has = async (
  context: Context,
  [key = '']: readonly string[],
  options: MapOptions,
): Promise<number> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'has', ...common, key })
  report(context, data, () => `${data.has}\n`)
  return data.has === true ? 0 : 1
}

export const list = async (
  context: Context,
  _args: readonly string[],
  options: MapOptions,
): Promise<void> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'list', ...common })
  report(context, data, () => {
    const { io } = context
    const rows = Object.entries(data.entries as Fields)
    if (rows.length === 0) return tellEmpty(context, data)
    const style = styler(io.hasColors)
    return table(
      ['KEY', 'VALUE'],
      rows.map(([key, value]) => [showKey(key), showJson(value)]),
      { width: io.isTerminal ? io.columns : undefined, head: (line) => style('bold', line) },
    )
  })
}

/** One a line; a key with a space or a control character in it is quoted as in JSON. */
export const keys = async (
  context: Context,
  _args: readonly string[],
  options: MapOptions,
): Promise<void> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'keys', ...common })
  report(context, data, () => {
    const all = data.keys as readonly string[]
    return all.length === 0
      ? tellEmpty(context, data)
      : all.map((key) => `${showKey(key)}\n`).join('')
  })
}

/** An empty map is no failure, and no output either. */
const tellEmpty = ({ io }: Context, { map }: Fields): string => {
  io.err(`map ${showJson(map)} is empty\n`)
  return ''
}

/** Prints the new sum. */
export const increment = async (
  context: Context,
  [key = '', text = '1']: readonly string[],
  options: MapOptions,
): Promise<void> => {
  const by = await readNumber(text)
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'increment', ...common, key, by })
  report(context, data, () => showValue(data.value))
}

/** Throws a Failure (invalid_argument) unless it is a number that can be kept exactly. */
const readNumber = async (text: string): Promise<number> => {
  const { parseValue } = await import('./value.ts')
  const number = parseValue(text)
  if (typeof number === 'number') return number
  throw new Failure('invalid_argument', `BY "${text}" is no number`, {
    hint: 'give a number such as 2, -1 or 0.5',
  })
}

export const append = async (
  context: Context,
  [key = '', text = '']: readonly string[],
  options: ValueOptions,
): Promise<void> => {
  const value = await readValue(context, text, options)
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'append', ...common, key, value })
  report(context, data, () => `${showKey(key)} has ${count(Number(data.length), 'item')}\n`)
}
