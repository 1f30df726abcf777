/**
 * Keys and values a shared map can keep. The same rules hold for what is written here and
 * for what arrives: a value that one replica accepts is accepted by all.
 *
 * ```js
 * checkKey('__proto__')        // throws a Refusal, key_not_plain
 * checkValue({ a: [1, 2] }, 0)
 * ```
 */
import { LIMITS } from './limits.ts'
import { Refusal } from './refusal.ts'

/** Keys that change an object's behaviour instead of becoming an entry of it. */
const NOT_PLAIN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

export const isPlainKey = (key: string): boolean => key.length < 9 || !NOT_PLAIN.has(key)

export const checkKey = (key: string): void => {
  if (!isPlainKey(key)) {
    throw new Refusal('key_not_plain', `key "${key}" is reserved by JavaScript: choose another`)
  }
}

/**
 * Throws a Refusal when `value` (of decoded JSON, or of Yjs's own encoding) is nested deeper
 * than `LIMITS.depth`, counted from `depth`, or has a key that is not plain.
 */
export const checkValue = (value: unknown, depth: number): void => {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  if (depth >= LIMITS.depth) {
    throw new Refusal('too_deep', `a value nested more than ${LIMITS.depth} deep`)
  }
  if (Array.isArray(value)) {
    for (const item of value) checkValue(item, depth + 1)
    return
  }
  // Decoding writes `object['__proto__'] = …`, which leaves no key but another prototype.
  if (Object.getPrototypeOf(value) !== Object.prototype) checkKey('__proto__')
  // Every value that arrives passes here: a loop over entries would cost three times as much.
  for (const key in value) {
    checkKey(key)
    const item = (value as Readonly<Record<string, unknown>>)[key]
    if (typeof item === 'object') checkValue(item, depth + 1)
  }
}
