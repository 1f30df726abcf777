/**
 * Checks and copies values before they are written. Every replica must read a value exactly as it
 * was given, and a copy protects the document from later changes of the caller's object.
 *
 * ```js
 * checkEntry('state', 'k', { at: new Date() })    // TypeError: value.at is a Date, which JSON cannot keep
 * const mine = keepable('k', { list: [1] })       // a copy
 * ```
 */

import { isPlainKey } from '../../crdt/index.ts'
import { type Failure, invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { byteLength } from './bytes.ts'
import { checkNames, isBroken } from './names.ts'
import { DEFAULT_VALUE_BYTES } from './value-limit.ts'

/** Levels of nesting. Agents of earlier versions accept 64, and a hot entry is an array around its value. */
const MAX_DEPTH = 63

/** JSON bytes of a number, true, false or null at most, and those around an item. */
const MAX_SCALAR_BYTES = 24
/** JSON writes a control character as six bytes; no UTF-16 unit takes more. */
const MAX_UNIT_BYTES = 6

/** A value that JSON cannot keep. The message names the place in it, as in `value.items[3].at`. */
export class UnkeepableError extends TypeError {
  override readonly name = 'UnkeepableError'
}

/**
 * Turns an UnkeepableError into a Failure (invalid_argument), for code that passes on values of
 * others. Other errors stay as they are.
 */
export const toArgumentFailure = (error: unknown): unknown =>
  error instanceof UnkeepableError
    ? invalid(error.message, 'write a value that JSON can keep', error)
    : error

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

const nameOf = (path: readonly (string | number)[]): string => {
  const steps = path.map((step) => {
    if (typeof step === 'number') return `[${step}]`
    return IDENTIFIER.test(step) ? `.${step}` : `[${quote(step)}]`
  })
  return `value${steps.join('')}`
}

/** `a Date`, `undefined`, `an instance of Task`. */
const kindOf = (value: unknown): string => {
  if (typeof value === 'number' || value === undefined) return String(value)
  if (typeof value !== 'object' || value === null) return `a ${typeof value}`
  const { name } = (value as { constructor?: { name?: unknown } }).constructor ?? {}
  if (value instanceof Date || value instanceof Map || value instanceof Set) return `a ${name}`
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'no plain object'
}

/** Copies one value. `bytes` is an upper bound of its JSON, counted without creating it. */
class Copier {
  readonly #path: (string | number)[] = []
  readonly #around: object[] = []
  readonly #tooDeep: () => Failure
  bytes = 0

  constructor(tooDeep: () => Failure) {
    this.#tooDeep = tooDeep
  }

  copy(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
        if (isBroken(value)) {
          throw this.#cannot(`is ${quote(value)}, which has a lone surrogate`)
        }
        this.bytes += value.length * MAX_UNIT_BYTES + MAX_SCALAR_BYTES
        return value
      case 'number':
        if (!Number.isFinite(value)) throw this.#cannot(`is ${value}`)
        this.bytes += MAX_SCALAR_BYTES
        return value === 0 ? 0 : value // JSON does not have -0
      case 'boolean':
        this.bytes += MAX_SCALAR_BYTES
        return value
      case 'object': {
        this.bytes += MAX_SCALAR_BYTES
        if (value === null) return null
        return this.#within(value, () =>
          Array.isArray(value) ? this.#copyArray(value) : this.#copyObject(value),
        )
      }
      default:
        throw this.#cannot(`is ${kindOf(value)}`)
    }
  }

  #within(value: object, copy: () => object): object {
    if (this.#around.includes(value)) throw this.#cannot('is inside itself')
    if (this.#around.length >= MAX_DEPTH) throw this.#tooDeep()
    this.#around.push(value)
    const copied = copy()
    this.#around.pop()
    return copied
  }

  #copyArray(value: readonly unknown[]): unknown[] {
    const copied: unknown[] = []
    for (let i = 0; i < value.length; i++) {
      this.#path.push(i)
      if (!(i in value)) throw this.#cannot('is a hole')
      copied.push(this.copy(value[i]))
      this.#path.pop()
    }
    return copied
  }

  #copyObject(value: object): object {
    const prototype = Object.getPrototypeOf(value)
    if (prototype !== Object.prototype && prototype !== null)
      throw this.#cannot(`is ${kindOf(value)}`)
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.#cannot('has a symbol for a key')
    const copied: Record<string, unknown> = {}
    for (const key of Object.keys(value)) {
      this.#path.push(key)
      if (!isPlainKey(key)) {
        throw invalid(`${nameOf(this.#path)} cannot be kept: "${key}" is reserved by JavaScript`)
      }
      if (isBroken(key)) throw this.#cannot('has a key that has a lone surrogate')
      this.bytes += key.length * MAX_UNIT_BYTES + MAX_SCALAR_BYTES
      copied[key] = this.copy((value as Record<string, unknown>)[key])
      this.#path.pop()
    }
    return copied
  }

  #cannot(what: string): UnkeepableError {
    return new UnkeepableError(`${nameOf(this.#path)} ${what}, which JSON cannot keep`)
  }
}

/**
 * A copy of `value` as the document keeps it. Throws an UnkeepableError (a TypeError) that names
 * the part that JSON cannot keep, and a Failure (invalid_argument) for a value that is too deep or
 * too long.
 */
export const keepable = (
  key: string,
  value: unknown,
  maxBytes: number = DEFAULT_VALUE_BYTES,
): unknown => {
  const copier = new Copier(() =>
    invalid(
      `value of ${quote(key)} is nested more than ${MAX_DEPTH} deep`,
      'split it over several keys',
    ),
  )
  const copied = copier.copy(value)
  if (copier.bytes <= maxBytes) return copied
  const bytes = byteLength(JSON.stringify(copied))
  if (bytes > maxBytes) {
    throw invalid(
      `value of ${quote(key)} takes ${bytes} bytes; at most ${maxBytes} are allowed`,
      'split it over several keys',
    )
  }
  return copied
}

/**
 * Throws a TypeError that names the part that JSON cannot keep (`value.items[3].at is a Date, which
 * JSON cannot keep`), and a Failure (invalid_argument) for an unusable name or a value that is too
 * long or too deep.
 */
export const checkEntry = (map: string, key: string, value: unknown, maxBytes?: number): void => {
  checkNames(map, key)
  keepable(key, value, maxBytes)
}
