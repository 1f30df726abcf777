/**
 * Places inside a value, by JSON Pointer (RFC 6901): `/items/0/name`. In a name, `~1` is a slash
 * and `~0` a tilde. The empty pointer is the value itself.
 *
 * ```js
 * readPath({ a: [1, 2] }, '/a/1')          // 2
 * writePath({ a: [1, 2] }, '/a/-', 3)      // { a: [1, 2, 3] }
 * writePath({ a: [1, 2] }, '/a/0', undefined)   // { a: [2] }
 * ```
 */

import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { textOf } from './names.ts'

/** The pointer to a place, from the keys and indexes that lead there. */
export const pointerOf = (path: readonly (string | number)[]): string =>
  path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** The steps of a pointer. Throws a Failure (invalid_argument) for text that is not one. */
export const stepsOf = (pointer: string): string[] => {
  if (pointer === '') return []
  if (!pointer.startsWith('/') || /~(?![01])/.test(pointer)) {
    throw invalid(
      `path ${quote(pointer)} is not a JSON Pointer`,
      'write it as /items/0/name, with ~1 for a slash and ~0 for a tilde in a name',
    )
  }
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The index that a step names in an array; undefined if it is not an index. */
const indexOf = (step: string): number | undefined =>
  /^(?:0|[1-9]\d{0,14})$/.test(step) ? Number(step) : undefined

/** The child at that step; undefined if there is none. */
export const childOf = (value: unknown, step: string): unknown => {
  if (Array.isArray(value)) {
    const index = indexOf(step)
    return index === undefined ? undefined : value[index]
  }
  return isObject(value) && Object.hasOwn(value, step) ? value[step] : undefined
}

/** The part at that place of `value`; undefined if there is none. Throws a Failure for an invalid pointer. */
export const readPath = (value: unknown, pointer: string): unknown =>
  stepsOf(pointer).reduce(childOf, value)

const putInArray = (array: readonly unknown[], step: string, part: unknown): unknown[] => {
  const index = step === '-' ? array.length : indexOf(step)
  if (part === undefined && !(Number(index) < array.length)) return [...array]
  if (index === undefined || index > array.length) {
    throw invalid(
      `${quote(step)} is not an index of an array of ${array.length}`,
      `use 0 to ${array.length}, or - for its end`,
    )
  }
  return part === undefined ? array.toSpliced(index, 1) : array.toSpliced(index, 1, part)
}

const putInObject = (object: Record<string, unknown>, step: string, part: unknown): object => {
  if (part !== undefined) return { ...object, [step]: part }
  const { [step]: _, ...others } = object
  return others
}

/**
 * A copy of `value` with `part` at that place. `undefined` removes the place, if it exists. Missing
 * objects on the path are created; `-` is the place after an array's last item. Throws a Failure
 * (invalid_argument) for an invalid pointer, and if the path leads through a value that is neither
 * object nor array.
 */
export const writePath = (value: unknown, pointer: string, part: unknown): unknown => {
  const write = (at: unknown, [step, ...rest]: readonly string[]): unknown => {
    if (step === undefined) return part
    if (at === undefined && part === undefined) return undefined
    const holder = at === undefined ? {} : at
    if (!Array.isArray(holder) && !isObject(holder)) {
      throw invalid(
        `path ${quote(pointer)} leads through ${quote(textOf(holder))}, which has no ${quote(step)}`,
        'set an object there first',
      )
    }
    const child = write(childOf(holder, step), rest)
    return Array.isArray(holder)
      ? putInArray(holder, step, child)
      : putInObject(holder, step, child)
  }
  return write(value, stepsOf(pointer))
}
