/**
 * The values that a document can keep: those that every replica can decode. The same rules hold for
 * local changes and for received ones, so a value that one replica accepts is accepted by all.
 *
 * Any key is allowed: `constructor` and even `__proto__` are ordinary entries, as values are read
 * into own properties (see `setOwn`).
 *
 * ```js
 * checkValue({ a: [1, 2] })      // bytes at most; throws a Rejection, too_deep
 * setOwn(copy, '__proto__', 1)   // an own property; the prototype stays
 * ```
 */
import { LIMITS } from './limits.ts'
import { Rejection } from './rejection.ts'

/** An assignment to it changes an object's prototype and creates no entry. */
const PROTOTYPE = '__proto__'

/**
 * Is it a key that a less careful reader, too, can keep in an object? We write no other key
 * ourselves, but accept every key.
 */
export const isPlainKey = (key: string): boolean => key !== PROTOTYPE

/** Sets an entry of an object, whatever its key. */
export const setOwn = (object: Record<string, unknown>, key: string, value: unknown): void => {
  if (isPlainKey(key)) object[key] = value
  else
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
}

export const tooDeep = (): Rejection =>
  new Rejection('too_deep', `a value nested more than ${LIMITS.depth} deep`)

/** Bytes of a number, boolean or null in Yjs's encoding, at most; also those added to a string. */
const SCALAR_BYTES = 10
/** UTF-8 bytes of one UTF-16 unit, at most. */
const UNIT_BYTES = 3

const scalarBytes = (value: unknown): number =>
  typeof value === 'string' ? value.length * UNIT_BYTES + SCALAR_BYTES : SCALAR_BYTES

const holds = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !(value instanceof Uint8Array)

/**
 * How many bytes the value (of decoded JSON, or of Yjs's own encoding) takes at most. Throws a
 * Rejection if it is nested deeper than `LIMITS.depth`. Uses its own stack, so that no value can
 * exhaust the program's.
 */
export const checkValue = (value: unknown): number => {
  if (value instanceof Uint8Array) return value.length + SCALAR_BYTES
  if (!holds(value)) return scalarBytes(value)
  let bytes = SCALAR_BYTES
  /** The values of each level, and how many of them have been visited. */
  const levels: (readonly unknown[])[] = []
  const looked: number[] = []
  const enter = (held: object): void => {
    if (levels.length >= LIMITS.depth) throw tooDeep()
    bytes += SCALAR_BYTES
    if (Array.isArray(held)) levels.push(held)
    else {
      for (const key of Object.keys(held)) bytes += scalarBytes(key)
      levels.push(Object.values(held))
    }
    looked.push(0)
  }
  enter(value)
  for (let top = 0; top >= 0; top = levels.length - 1) {
    const index = looked[top]!++
    const level = levels[top]!
    if (index >= level.length) {
      levels.pop()
      looked.pop()
      continue
    }
    const item = level[index]
    if (holds(item)) enter(item)
    else bytes += item instanceof Uint8Array ? item.length + SCALAR_BYTES : scalarBytes(item)
  }
  return bytes
}
