/**
 * The JSON form of the content of a document. Yjs accepts values that JSON cannot hold, and shared
 * types in place of values. Every reader of a map sees them in one form:
 *
 *     bigint                        its decimal digits, a string
 *     bytes (Uint8Array)            base64, a string
 *     NaN, Infinity, -Infinity      null
 *     -0                            0
 *     undefined                     null; in an object the key is omitted
 *     Y.Map, Y.Array                an object, an array
 *     Y.Text, Y.XmlText, Y.Xml…     the result of their `toString`, a string
 *     Y.Doc (a subdocument)         {"guid": …}
 *
 * It never throws, and accepts values of any depth. A value that is already JSON is not copied.
 *
 * ```js
 * jsonForm({ n: 1n, list: [undefined] })               // { n: '1', list: [null] }
 * describeForm(Uint8Array.of(1)).types                 // Map { '' => 'bytes' }
 * ```
 */

import * as Y from 'yjs'
import { setOwn, yjsInner } from '../../crdt/index.ts'
import { toBase64 } from './bytes.ts'
import { pointerOf } from './path.ts'
import { xmlText } from './xml-text.ts'

/** The type of a value that JSON cannot hold. */
export const FOREIGN_TYPES = [
  'bigint',
  'bytes',
  'undefined',
  'NaN',
  'Infinity',
  '-Infinity',
  '-0',
] as const

export type ForeignType = (typeof FOREIGN_TYPES)[number]

export interface Form {
  readonly value: unknown
  /** The types that JSON lacks, by JSON Pointer. */
  readonly types: ReadonlyMap<string, ForeignType>
  /** Does it contain shared types, or more foreign values than `types` can list? */
  readonly isFlattened: boolean
}

/** Characters of all pointers of one value. 10,000 bigints are listed; a value with more counts as flattened. */
const MAX_POINTER_CHARACTERS = 128 * 1024

/** Levels that are checked by recursion, which is faster; a deeper value is copied. */
const MAX_FAST_LEVELS = 100

/** Receives what JSON cannot hold during the walk. */
interface Notes {
  /** `pathOf` costs as much as the value is deep. */
  foreign(type: ForeignType, pathOf: () => readonly (string | number)[]): void
  shared(): void
}

const isFinitePositiveZero = (value: number): boolean =>
  Number.isFinite(value) && !Object.is(value, -0)

/** Is it JSON, and not deep? */
const isJson = (value: unknown, levels = MAX_FAST_LEVELS): boolean => {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return isFinitePositiveZero(value)
    case 'object':
      if (value === null) return true
      if (levels === 0) return false
      return Array.isArray(value) ? isJsonArray(value, levels) : isJsonObject(value, levels)
    default:
      return false
  }
}

const isJsonArray = (value: readonly unknown[], levels: number): boolean => {
  // By index, because array methods skip holes, which read as undefined.
  for (let i = 0; i < value.length; i++) if (!isJson(value[i], levels - 1)) return false
  return true
}

const isJsonObject = (value: object, levels: number): boolean => {
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  for (const item of Object.values(value)) if (!isJson(item, levels - 1)) return false
  return true
}

/** An array or object that is being filled. */
interface Open {
  readonly source: object
  readonly target: unknown[] | Record<string, unknown>
  readonly items: readonly (readonly [key: string | number, item: unknown])[]
  /** Its key in the surrounding value. */
  readonly key: string | number
  next: number
}

const lastOf = ({ content, length }: Y.Item): unknown => content.getContent()[length - 1]

const entriesOfMap = (map: Y.Map<unknown>): [string, unknown][] => {
  const entries: [string, unknown][] = []
  for (const [key, item] of yjsInner.entryItems(map))
    if (!item.deleted) entries.push([key, lastOf(item)])
  return entries
}

const numbered = (items: readonly unknown[]): [number, unknown][] =>
  Array.from(items, (item, index): [number, unknown] => [index, item])

const openOf = (source: object, key: string | number): Open => {
  const list = source instanceof Y.Array ? source.toArray() : source
  if (Array.isArray(list)) return { source, target: [], items: numbered(list), key, next: 0 }
  const items = source instanceof Y.Map ? entriesOfMap(source) : Object.entries(source)
  return { source, target: {}, items, key, next: 0 }
}

const foreignNumber = (value: number): ForeignType =>
  Object.is(value, -0) ? '-0' : (String(value) as ForeignType)

/** Converts values one at a time, with a stack for those that contain others. */
class Former {
  readonly #open: Open[] = []
  readonly #around = new Set<object>()
  readonly #notes: Notes | undefined

  constructor(notes: Notes | undefined) {
    this.#notes = notes
  }

  form(top: unknown): unknown {
    const value = this.#begin(top, '')
    for (let open = this.#open.at(-1); open; open = this.#open.at(-1)) {
      const item = open.items[open.next++]
      if (item) this.#put(open, ...item)
      else {
        this.#open.pop()
        this.#around.delete(open.source)
      }
    }
    return value === undefined ? null : value
  }

  #put({ target }: Open, key: string | number, item: unknown): void {
    const value = this.#begin(item, key)
    if (Array.isArray(target)) target.push(value === undefined ? null : value)
    else if (value !== undefined) setOwn(target, String(key), value)
  }

  /** The value if it is a scalar, else the container to fill; undefined if the document has undefined. */
  #begin(value: unknown, key: string | number): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        if (isFinitePositiveZero(value)) return value
        this.#foreign(foreignNumber(value), key)
        return value === 0 ? 0 : null
      case 'bigint':
        this.#foreign('bigint', key)
        return String(value)
      case 'object':
        return value === null ? null : this.#beginObject(value, key)
      default:
        // Functions and symbols too: peers get undefined for them.
        this.#foreign('undefined', key)
        return undefined
    }
  }

  #beginObject(value: object, key: string | number): unknown {
    if (value instanceof Uint8Array) {
      this.#foreign('bytes', key)
      return toBase64(value)
    }
    if (value instanceof Y.Doc) {
      this.#notes?.shared()
      // A store of an earlier version may hold one that is not text.
      return { guid: typeof value.guid === 'string' ? value.guid : null }
    }
    if (value instanceof Y.AbstractType) {
      this.#notes?.shared()
      if (value instanceof Y.XmlFragment || value instanceof Y.XmlText) return xmlText(value)
      if (value instanceof Y.Text) return value.toString()
      if (!(value instanceof Y.Map || value instanceof Y.Array)) return null
    }
    // Only a value that was written here, and that no peer has, can contain itself.
    if (this.#around.has(value)) return null
    const open = openOf(value, key)
    this.#around.add(value)
    this.#open.push(open)
    return open.target
  }

  #foreign(type: ForeignType, key: string | number): void {
    this.#notes?.foreign(type, () => {
      const [, ...inside] = this.#open.map((open) => open.key)
      return this.#open.length === 0 ? [] : [...inside, key]
    })
  }
}

/** The JSON form of the content of a document. */
export const jsonForm = (content: unknown): unknown =>
  isJson(content) ? content : new Former(undefined).form(content)

const NO_TYPES: ReadonlyMap<string, ForeignType> = new Map()

/** The same, with the types that JSON lacks. */
export const describeForm = (content: unknown): Form => {
  if (isJson(content)) return { value: content, types: NO_TYPES, isFlattened: false }
  const types = new Map<string, ForeignType>()
  let characters = 0
  let isFlattened = false
  const value = new Former({
    foreign: (type, pathOf) => {
      if (characters > MAX_POINTER_CHARACTERS) return
      const pointer = pointerOf(pathOf())
      characters += pointer.length
      types.set(pointer, type)
    },
    shared: () => {
      isFlattened = true
    },
  }).form(content)
  // A partial list would be useless.
  if (characters > MAX_POINTER_CHARACTERS) return { value, types: NO_TYPES, isFlattened: true }
  return { value, types, isFlattened }
}
