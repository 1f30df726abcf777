/**
 * The commands `list` and `keys`. They print while the agent still sends: the first of a million
 * entries comes at once, and no more than a few are in memory.
 *
 * ```ts
 * await listEntries(context, [], { swarm: 'kv' })
 * ```
 */
import { shellQuote } from '../control/connection.ts'
import type { Entry } from '../control/entry.ts'
import { stringify } from '../control/protocol.ts'
import { openOutput } from './output-file.ts'
import type { Context } from './report.ts'
import { requestOf } from './requests.ts'
import { reach, type TargetOptions } from './target.ts'
import { showJson, showKey, styler, table, tableLines, widthsOf } from './text.ts'

interface ListOptions extends TargetOptions {
  readonly map?: string
  readonly prefix?: string
  readonly glob?: string
  readonly limit?: string
  readonly cursor?: string
}

/** Text of the rows, so that the pieces one after another are the output. */
interface Printer<Row> {
  readonly begin: string
  readonly rows: (rows: readonly Row[]) => string
  readonly end: (map: unknown, cursor: unknown) => string
}

/** One line of JSON, as of an answer that is not streamed; `[open, close]` are the brackets. */
const jsonPrinter = <Row>(
  field: string,
  [open, close]: readonly [string, string],
  show: (row: Row) => string,
): Printer<Row> => {
  let before = ''
  return {
    begin: `{"status":"ok","data":{"${field}":${open}`,
    rows: (rows) => {
      const text = `${before}${rows.map(show).join(',')}`
      before = ','
      return text
    },
    end: (map, cursor) => {
      const more = cursor === undefined ? '' : `,"cursor":${JSON.stringify(cursor)}`
      return `${close},"map":${JSON.stringify(map)}${more}}}\n`
    },
  }
}

/** The first rows decide how wide the columns are. */
const tablePrinter = ({ io }: Context): Printer<Entry> => {
  const names = ['KEY', 'VALUE'] as const
  const style = styler(io.hasColors)
  const width = io.isTerminal ? io.columns : undefined
  let widths: readonly number[] | undefined
  return {
    begin: '',
    rows: (entries) => {
      const cells = entries.map(([key, value]) => [showKey(key), showJson(value)])
      if (widths) return tableLines(cells, widths, width)
      widths = widthsOf([names, ...cells])
      return table(names, cells, { width, head: (line) => style('bold', line) })
    },
    end: () => '',
  }
}

/** One a line. A key with a space or a control character in it is quoted as in JSON. */
const keyPrinter: Printer<string> = {
  begin: '',
  rows: (keys) => keys.map((key) => `${showKey(key)}\n`).join(''),
  end: () => '',
}

const nothingIn = (map: unknown, { prefix, glob, cursor }: ListOptions): string => {
  const isWhole = prefix === undefined && glob === undefined && cursor === undefined
  return isWhole ? `map ${showJson(map)} is empty\n` : `no such key in map ${showJson(map)}\n`
}

const print = async <Row>(
  context: Context,
  command: 'list' | 'keys',
  options: ListOptions,
  printer: Printer<Row>,
): Promise<void> => {
  const request = await requestOf(context, command, [], options)
  const { client } = await reach(context, options)
  const answers = client.rows<Row>({ ...request, rows: true })
  let next = await answers.next() // before anything is printed: there may be no agent
  const isEmpty = next.done === true
  const output = await openOutput('-', context.io)
  let text = printer.begin
  for (; !next.done; next = await answers.next()) {
    await output.write(`${text}${printer.rows(next.value)}`)
    text = ''
  }
  const { map, cursor } = next.value
  // An empty map is not a failure, but it has no output either.
  if (isEmpty && !context.isJson) context.io.err(nothingIn(map, options))
  else await output.write(`${text}${printer.end(map, cursor)}`)
  if (cursor !== undefined && !context.isJson)
    context.io.err(`there are more: add --cursor ${shellQuote(String(cursor))}\n`)
}

export const listEntries = (
  context: Context,
  _args: readonly string[],
  options: ListOptions,
): Promise<void> => {
  const showEntry = ([key, value]: Entry) => `${JSON.stringify(key)}:${stringify(value)}`
  const printer = context.isJson
    ? jsonPrinter('entries', ['{', '}'], showEntry)
    : tablePrinter(context)
  return print(context, 'list', options, printer)
}

export const listKeys = (
  context: Context,
  _args: readonly string[],
  options: ListOptions,
): Promise<void> => {
  const showKeyJson = (key: string) => JSON.stringify(key)
  const printer = context.isJson ? jsonPrinter('keys', ['[', ']'], showKeyJson) : keyPrinter
  return print(context, 'keys', options, printer)
}
