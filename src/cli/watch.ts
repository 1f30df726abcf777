/**
 * The commands that stay: `watch` prints changes as they come, `wait` ends when a key is there.
 *
 * ```ts
 * await wait(context, ['build', '"done"'], { timeout: '5m' }) // rejects with `timeout` after 5 minutes
 * ```
 */
import type { ControlClient } from '../control/client.ts'
import type { Fields, RequestOf } from '../control/protocol.ts'
import { Failure, isFailure } from '../errors.ts'
import { isSameJson } from '../maps/json-value.ts'
import { readValue, showValue, type ValueOptions } from './entries.ts'
import { parseDuration } from './parse.ts'
import { type Context, report } from './report.ts'
import { type MapOptions, reach } from './target.ts'
import { printable, showJson, showKey, styler } from './text.ts'

/** Ends only with the agent, with a Failure, or with the process. */
export const watch = async (
  context: Context,
  [key]: readonly string[],
  options: MapOptions,
): Promise<void> => {
  const { client, common } = await reach(context, options)
  await client.watch({ command: 'watch', ...common, ...(key !== undefined && { key }) }, (change) =>
    report(context, change, () => showChange(context, change)),
  )
}

const showChange = ({ io }: Context, change: Fields): string => {
  const style = styler(io.hasColors)
  const { action, value, old, writer, node } = change
  const key = showKey(String(change.key))
  const by = node ?? writer
  const aside = [
    ...(old === undefined ? [] : [`was ${showJson(old)}`]),
    ...(by === undefined ? [] : [`by ${printable(String(by))}`]),
  ].join(', ')
  const what =
    action === 'delete'
      ? `${style('red', 'delete')} ${key}`
      : `${style('green', 'set')} ${key} ${showJson(value)}`
  return aside === '' ? `${what}\n` : `${what}  ${style('dim', `(${aside})`)}\n`
}

export interface WaitOptions extends ValueOptions {
  /** Default: as long as it takes. */
  readonly timeout?: string | undefined
}

/**
 * Prints the value as soon as the key is there, with the VALUE that is given where one is.
 * Rejects with `timeout` when it is not in time, and with `not_running` when the agent goes.
 */
export const wait = async (
  context: Context,
  [key = '', text]: readonly string[],
  options: WaitOptions,
): Promise<void> => {
  const { timeout } = options
  const ms = timeout === undefined ? undefined : parseDuration('--timeout', timeout)
  const wanted = text === undefined ? undefined : await readValue(context, text, options)
  const { client, common } = await reach(context, options)
  const isWanted = (value: unknown): boolean =>
    value !== undefined && (text === undefined || isSameJson(value, wanted))
  const found = await awaitEntry(client, { ...common, key }, isWanted, ms)
  if (found === undefined) throw tooLate(key, text, timeout)
  const { map, value } = found
  report(context, { map, key, value }, () => showValue(value))
}

/** The entry when it is as wanted; undefined where that takes longer than `ms`. */
const awaitEntry = async (
  client: ControlClient,
  request: Omit<RequestOf<'get'>, 'command'>,
  isWanted: (value: unknown) => boolean,
  ms: number | undefined,
): Promise<Fields | undefined> => {
  const controller = new AbortController()
  const { signal } = controller
  let found: Fields | undefined
  let failure: unknown
  const look = (told: Fields): void => {
    if (found !== undefined || !isWanted(told.value)) return
    found = told
    controller.abort()
  }
  const ask = async (): Promise<void> => {
    try {
      look(await client.ask({ command: 'get', ...request }))
    } catch (error) {
      if (isFailure(error, 'not_found')) return
      failure = error
      controller.abort()
    }
  }
  const timer = ms === undefined ? undefined : setTimeout(() => controller.abort(), ms)
  try {
    // What is there already needs no watch, for which the agent looks at the whole map.
    await ask()
    let asked: Promise<void> | undefined
    // Asked again once changes are told: whatever happens between the two, one of them has it.
    const onReady = (): void => {
      asked = ask()
    }
    if (!signal.aborted) {
      await client.watch({ command: 'watch', ...request }, look, { onReady, signal })
    }
    await asked
  } finally {
    clearTimeout(timer)
  }
  if (found === undefined && failure !== undefined) throw failure
  return found
}

const tooLate = (key: string, text: string | undefined, timeout = ''): Failure =>
  new Failure(
    'timeout',
    text === undefined
      ? `no key ${showJson(key)} after ${timeout}`
      : `key ${showJson(key)} is not ${text} after ${timeout}`,
    { hint: 'wait longer with --timeout, or see with watch what comes' },
  )
