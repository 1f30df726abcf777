/**
 * The collaborative maps of a document: its root `Y.Map`s. What is written is checked first,
 * so that every replica keeps exactly the value that was given, or the writer is told why not.
 *
 * ```js
 * writeEntry(doc, 'state', 'task:7', { owner: 'a' })
 * readEntries(doc, 'state')     // { 'task:7': { owner: 'a' } }
 * ```
 */
import * as Y from 'yjs'
import { checkKey, checkValue, Refusal } from '../crdt/index.ts'
import { Failure } from './errors.ts'

/** The map that commands use unless they name another. Short, as V1 repeats it in every entry. */
export const DEFAULT_MAP = 'state'

/** UTF-8 bytes. Keys are repeated with every write of them. */
const MAX_KEY_BYTES = 1024

/**
 * UTF-8 bytes of the value's JSON. A value cannot be cut, and must fit into the one argument
 * that a pilotctl before 1.17 can be given (131,071 bytes), in base64, even when it does not compress.
 */
const MAX_VALUE_BYTES = 64 * 1024

const invalid = (message: string, hint?: string): Failure =>
  new Failure('invalid_argument', message, { hint })

const quote = (text: string): string =>
  JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)

const LONE_SURROGATE = /\p{Surrogate}/u

/** JSON cannot say these, and UTF-8 cannot carry half a surrogate pair: a peer would read something else. */
const checkExact = (value: unknown): void => {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw invalid(`value ${value} is not a number JSON can keep`)
  }
  if (typeof value === 'string' && LONE_SURROGATE.test(value)) {
    throw invalid(`value ${quote(value)} has half a character (a lone surrogate)`)
  }
  if (Array.isArray(value)) value.forEach(checkExact)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      checkExact(key)
      checkExact(item)
    }
  }
}

/** Throws a Failure (invalid_argument) unless `name` can be a key or the name of a map. */
const checkName = (what: string, name: string): void => {
  if (name === '') throw invalid(`the ${what} is empty`)
  if (Buffer.byteLength(name) > MAX_KEY_BYTES) {
    throw invalid(
      `${what} ${quote(name)} is longer than ${MAX_KEY_BYTES} bytes`,
      'choose a shorter one',
    )
  }
  if (LONE_SURROGATE.test(name)) throw invalid(`${what} ${quote(name)} has half a character`)
  try {
    checkKey(name)
  } catch (error) {
    if (error instanceof Refusal) throw invalid(error.message)
    throw error
  }
}

/** Throws a Failure (invalid_argument) unless a shared map can keep `value`, a JSON value, exactly. */
export const checkEntry = (map: string, key: string, value: unknown): void => {
  checkName('map name', map)
  checkName('key', key)
  try {
    checkValue(value, 0)
  } catch (error) {
    if (error instanceof Refusal) throw invalid(`value of ${quote(key)}: ${error.message}`)
    throw error
  }
  checkExact(value)
  const json = JSON.stringify(value)
  if (json === undefined) throw invalid(`value of ${quote(key)} is not a JSON value`)
  const bytes = Buffer.byteLength(json)
  if (bytes > MAX_VALUE_BYTES) {
    throw invalid(
      `value of ${quote(key)} takes ${bytes} bytes, at most ${MAX_VALUE_BYTES} can be kept`,
      'split it over several keys',
    )
  }
}

/** The root map of that name; a Failure where the name is another kind of shared type. */
const mapOf = (doc: Y.Doc, map: string): Y.Map<unknown> => {
  try {
    return doc.getMap(map)
  } catch (error) {
    throw new Failure('invalid_argument', `"${map}" is a shared type, but no map`, { cause: error })
  }
}

/** A value as JSON: nested shared types are read out. */
const toJson = (value: unknown): unknown =>
  value instanceof Y.AbstractType ? value.toJSON() : value

export const writeEntry = (doc: Y.Doc, map: string, key: string, value: unknown): void => {
  checkEntry(map, key, value)
  mapOf(doc, map).set(key, value)
}

/** Returns whether there was such a key. */
export const deleteEntry = (doc: Y.Doc, map: string, key: string): boolean => {
  const shared = mapOf(doc, map)
  if (!shared.has(key)) return false
  shared.delete(key)
  return true
}

/** The value, or undefined. */
export const readEntry = (doc: Y.Doc, map: string, key: string): unknown =>
  toJson(mapOf(doc, map).get(key))

/** All entries, sorted by key; safe against any key. */
export const readEntries = (doc: Y.Doc, map: string): Record<string, unknown> => {
  const shared = mapOf(doc, map)
  const keys = [...shared.keys()].sort()
  return Object.fromEntries(keys.map((key) => [key, toJson(shared.get(key))]))
}

const isUntyped = (type: object): boolean => type.constructor === Y.AbstractType

/** The maps there are, with their number of keys, sorted by name. */
export const listMaps = (doc: Y.Doc): { name: string; keys: number }[] => {
  const maps: { name: string; keys: number }[] = []
  for (const [name, type] of doc.share) {
    // A root that only peers have used has no kind yet; one with keys is a map.
    const isMap = type instanceof Y.Map || (isUntyped(type) && type._map.size > 0)
    if (isMap) maps.push({ name, keys: doc.getMap(name).size })
  }
  return maps.sort((a, b) => (a.name < b.name ? -1 : 1))
}

export interface EntryChange {
  readonly map: string
  readonly key: string
  readonly action: 'set' | 'delete'
  /** The new value; absent for `delete`. */
  readonly value?: unknown
  /** The value before; absent where there was none. */
  readonly old?: unknown
}

/** Calls `tell` for each change of the map's entries, from here or elsewhere; returns the end of it. */
export const observeEntries = (
  doc: Y.Doc,
  map: string,
  tell: (change: EntryChange) => void,
): (() => void) => {
  const shared = mapOf(doc, map)
  const observer = (event: Y.YMapEvent<unknown>) => {
    for (const [key, { action, oldValue }] of event.changes.keys) {
      const value = readEntry(doc, map, key)
      tell({
        map,
        key,
        action: action === 'delete' ? 'delete' : 'set',
        ...(action !== 'delete' && { value }),
        ...(action !== 'add' && oldValue !== undefined && { old: toJson(oldValue) }),
      })
    }
  }
  shared.observe(observer)
  return () => shared.unobserve(observer)
}
