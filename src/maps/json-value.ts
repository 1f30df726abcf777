/**
 * Copies and compares JSON values of any depth, with a stack of their own: recursion would overflow
 * on what a document may hold.
 *
 * ```ts
 * const mine = copyJson(value)     // changing it changes nothing else
 * isSameJson({ a: [1] }, mine)     // the order of the keys does not matter
 * ```
 */
import { setOwn } from '../../crdt/index.ts'

type Holder = readonly unknown[] | Readonly<Record<string, unknown>>

const isHolder = (value: unknown): value is Holder => typeof value === 'object' && value !== null

/** A copy of a JSON value; anything else is returned unchanged. */
export const copyJson = <T>(value: T): T => {
  if (!isHolder(value)) return value
  const left: [from: Holder, to: unknown[] | Record<string, unknown>][] = []
  const begin = (from: unknown): unknown => {
    if (!isHolder(from)) return from
    const to = Array.isArray(from) ? [] : {}
    left.push([from, to])
    return to
  }
  const copied = begin(value)
  for (let next = left.pop(); next; next = left.pop()) {
    const [from, to] = next
    if (Array.isArray(to)) for (const item of from as readonly unknown[]) to.push(begin(item))
    else for (const [key, item] of Object.entries(from)) setOwn(to, key, begin(item))
  }
  return copied as T
}

/** Are the two JSON values equal? */
export const isSameJson = (a: unknown, b: unknown): boolean => {
  const left: [a: unknown, b: unknown][] = [[a, b]]
  for (let next = left.pop(); next; next = left.pop()) {
    const [one, other] = next
    if (one === other) continue
    if (!isHolder(one) || !isHolder(other)) return false
    if (Array.isArray(one) !== Array.isArray(other)) return false
    const keys = Object.keys(one)
    if (keys.length !== Object.keys(other).length) return false
    for (const key of keys) {
      if (!Object.hasOwn(other, key)) return false
      left.push([(one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key]])
    }
  }
  return true
}
