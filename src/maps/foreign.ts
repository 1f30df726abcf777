/**
 * Restores values that JSON cannot hold: the JSON form of a value, with a list of the types at some
 * places (see `json-form.ts`), becomes the original value.
 *
 * ```ts
 * restoreForeign('k', { n: '1' }, { '/n': 'bigint' })     // { n: 1n }
 * ```
 */

import { setOwn } from '../../crdt/index.ts'
import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { fromBase64 } from './bytes.ts'
import { FOREIGN_TYPES, type ForeignType } from './json-form.ts'
import { copyJson } from './json-value.ts'
import { textOf } from './names.ts'
import { childOf, stepsOf } from './path.ts'

/** The types of places, by JSON Pointer. */
export type ForeignTypes = Readonly<Record<string, ForeignType>>

/** Yjs writes bigints with 64 bits and drops the rest: a longer one stays text. */
const BIGINT_BITS = 64

const isType = (type: unknown): type is ForeignType =>
  (FOREIGN_TYPES as readonly unknown[]).includes(type)

const bigintOf = (text: unknown): bigint | string | undefined => {
  if (typeof text !== 'string' || !/^-?\d{1,400}$/.test(text)) return undefined
  const value = BigInt(text)
  return BigInt.asIntN(BIGINT_BITS, value) === value ? value : text
}

const bytesOf = (text: unknown): Uint8Array | undefined => {
  if (typeof text !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return fromBase64(text)
}

/** The original value of a place whose JSON form is `shown`; `wrong` if it cannot be of that type. */
const restoredOf = (type: ForeignType, shown: unknown): { readonly value: unknown } | 'wrong' => {
  switch (type) {
    case 'bigint':
    case 'bytes': {
      const value = type === 'bigint' ? bigintOf(shown) : bytesOf(shown)
      return value === undefined ? 'wrong' : { value }
    }
    case 'undefined':
      return shown === null || shown === undefined ? { value: undefined } : 'wrong'
    case '-0':
      return shown === 0 ? { value: -0 } : 'wrong'
    default:
      return shown === null ? { value: Number(type) } : 'wrong'
  }
}

/**
 * A copy of the value with the original values at these places. Throws a Failure (invalid_argument)
 * for a place that is missing, or whose JSON form does not fit its type.
 */
export const restoreForeign = (key: string, shown: unknown, types: ForeignTypes): unknown => {
  // The wrapper makes the value itself a place like any other.
  const whole = { value: copyJson(shown) }
  for (const [pointer, type] of Object.entries(types)) {
    const steps = ['value', ...stepsOf(pointer)]
    const last = steps.pop()!
    const holder = steps.reduce<unknown>(childOf, whole)
    const found = childOf(holder, last)
    const place = isType(type) ? restoredOf(type, found) : 'wrong'
    if (place === 'wrong' || typeof holder !== 'object' || holder === null) {
      throw invalid(
        `${quote(pointer)} in the value of ${quote(key)} is ${quote(textOf(found))}, which is not of type ${type}`,
        'import the line unchanged, or leave out "types"',
      )
    }
    setOwn(holder as Record<string, unknown>, last, place.value)
  }
  return whole.value
}
