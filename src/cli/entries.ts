/**
 * The commands that read and write entries: `set`, `get`, `delete`, `list`, `watch`. They
 * ask the running agent and load nothing heavy.
 */
import { ControlClient } from '../control/client.ts'
import { type Fields, MAX_REQUEST_BYTES } from '../control/protocol.ts'
import { type Context, report } from './report.ts'
import { findTarget, type TargetOptions } from './target.ts'
import { showJson, showKey, styler, table } from './text.ts'
import { parseValue, trimLineBreak } from './value.ts'

export interface EntryOptions extends TargetOptions {
  readonly map?: string
}

export interface SetOptions extends EntryOptions {
  readonly string?: boolean
}

/** The agent's client, and the fields that every request to it has. */
const reach = async ({ io }: Context, options: EntryOptions) => {
  const { dir, swarm } = await findTarget(options, io.env)
  const common = {
    ...(swarm !== undefined && { swarm }),
    ...(options.map !== undefined && { map: options.map }),
  }
  return { client: new ControlClient(dir), common }
}

export const set = async (
  context: Context,
  key: string,
  text: string,
  options: SetOptions,
): Promise<void> => {
  const given = text === '-' ? trimLineBreak(await context.io.readInput(MAX_REQUEST_BYTES)) : text
  const value = options.string ? given : parseValue(given)
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'set', ...common, key, value })
  report(context, data, () => `${showKey(key)} = ${showJson(value)}\n`)
}

export const get = async (context: Context, key: string, options: EntryOptions): Promise<void> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'get', ...common, key })
  const { value } = data
  report(context, data, () => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`)
}

export const remove = async (
  context: Context,
  key: string,
  options: EntryOptions,
): Promise<void> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'delete', ...common, key })
  report(context, data, () => `deleted ${showKey(key)}\n`)
}

export const list = async (context: Context, options: EntryOptions): Promise<void> => {
  const { client, common } = await reach(context, options)
  const data = await client.ask({ command: 'list', ...common })
  report(context, data, () => showEntries(context, data))
}

const showEntries = ({ io }: Context, { map, entries }: Fields): string => {
  const rows = Object.entries(entries as Fields).map(([key, value]) => [
    showKey(key),
    showJson(value),
  ])
  if (rows.length === 0) {
    io.err(`map ${showJson(map)} is empty\n`)
    return ''
  }
  const style = styler(io.hasColors)
  return table(['KEY', 'VALUE'], rows, {
    width: io.isTerminal ? io.columns : undefined,
    head: (line) => style('bold', line),
  })
}

/** Ends only with the agent, with a Failure, or with the process. */
export const watch = async (
  context: Context,
  key: string | undefined,
  options: EntryOptions,
): Promise<void> => {
  const { client, common } = await reach(context, options)
  await client.watch({ command: 'watch', ...common, ...(key !== undefined && { key }) }, (change) =>
    report(context, change, () => showChange(context, change)),
  )
}

const showChange = ({ io }: Context, { key, action, value }: Fields): string => {
  const style = styler(io.hasColors)
  return action === 'delete'
    ? `${style('red', 'delete')} ${showKey(String(key))}\n`
    : `${style('green', 'set')} ${showKey(String(key))} ${showJson(value)}\n`
}
