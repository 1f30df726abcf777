/**
 * The commands that ask the running agent. The table of commands defines how arguments and options
 * make a request; this file prints the answers. It loads nothing heavy: scripts call these commands
 * all day.
 * ```ts
 * const request = await requestOf(context, 'set', ['k', '[1]'], { hot: true })
 * // { command: 'set', key: 'k', value: [1], hot: true }
 * ```
 */
import type { CommandSpec, Given, Help, Options, OptionsOf } from '../control/command.ts'
import { COMMANDS, type RequestOf, type Command as WireName } from '../control/commands.ts'
import type { OneAnswer } from '../control/connection.ts'
import { type Fields, MAX_REQUEST_BYTES, stringify } from '../control/protocol.ts'
import { Failure } from '../errors.ts'
import type { Answered, Command, Run, Value } from './grammar.ts'
import type { Io } from './io.ts'
import { type Context, report } from './report.ts'
import { reach, type TargetOptions } from './target.ts'
import { count, printableLines, showJson, showKey } from './text.ts'

const DATA_OPTION = {
  data: { value: 'DIR', about: 'the agent with that data folder' },
} as const satisfies Options

/** What a command that asks an agent receives: its own options, and those that select the agent. */
type Asked<Spec extends CommandSpec> = Given<
  OptionsOf<Spec['fields']> &
    (Spec['local'] extends { readonly options: infer O extends Options } ? O : unknown) &
    typeof DATA_OPTION
>

/** `ifAbsent` of a request is `--if-absent` on the line. */
const optionOf = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** A command on the line, with the arguments and options of its fields. */
export const onLine = <const Spec extends CommandSpec & { readonly help: Help }>(
  name: string,
  { fields, local = {}, help }: Spec,
  load: () => Promise<Run<Asked<Spec>>>,
): Command => {
  const all = Object.entries(fields)
  return {
    name,
    ...help,
    args: [...all.flatMap(([, { argument = [] }]) => argument), ...(local.args ?? [])],
    options: {
      ...local.options,
      ...Object.fromEntries(
        all.flatMap(([field, { option }]) => (option ? [[optionOf(field), option]] : [])),
      ),
      ...DATA_OPTION,
    },
    load: load as unknown as Command['load'], // the parser makes options of exactly this form
  }
}

/** VALUE as it is given: JSON if it parses, else a string. `-` stands for standard input. */
export const readValue = async (
  { io }: Context,
  text: string,
  isString: boolean,
): Promise<unknown> => {
  const { parseValue, trimLineBreak } = await import('./value.ts')
  const given = text === '-' ? trimLineBreak(await io.readInput(MAX_REQUEST_BYTES)) : text
  return isString ? given : parseValue(given)
}

/** Throws a Failure (invalid_argument) unless it is a number that can be kept exactly. */
const readNumber = async (word: string, text: string): Promise<number> => {
  const { parseValue } = await import('./value.ts')
  const number = parseValue(text)
  if (typeof number === 'number') return number
  throw new Failure('invalid_argument', `${word} "${text}" is not a number`, {
    hint: 'give a number such as 2, -1 or 0.5',
  })
}

const readTime = async (word: string, text: string): Promise<number> =>
  (await import('./parse.ts')).parseLifetime(word, text)

/**
 * The request that a line makes: each field of the command that was given. Rejects with a Failure
 * (invalid_argument) for a value of the wrong kind.
 */
export const requestOf = async <Name extends WireName>(
  context: Context,
  command: Name,
  args: readonly string[],
  given: object,
  { fields }: CommandSpec = COMMANDS[command],
): Promise<RequestOf<Name>> => {
  const options = given as Readonly<Record<string, Value | undefined>>
  const request: Record<string, unknown> = { command }
  const left = [...args]
  for (const [name, { kind, argument, isTime }] of Object.entries(fields)) {
    const value = argument ? left.shift() : options[optionOf(name)]
    if (value === undefined) continue
    const text = String(value)
    const word = argument?.name ?? `--${optionOf(name)}`
    if (kind === 'json') request[name] = await readValue(context, text, options.string === true)
    else if (isTime) request[name] = await readTime(word, text)
    else if (kind === 'number') request[name] = await readNumber(word, text)
    else request[name] = value
  }
  return request as unknown as RequestOf<Name> // of the kinds that the table names
}

type Show<Name extends OneAnswer['command']> = (
  answered: Answered<Name>,
) => string | Promise<string>

/** A command that prints the answer to one request, and exits with the code that `codeOf` returns. */
export const asking = <Name extends OneAnswer['command']>(
  name: Name,
  spec: CommandSpec & { readonly help: Help },
  show: Show<Name>,
  codeOf: (data: Fields) => number = () => 0,
): Command => {
  const run = async (
    context: Context,
    args: readonly string[],
    options: TargetOptions,
  ): Promise<number> => {
    const request = await requestOf(context, name, args, options, spec)
    const { client, dir } = await reach(context, options)
    const data = await client.ask(request as OneAnswer)
    const text = context.isJson ? '' : await show({ context, dir, request, data })
    report(context, data, () => text)
    return codeOf(data)
  }
  return onLine(name, spec, async () => run as Run<unknown>)
}

/**
 * A string as it is, all else as JSON. For a terminal what could control it is escaped; a program gets
 * every character.
 */
export const showValue = (value: unknown, { isTerminal }: Io): string => {
  const text = typeof value === 'string' ? value : (stringify(value) ?? 'null')
  return `${isTerminal ? printableLines(text) : text}\n`
}

/** The key, and the part of its value that was asked for. */
const showPart = (key: string, path = ''): string =>
  path === '' ? showKey(key) : `${showKey(key)} ${showKey(path)}`

/** In the order of help. `has` exits with 1 if there is no such key, for `if pilot-gossip has KEY`. */
export const REQUESTS = {
  status: asking('status', COMMANDS.status, async (answered) =>
    (await import('./status.ts')).showStatus(answered),
  ),
  set: asking(
    'set',
    COMMANDS.set,
    ({ request: { key, path, value } }) => `${showPart(key, path)} = ${showJson(value)}\n`,
  ),
  get: asking('get', COMMANDS.get, ({ context: { io }, data }) => showValue(data.value, io)),
  delete: asking('delete', COMMANDS.delete, ({ request: { key, path }, data }) =>
    key === undefined
      ? `deleted ${count(Number(data.count), 'key')}\n`
      : `deleted ${showPart(key, path)}\n`,
  ),
  expire: asking(
    'expire',
    COMMANDS.expire,
    ({ request: { key }, data }) => `${showKey(key)} ends ${data.expiresAt}\n`,
  ),
  persist: asking('persist', COMMANDS.persist, ({ request: { key }, data }) =>
    data.hadEnd === true ? `${showKey(key)} stays\n` : `${showKey(key)} had no end\n`,
  ),
  claim: asking('claim', COMMANDS.claim, ({ request: { key }, data }) => {
    const { until, fence, acknowledged } = data
    const peers = count(Number(acknowledged), 'peer')
    return `${showKey(key)} is yours until ${until} (number ${fence}, known to ${peers})\n`
  }),
  renew: asking(
    'renew',
    COMMANDS.renew,
    ({ request: { key }, data }) => `${showKey(key)} is yours until ${data.until}\n`,
  ),
  release: asking(
    'release',
    COMMANDS.release,
    ({ request: { key } }) => `${showKey(key)} is free\n`,
  ),
  has: asking(
    'has',
    COMMANDS.has,
    ({ data }) => `${data.has}\n`,
    ({ has }) => (has === true ? 0 : 1),
  ),
  increment: asking('increment', COMMANDS.increment, ({ context: { io }, data }) =>
    showValue(data.value, io),
  ),
  append: asking(
    'append',
    COMMANDS.append,
    ({ request: { key }, data }) => `${showKey(key)} has ${count(Number(data.length), 'item')}\n`,
  ),
  history: asking('history', COMMANDS.history, async (answered) =>
    (await import('./history.ts')).showHistory(answered),
  ),
  points: asking('points', COMMANDS.points, async (answered) =>
    (await import('./points.ts')).showPoints(answered),
  ),
  restore: asking('restore', COMMANDS.restore, async (answered) =>
    (await import('./points.ts')).showRestored(answered),
  ),
  peers: asking('peers', COMMANDS.peers, async (answered) =>
    (await import('./peers.ts')).showAll(answered),
  ),
} as const satisfies Readonly<Record<string, Command>>
