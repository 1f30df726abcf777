/**
 * What the tools of a model do: requests to the agent, with answers that a model can read.
 *
 * ```ts
 * await getEntry({ backend, changes }, { key: 'k' })      // { found: true, key: 'k', value: 1 }
 * ```
 */
import type { OneAnswer } from '../control/connection.ts'
import type { Fields } from '../control/protocol.ts'
import { deferred } from '../deferred.ts'
import { isFailure } from '../errors.ts'
import { isSameJson } from '../maps/json-value.ts'
import type { Backend } from './backend.ts'
import type { Changes } from './changes.ts'

/** Characters of values in one answer: some 16,000 tokens, which a model still reads. */
const MAX_CHARACTERS = 64_000

/** Entries or changes in one answer, if the model does not say. */
export const LIMIT = 100

/** Seconds that `wait` takes, if the model does not say. */
export const WAIT_SECONDS = 30

export interface Behind {
  readonly backend: Backend
  readonly changes: Changes
}

type Arguments = Readonly<Record<string, unknown>>

/** Rejects with a Failure. */
export type Call = (behind: Behind, args: Arguments) => Promise<Fields>

/** A request of the agent's socket with these arguments, which the schema has checked. */
const ask = (
  { backend }: Behind,
  command: OneAnswer['command'],
  args: Arguments,
): Promise<Fields> => backend.ask({ ...args, command } as unknown as OneAnswer)

/** The call of a tool that is one request. */
export const asking =
  (command: OneAnswer['command']): Call =>
  (behind, args) =>
    ask(behind, command, args)

/** The answer, or what `absent` returns if there is no such key: that is an answer, too. */
export const orAbsent = async (answer: Promise<Fields>, absent: Fields): Promise<Fields> => {
  try {
    return await answer
  } catch (error) {
    if (isFailure(error, 'not_found')) return absent
    throw error
  }
}

const shortened = (value: unknown): Fields => {
  const text = JSON.stringify(value)
  if (text.length <= MAX_CHARACTERS) return { value }
  const advice = `The value has ${text.length} characters. Read parts of it with path.`
  return { isCut: true, advice, begin: text.slice(0, 1_000) }
}

/** The value, or what stands for one that is too long. */
export const shortValue = (value: unknown): unknown => {
  const shown = shortened(value)
  return 'value' in shown ? value : shown
}

/** A change, with what is too long in it cut. */
const shortChange = ({ value, old, ...change }: Fields): Fields => ({
  ...change,
  ...(value !== undefined && shortened(value)),
  ...(old !== undefined && { old: shortValue(old) }),
})

export const getEntry: Call = async (behind, args) => {
  const { key } = args
  const answer = ask(behind, 'get', { ...args, versioned: true })
  const found = await orAbsent(answer, { found: false, key })
  if (found.found === false) return found
  const { version, expiresAt } = found
  const end = expiresAt === undefined ? {} : { expiresAt }
  return { found: true, key, ...shortened(found.value), version, ...end }
}

export const listEntries: Call = async (behind, args) => {
  const { limit = LIMIT, keysOnly, ...which } = args
  if (keysOnly === true) return ask(behind, 'keys', { ...which, limit })
  const page = await ask(behind, 'list', { ...which, limit })
  const entries: [string, unknown][] = []
  let characters = 0
  for (const [key, value] of Object.entries(page.entries as Fields)) {
    const size = key.length + JSON.stringify(value).length
    if (entries.length > 0 && characters + size > MAX_CHARACTERS)
      return { ...page, entries: Object.fromEntries(entries), cursor: entries.at(-1)![0] }
    entries.push([key, shortValue(value)])
    characters += Math.min(size, MAX_CHARACTERS)
  }
  return { ...page, entries: Object.fromEntries(entries) }
}

const isAsWanted = (value: unknown, args: Arguments): boolean =>
  value !== undefined && (!('value' in args) || isSameJson(value, args.value))

/** Watches first, so that no change falls between the look and the wait. */
export const waitForEntry: Call = async ({ backend }, args) => {
  const { key, seconds = WAIT_SECONDS, map } = args
  const where = { key: String(key), ...(map !== undefined && { map: String(map) }) }
  const { promise: arrived, resolve: wake } = deferred<Fields | undefined>()
  const look = ({ value }: Fields): void => {
    if (isAsWanted(value, args)) wake({ found: true, key, ...shortened(value) })
  }
  const timer = setTimeout(() => wake(undefined), Number(seconds) * 1_000)
  const end = await backend.watch({ command: 'watch', ...where }, look, () => wake(undefined))
  try {
    look(await orAbsent(backend.ask({ command: 'get', ...where }), {}))
    const found = await arrived
    return found ?? { found: false, key, advice: 'Not yet. Call wait again to go on waiting.' }
  } finally {
    clearTimeout(timer)
    end()
  }
}

const MAX_HISTORY = 20

export const historyOf: Call = async (behind, args) => {
  const answer = await orAbsent(ask(behind, 'history', args), { changes: [] })
  const changes = answer.changes as readonly Fields[]
  return {
    key: args.key,
    changes: changes.slice(0, MAX_HISTORY).map(shortChange),
    left: changes.length + Number(answer.left ?? 0) - Math.min(changes.length, MAX_HISTORY),
  }
}

export const changesSince: Call = async (
  { changes: all },
  { map = 'state', cursor, limit = LIMIT },
) => {
  const known = cursor === undefined ? undefined : String(cursor)
  const since = await all.since(String(map), known, Number(limit), MAX_CHARACTERS)
  return { ...since, changes: since.changes.map(shortChange) }
}
