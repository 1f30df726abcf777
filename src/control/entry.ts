/**
 * An entry as it travels between a command and an agent: a key, a value, and a note on the kind of
 * the entry unless `set` would write it. In a file the note's fields stand beside key and value:
 *
 *     {"key":"beat:a","kind":"hot","value":1810000000000}
 *     {"key":"n","kind":"counter","value":8}
 *     {"key":"log","kind":"list","value":["started","half"]}
 *     {"key":"log","kind":"list","from":2,"value":["done"]}            the same list, continued
 *     {"key":"page","kind":"raw","value":"…"}                          another program wrote what `set` refuses
 *     {"key":"n","kind":"raw","types":{"/a":"bigint"},"value":{"a":"1"}}   JSON has no such type
 *     {"key":"big","kind":"part","of":"raw","at":0,"value":"\"xx"}      a chunk of the JSON text of a long value
 *     {"key":"big","kind":"part","of":"raw","at":3,"end":true,"value":"x\""}
 */
import type { ForeignTypes } from '../maps/index.ts'

export interface EntryAbout {
  readonly kind?: 'hot' | 'counter' | 'list' | 'raw' | 'part'
  /** For a list: how many items precede these. */
  readonly from?: number
  /** For a raw value, or its last part: the types that JSON lacks, by JSON Pointer. */
  readonly types?: ForeignTypes
  /** For a part: the kind of the whole. */
  readonly of?: 'hot' | 'counter' | 'list' | 'raw'
  /** For a part: its offset in the whole text, in characters. */
  readonly at?: number
  /** For a part: it is the last one. */
  readonly end?: true
}

export type Entry = readonly [key: string, value: unknown, about?: EntryAbout]

const KINDS: ReadonlySet<unknown> = new Set(['hot', 'counter', 'list', 'raw', 'part', undefined])

const isCount = (value: unknown): boolean =>
  value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The names of the types are checked when the value is restored. */
const isTypes = (value: unknown): boolean =>
  value === undefined ||
  (isObject(value) && Object.values(value).every((type) => typeof type === 'string'))

export const isAbout = (value: unknown): value is EntryAbout =>
  isObject(value) &&
  KINDS.has(value.kind) &&
  KINDS.has(value.of) &&
  value.of !== 'part' &&
  isCount(value.from) &&
  isCount(value.at) &&
  isTypes(value.types) &&
  (value.end === undefined || value.end === true)

export const isEntry = (value: unknown): value is Entry =>
  Array.isArray(value) &&
  typeof value[0] === 'string' &&
  (value.length === 2 || (value.length === 3 && isAbout(value[2])))
