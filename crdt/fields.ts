/**
 * Readers for the fields of a decoded JSON message: each checks type and bounds, and throws a
 * Rejection that names the field and quotes its value.
 *
 * ```js
 * readCount(message.version, 'version')     // 7, or "version is "x", not a whole number"
 * ```
 */
import { fromBase64 } from 'lib0/buffer'
import { DIGEST_PATTERN } from './digest.ts'
import { LIMITS, type Limits } from './limits.ts'
import { Rejection, type RejectionReason } from './rejection.ts'

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const check = (ok: boolean, reason: RejectionReason, message: () => string): void => {
  if (!ok) throw new Rejection(reason, message())
}

/** Quotes a value in an error message. The inside of an object is left out: it may be too deep for JSON. */
export const show = (value: unknown): string => {
  if (typeof value === 'string') {
    return value.length > 60 ? `${JSON.stringify(value.slice(0, 60))}…` : JSON.stringify(value)
  }
  if (Array.isArray(value)) return 'an array'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}

export const readCount = (value: unknown, what: string): number => {
  check(
    Number.isSafeInteger(value) && (value as number) >= 0,
    'malformed',
    () => `${what} is ${show(value)}, not a whole number`,
  )
  return value as number
}

export const readName = (value: unknown, what: string, limits: Limits): string => {
  check(typeof value === 'string', 'malformed', () => `${what} is ${show(value)}, not a string`)
  const name = value as string
  check(
    name.length <= limits.nameLength,
    'too_large',
    () => `${what} has ${name.length} characters, at most ${limits.nameLength} are allowed`,
  )
  check(name.length > 0, 'malformed', () => `${what} is empty`)
  return name
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

export const readBase64 = (value: unknown, what: string): string => {
  check(
    typeof value === 'string' && value.length % 4 === 0 && BASE64.test(value),
    'malformed',
    () => `${what} is not base64: ${show(value)}`,
  )
  return value as string
}

export const readDigest = (value: unknown, what: string): string => {
  check(
    typeof value === 'string' && DIGEST_PATTERN.test(value),
    'malformed',
    () => `${what} is ${show(value)}, not 32 hex digits`,
  )
  return value as string
}

export const readBytes = (value: unknown, what: string): Uint8Array => {
  const text = readBase64(value, what)
  check(
    text.length <= LIMITS.fieldLength,
    'too_large',
    () => `${what} has ${text.length} characters, at most ${LIMITS.fieldLength} are allowed`,
  )
  return fromBase64(text)
}
