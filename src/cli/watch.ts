/**
 * The commands that keep running: `watch` prints changes as they come, `wait` ends when a key is
 * there.
 *
 * ```ts
 * await wait(context, ['build', '"done"'], { timeout: '5m' }) // rejects with `timeout` after 5 minutes
 * ```
 */
import type { ControlClient } from '../control/client.ts'
import type { RequestOf } from '../control/commands.ts'
import type { Fields } from '../control/protocol.ts'
import { Failure, isFailure } from '../errors.ts'
import { isSameJson } from '../maps/json-value.ts'
import { parseDuration } from './parse.ts'
import { type Context, report } from './report.ts'
import { readValue, requestOf, showValue } from './requests.ts'
import { reach, type TargetOptions } from './target.ts'
import { printable, showJson, showKey, styler } from './text.ts'

/** Ends only with the agent, with a Failure, or with the process. */
export const watch = async (
  context: Context,
  args: readonly string[],
  options: TargetOptions & { readonly map?: string },
): Promise<void> => {
  const request = await requestOf(context, 'watch', args, options)
  const { client } = await reach(context, options)
  await client.watch(request, (change) =>
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

export interface WaitOptions extends TargetOptions {
  readonly map?: string
  /** Take VALUE as a string, whatever it looks like. */
  readonly string?: boolean
  /** Default: no limit. */
  readonly timeout?: string
}

/**
 * Prints the value as soon as the key is there, or has VALUE if one is given. Rejects with
 * `timeout` if that takes too long, and with `not_running` when the agent ends.
 */
export const wait = async (
  context: Context,
  [key = '', text]: readonly string[],
  options: WaitOptions,
): Promise<void> => {
  const { timeout, string = false } = options
  const ms = timeout === undefined ? undefined : parseDuration('--timeout', timeout)
  const wanted = text === undefined ? undefined : await readValue(context, text, string)
  const request = await requestOf(context, 'get', [key], options)
  const { client } = await reach(context, options)
  const isWanted = (value: unknown): boolean =>
    value !== undefined && (text === undefined || isSameJson(value, wanted))
  const found = await awaitEntry(client, request, isWanted, ms)
  if (found === undefined) throw tooLate(key, text, timeout)
  const { map, value } = found
  report(context, { map, key, value }, () => showValue(value, context.io))
}

/** The entry once it is as wanted; undefined if that takes longer than `ms`. */
const awaitEntry = async (
  client: ControlClient,
  request: RequestOf<'get'>,
  isWanted: (value: unknown) => boolean,
  ms: number | undefined,
): Promise<Fields | undefined> => {
  const controller = new AbortController()
  const { signal } = controller
  let found: Fields | undefined
  let failure: unknown
  const check = (answer: Fields): void => {
    if (found !== undefined || !isWanted(answer.value)) return
    found = answer
    controller.abort()
  }
  const ask = async (): Promise<void> => {
    try {
      check(await client.ask(request))
    } catch (error) {
      if (isFailure(error, 'not_found')) return
      failure = error
      controller.abort()
    }
  }
  const timer = ms === undefined ? undefined : setTimeout(() => controller.abort(), ms)
  try {
    // An entry that is there already needs no watch, for which the agent reads the whole map.
    await ask()
    let asked: Promise<void> | undefined
    // Asks again once the watch has begun: what happened between the two, one of them reports.
    const onReady = (): void => {
      asked = ask()
    }
    if (!signal.aborted) {
      await client.watch({ ...request, command: 'watch' }, check, { onReady, signal })
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
    { hint: 'wait longer with --timeout, or run watch to see what comes' },
  )
