/**
 * An element of the hot layout: one write to one key, stored in an array of the document. It is one
 * of
 *
 *     [map, key, stamp, 'v', value]           a value
 *     [map, key, stamp, '+', amount, base?]   everything that this writer has added to a counter
 *     [map, key, stamp, '>', item, base?]     an item of a list
 *     [map, key, stamp, 'x', at, base?]       a mark: the entry ends at that time (Unix milliseconds)
 *
 * `base` is the Yjs id `[client, clock]` of the value that is added to, or that ends; absent if there
 * was none.
 *
 * ```js
 * decodeElement(client, clock, ['state', 'n', 1810000000000000, '+', 5])
 * ```
 */
import { jsonForm } from './json-form.ts'
import { isKeyName, isMapName } from './names.ts'

/** A Yjs id. */
export type Id = readonly [client: number, clock: number]

interface Common {
  /** The writer of the Yjs item, whatever array contains it. */
  readonly client: number
  readonly clock: number
  readonly map: string
  readonly key: string
  readonly stamp: number
}

export interface HotValue extends Common {
  readonly kind: 'v'
  readonly value: unknown
}

export interface HotPart extends Common {
  readonly kind: '+'
  readonly value: number
  readonly base: Id | undefined
}

export interface HotItem extends Common {
  readonly kind: '>'
  readonly value: unknown
  readonly base: Id | undefined
}

export interface HotMark extends Common {
  readonly kind: 'x'
  readonly value: number
  readonly base: Id | undefined
}

export type HotElement = HotValue | HotPart | HotItem | HotMark

/** An element without its id, before it is written. */
export type NewElement = Pick<HotElement, 'map' | 'key' | 'stamp' | 'kind' | 'value'> & {
  readonly base?: Id | undefined
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

const isId = (value: unknown): value is Id =>
  Array.isArray(value) && value.length === 2 && isCount(value[0]) && isCount(value[1])

export const encodeElement = ({ map, key, stamp, kind, value, base }: NewElement): unknown[] =>
  base === undefined ? [map, key, stamp, kind, value] : [map, key, stamp, kind, value, base]

/**
 * Undefined for content that no writer of this package makes. Any program may write into the
 * document, so every field is checked. The value is JSON, whatever the content holds.
 */
export const decodeElement = (
  client: number,
  clock: number,
  content: unknown,
): HotElement | undefined => {
  if (!Array.isArray(content) || content.length < 5 || content.length > 6) return undefined
  const [map, key, stamp, kind, value, base] = content as unknown[]
  if (!isMapName(map) || !isKeyName(key) || !isCount(stamp) || value === undefined) return undefined
  if (base !== undefined && !isId(base)) return undefined
  // No object is copied into another, which would take twice the memory: there are millions.
  switch (kind) {
    case 'v':
      return content.length === 5
        ? { client, clock, map, key, stamp, kind, value: jsonForm(value) }
        : undefined
    case '+':
      return typeof value === 'number' && Number.isFinite(value)
        ? { client, clock, map, key, stamp, kind, value, base }
        : undefined
    case '>':
      return { client, clock, map, key, stamp, kind, value: jsonForm(value), base }
    case 'x':
      return isCount(value) ? { client, clock, map, key, stamp, kind, value, base } : undefined
    default:
      return undefined
  }
}

/**
 * Which of two is later: by stamp, then writer, then clock; negative if `a` is earlier. This rule
 * decides between concurrent values.
 */
export const compareElements = (a: HotElement, b: HotElement): number =>
  a.stamp - b.stamp || a.client - b.client || a.clock - b.clock
