/**
 * Values of other programs, as JSON describes them: a document accepts more than `set` does, and
 * what one document holds another can hold.
 *
 * ```ts
 * normalizeRaw(JSON.parse(text))     // { value, bytes: 12, depth: 1 }
 * setShared(root, 'k', raw)          // a Y.Map of Y.Maps, nested to any depth
 * ```
 */
import * as Y from 'yjs'
import { LIMITS } from '../../crdt/index.ts'
import { isBroken, toWellFormed } from './names.ts'

/** Levels of nesting that peers accept in one value; a hot entry is an array around its value. */
const MAX_DEPTH = LIMITS.depth - 1

/**
 * Levels of shared types around such a value. Yjs reads and deletes twice as many nested maps, and
 * some more arrays; deeper ones could be neither read nor deleted.
 */
const MAX_SHARED_LEVELS = 1_500

/** Levels of nesting that can be restored. */
export const MAX_RAW_DEPTH: number = MAX_DEPTH + MAX_SHARED_LEVELS

export interface RawValue {
  readonly value: unknown
  /** An upper bound of its JSON in UTF-8 bytes. */
  readonly bytes: number
  readonly depth: number
}

/** JSON bytes around an item, or of a scalar, at most. */
const MAX_SCALAR_BYTES = 24
/** JSON writes a control character as six bytes; no UTF-16 unit takes more. */
const MAX_UNIT_BYTES = 6

const isHolder = (value: unknown): value is Record<string | number, unknown> =>
  typeof value === 'object' && value !== null && !(value instanceof Uint8Array)

/** Gives the entry a well-formed name; returns it. */
const wellNamed = (holder: Record<string | number, unknown>, name: string): string => {
  if (!isBroken(name)) return name
  const whole = toWellFormed(name)
  holder[whole] = holder[name]
  delete holder[name]
  return whole
}

/**
 * Turns a result of JSON.parse into what a document can hold: half a surrogate pair, which UTF-8
 * cannot carry, becomes U+FFFD, as Yjs writes it. Changes the value itself, without recursion.
 */
export const normalizeRaw = (parsed: unknown): RawValue => {
  if (typeof parsed === 'string') {
    return {
      value: toWellFormed(parsed),
      bytes: parsed.length * MAX_UNIT_BYTES + MAX_SCALAR_BYTES,
      depth: 0,
    }
  }
  let bytes = MAX_SCALAR_BYTES
  let depth = 0
  const left: [holder: Record<string | number, unknown>, depth: number][] = []
  if (isHolder(parsed)) left.push([parsed, 1])
  for (let next = left.pop(); next; next = left.pop()) {
    const [holder, level] = next
    depth = Math.max(depth, level)
    for (const [name, item] of Object.entries(holder)) {
      const key = wellNamed(holder, name)
      bytes += MAX_SCALAR_BYTES + key.length * MAX_UNIT_BYTES
      if (typeof item === 'string') {
        bytes += item.length * MAX_UNIT_BYTES
        if (isBroken(item)) holder[key] = toWellFormed(item)
      } else if (isHolder(item)) left.push([item, level + 1])
    }
  }
  return { value: parsed, bytes, depth }
}

/** Is it deeper than a value may be? */
export const isDeep = ({ depth }: RawValue): boolean => depth > MAX_DEPTH

/** A shared type to fill, its value and its level. */
type Place = readonly [holder: Y.Map<unknown> | Y.Array<unknown>, value: object, level: number]

const emptyFor = (value: object): Y.Map<unknown> | Y.Array<unknown> =>
  Array.isArray(value) ? new Y.Array() : new Y.Map()

/** A `Y.Array` accepts neither of these as an item. */
const asItem = (value: unknown): unknown => {
  if (typeof value === 'bigint') return String(value)
  return value === undefined ? null : value
}

/** Sets the key to shared types that read as the value does, down to the level at which the rest is shallow enough. */
export const setShared = (root: Y.Map<unknown>, key: string, { value, depth }: RawValue): void => {
  const places: Place[] = []
  const held = (item: unknown, level: number): unknown => {
    if (!isHolder(item) || level > depth - MAX_DEPTH) return item
    const holder = emptyFor(item)
    places.push([holder, item, level])
    return holder
  }
  root.set(key, held(value, 1))
  for (let place = places.pop(); place; place = places.pop()) {
    const [holder, content, level] = place
    if (holder instanceof Y.Array) {
      holder.push((content as unknown[]).map((item) => asItem(held(item, level + 1))))
    } else {
      for (const [name, item] of Object.entries(content)) holder.set(name, held(item, level + 1))
    }
  }
}
