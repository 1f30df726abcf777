/**
 * One awareness state as text: read from a peer's message, and written for peers with the same
 * checks that they make, so that a state that they would reject is found where it was set.
 *
 * ```js
 * readState('{"name":"Ada"}')     // { name: 'Ada' }, or throws a Rejection
 * writeState({ name: 'Ada' })     // { json: '{"name":"Ada"}' }
 * writeState({ at: 1n })          // { rejected: { reason: 'malformed', path: ['at'], message: 'awareness.at: …' } }
 * ```
 */
import { LIMITS } from './limits.ts'
import type { RejectedChange } from './local-check.ts'
import { Rejection } from './rejection.ts'
import { type Path, showPath } from './show-path.ts'
import { checkValue, tooDeep } from './values.ts'

/** Characters of one state. A cursor and a name take 200. Each peer gets that much for each move. */
export const MAX_AWARENESS_STATE_LENGTH = 16_384

/**
 * Values visited to find the one that JSON cannot write, in a tenth of a second. In a larger state
 * the fault is reported without its place.
 */
const MAX_VISITED = 1_000_000

export type AwarenessState = { readonly [key: string]: unknown } | null

/** The state as it travels, or why peers would reject it. */
export type WrittenState =
  | { readonly json: string; readonly rejected?: undefined }
  | { readonly rejected: RejectedChange; readonly json?: undefined }

/** Throws a Rejection, or what JSON.parse throws. */
export const readState = (json: string): AwarenessState => {
  if (json.length > MAX_AWARENESS_STATE_LENGTH) {
    throw new Rejection('too_large', `awareness state of ${json.length} characters`)
  }
  const state: unknown = JSON.parse(json)
  if (typeof state !== 'object' || Array.isArray(state)) {
    throw new Rejection('malformed', `awareness state is ${json.slice(0, 60)}, not an object`)
  }
  checkValue(state)
  return state as AwarenessState
}

/** `path`: keys and list indexes, within the state. */
const rejected = (reason: RejectedChange['reason'], path: Path, what: string): WrittenState => ({
  rejected: {
    reason,
    path: [...path],
    message: `${showPath(['awareness', ...path])}: ${what}`,
  },
})

/** Never throws, although a program may throw an object that cannot be shown. */
const messageOf = (error: unknown): string => {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    return 'an error that cannot be shown'
  }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** An object whose entries JSON writes, and how many of them have been visited. */
interface Level {
  readonly holder: object
  readonly keys: readonly string[] | undefined
  readonly length: number
  next: number
}

const levelOf = (holder: object): Level => {
  const keys = Array.isArray(holder) ? undefined : Object.keys(holder)
  return { holder, keys, length: keys?.length ?? (holder as unknown[]).length, next: 0 }
}

/** What JSON writes in place of the entry. */
const readEntry = (holder: object, step: string | number): unknown => {
  const value: unknown = Reflect.get(holder, step)
  if (value === undefined || value === null) return value
  const { toJSON } = value as { toJSON?: unknown }
  return typeof toJSON === 'function' ? Reflect.apply(toJSON, value, [String(step)]) : value
}

/**
 * The first place in the state that JSON cannot write or that is too deep, in JSON's order;
 * undefined if none is found. Uses its own stack, so that no state can exhaust the program's.
 */
const findFault = (state: unknown): WrittenState | undefined => {
  const levels: Level[] = []
  const around = new Set<object>()
  const path: (string | number)[] = []
  /** Visits the value at `path`, and enters it if it has entries. */
  const look = (read: () => unknown): WrittenState | undefined => {
    try {
      const value = read()
      if (typeof value === 'bigint') return rejected('malformed', path, 'a BigInt is not JSON')
      if (!isObject(value)) return undefined
      if (around.has(value)) return rejected('malformed', path, 'an object that is inside itself')
      if (levels.length >= LIMITS.depth) return rejected('too_deep', path, tooDeep().message)
      levels.push(levelOf(value))
      around.add(value)
    } catch (error) {
      return rejected('malformed', path, `cannot be read: ${messageOf(error)}`)
    }
    return undefined
  }
  let fault = look(() => readEntry({ '': state }, ''))
  for (let left = MAX_VISITED; !fault && left > 0; left--) {
    const level = levels.at(-1)
    if (!level) return undefined
    if (level.next >= level.length) {
      levels.pop()
      around.delete(level.holder)
      path.pop()
      continue
    }
    const index = level.next++
    const step = level.keys?.[index] ?? index
    const depth = levels.length
    path.push(step)
    fault = look(() => readEntry(level.holder, step))
    if (!fault && levels.length === depth) path.pop()
  }
  return fault
}

/** The largest entry of the state. */
const largestOf = (json: string): Path => {
  const state: unknown = JSON.parse(json)
  let largest: string | undefined
  let most = 0
  for (const [key, value] of Object.entries(isObject(state) ? state : {})) {
    const length = key.length + JSON.stringify(value).length
    if (length > most) largest = key
    most = Math.max(most, length)
  }
  return largest === undefined ? [] : [largest]
}

/** For example `undefined`, `a function`, `a list`, `the number 3`. */
const kindOf = (state: unknown): string => {
  if (state === undefined) return 'undefined'
  if (Array.isArray(state)) return 'a list'
  if (typeof state === 'object') return 'an object that JSON writes as something else'
  return `a ${typeof state}`
}

/**
 * Writes a state that a program has set. `null`, which means that the client has gone, is not a
 * state. Never throws.
 */
export const writeState = (state: unknown): WrittenState => {
  let json: string | undefined
  try {
    json = JSON.stringify(state)
  } catch (error) {
    return findFault(state) ?? rejected('malformed', [], `not JSON: ${messageOf(error)}`)
  }
  if (json === undefined || !json.startsWith('{')) {
    return rejected('malformed', [], `${kindOf(state)}, not an object`)
  }
  if (json.length > MAX_AWARENESS_STATE_LENGTH) {
    const what = `the state has ${json.length} characters, at most ${MAX_AWARENESS_STATE_LENGTH} are allowed`
    return rejected('too_large', largestOf(json), what)
  }
  try {
    readState(json)
    return { json }
  } catch (error) {
    if (error instanceof Rejection && error.reason !== 'too_deep')
      return rejected(error.reason, [], error.message)
    return findFault(JSON.parse(json)) ?? rejected('too_deep', [], messageOf(error))
  }
}
