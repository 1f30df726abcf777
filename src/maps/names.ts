/**
 * Names of maps and keys: which are valid, and how messages quote them. Messages shorten them,
 * since a peer may send names of any length.
 *
 * ```js
 * checkNames('state', 'task:7')
 * checkNames('state', '__proto__')     // throws a Failure, invalid_argument
 * ```
 */

import { isPlainKey } from '../../crdt/index.ts'
import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { byteLength } from './bytes.ts'

/** The default map of commands. Short, because version 1 of the update format repeats it in every entry. */
export const DEFAULT_MAP = 'state'

/** The prefix of roots of this package that are not maps; no map's name may begin with it. */
const RESERVED = 'pilot-gossip:'

/** The root that holds the hot entries of all maps. */
export const HOT_ROOT = `${RESERVED}hot`

/** UTF-8 bytes. Each write of a key repeats it. */
const MAX_NAME_BYTES = 1024

const LONE_SURROGATE = /\p{Surrogate}/u

/** Does `text` contain half a surrogate pair, which UTF-8 cannot carry? */
export const isBroken = (text: string): boolean => LONE_SURROGATE.test(text)

/** The text as Yjs writes it: half a surrogate pair becomes U+FFFD. */
export const toWellFormed = (text: string): string =>
  isBroken(text) ? text.replace(/\p{Surrogate}/gu, '\ufffd') : text

/** JSON for a message, which shows its beginning. */
export const textOf = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? 'undefined'
  } catch {
    // Not JSON, or nested deeper than the stack allows.
    if (typeof value !== 'object') return String(value)
    return Array.isArray(value) ? '[…]' : '{…}'
  }
}

/** May this text, which a peer wrote, name a map? All replicas must decide alike. */
export const isMapName = (name: unknown): name is string =>
  isKeyName(name) && !name.startsWith(RESERVED)

/** May this text, which a peer wrote, be a key? All replicas must decide alike. */
export const isKeyName = (name: unknown): name is string =>
  typeof name === 'string' && isPlainKey(name)

/**
 * UTF-16 units of a key that is shown. A request to import an entry repeats its key beside two
 * million characters of its value, within 16 MiB; an escaped unit takes seven bytes. A larger value
 * would let an export have rows that no import takes, and a key fill every answer.
 */
const MAX_SHOWN_KEY = 64 * 1024

/**
 * Does a map show an entry of this key? Other programs can write an empty key, or one that is
 * longer than we write, which any reader shows, and an export restores. One of megabytes is hidden
 * from all readers; its entry stays in the document.
 */
export const isShownKey = (key: string): boolean => key.length <= MAX_SHOWN_KEY

/** Throws a Failure (invalid_argument) for the name of a root that is not a map. */
export const checkNotReserved = (map: string): void => {
  if (map.startsWith(RESERVED)) {
    throw invalid(`map name ${quote(map)} is reserved`, `choose one without ${RESERVED}`)
  }
}

const checkName = (what: string, name: string): void => {
  if (name === '') throw invalid(`the ${what} is empty`)
  if (name.length * 3 > MAX_NAME_BYTES && byteLength(name) > MAX_NAME_BYTES) {
    throw invalid(
      `${what} ${quote(name)} is longer than ${MAX_NAME_BYTES} bytes`,
      'choose a shorter one',
    )
  }
  if (isBroken(name)) throw invalid(`${what} ${quote(name)} contains a lone surrogate`)
  if (!isPlainKey(name)) {
    throw invalid(`${what} ${quote(name)} is reserved by JavaScript`, 'choose another one')
  }
}

/** Throws a Failure (invalid_argument) unless both names may be written. */
export const checkNames = (map: string, key: string): void => {
  checkName('map name', map)
  checkNotReserved(map)
  checkName('key', key)
}
