/**
 * The entries of a map as rows of JSON, which an import takes as they are: `[key, value]` if `set`
 * would write it, else with a note on its kind (see `entry.ts`).
 *
 * ```ts
 * [...exportRows(doc, 'state', { kinds: true })]
 * // ['["k",1]', '["n",8,{"kind":"counter"}]', '["log",["a"],{"kind":"list"}]', '["log",["b"],{"kind":"list","from":1}]']
 * ```
 */
import type * as Y from 'yjs'
import {
  checkEntry,
  DEFAULT_VALUE_BYTES,
  describeEntry,
  type ForeignTypes,
  type Form,
  formOf,
  type Selection,
  selectedKeys,
} from '../maps/index.ts'
import { cutJson, MAX_CHUNK_CHARACTERS } from './chunks.ts'
import type { EntryAbout } from './entry.ts'
import { stringify } from './protocol.ts'

/** Characters of a list's items in one row, give or take an item. Both sides hold that much in memory. */
const LIST_CHARACTERS = 64 * 1024

/** What `set` may refuse in a value: reserved names, and deep nesting, which needs many brackets. */
const RESERVED = /"(?:__proto__|constructor|prototype)"/
const MANY_BRACKETS = /^(?:[^[{]*[[{]){64}/

/** Any JSON escape; its group matches a lone surrogate, which UTF-8 cannot carry. */
const ESCAPE = /\\(?:u(d[89a-f][\da-f]{2})|.)/g

/** The JSON with U+FFFD for each lone surrogate, as Yjs writes them. */
const wellFormed = (json: string): string =>
  json.includes('\\ud')
    ? json.replace(ESCAPE, (found, surrogate) => (surrogate === undefined ? found : '\\ufffd'))
    : json

const encode = (value: unknown): string => wellFormed(stringify(value))

/** Would `set` write it? Parses the JSON only if `set` might refuse it. */
const isSettable = (map: string, key: string, json: string): boolean => {
  const isPlain = json.length * 3 <= DEFAULT_VALUE_BYTES && key !== '' && key.length < 300
  if (isPlain && !RESERVED.test(json) && !RESERVED.test(`"${key}"`) && !MANY_BRACKETS.test(json))
    return true
  try {
    checkEntry(map, key, JSON.parse(json), DEFAULT_VALUE_BYTES)
    return true
  } catch {
    return false // the reason does not matter: the row is exported as raw
  }
}

const rowOf = (key: string, json: string, about?: EntryAbout): string =>
  about ? `[${encode(key)},${json},${JSON.stringify(about)}]` : `[${encode(key)},${json}]`

/** In chunks if it is too long for one row. */
function* rowsOf(key: string, json: string, about: EntryAbout): Generator<string> {
  if (json.length <= MAX_CHUNK_CHARACTERS) {
    yield rowOf(key, json, about)
    return
  }
  for (const { chunk, ...part } of cutJson(json, about)) {
    yield rowOf(key, JSON.stringify(chunk), part)
  }
}

function* listRows(key: string, items: readonly unknown[]): Generator<string> {
  let texts: string[] = []
  let characters = 0
  let from = 0
  const about = (): EntryAbout => ({ kind: 'list', ...(from > 0 && { from }) })
  for (const item of items) {
    const text = encode(item)
    if (texts.length > 0 && characters + text.length > LIST_CHARACTERS) {
      yield* rowsOf(key, `[${texts.join(',')}]`, about())
      from += texts.length
      texts = []
      characters = 0
    }
    texts.push(text)
    characters += text.length
  }
  yield* rowsOf(key, `[${texts.join(',')}]`, about())
}

export interface ExportOptions {
  /** Add a note on the kind of each entry. Default: keys and values alone. */
  readonly kinds?: boolean
  /** Which of them; default: all. */
  readonly selection?: Selection
  /** Called at the end with the last key, if the limit has cut off others. */
  readonly onMore?: (cursor: string) => void
  /** Called for an entry that an import cannot restore: its shared types become plain values. */
  readonly onFlattened?: () => void
}

/** Sorted by path, so that the same value gives the same row. */
const typesOf = ({ types }: Form): ForeignTypes | undefined =>
  types.size > 0 ? Object.fromEntries([...types].sort(([a], [b]) => (a < b ? -1 : 1))) : undefined

/** The row of a plain entry, with the types that JSON lacks. */
function* plainRows(map: string, key: string, json: string, types: ForeignTypes | undefined) {
  if (types) yield* rowsOf(key, json, { kind: 'raw', types })
  else if (isSettable(map, key, json)) yield rowOf(key, json)
  else yield* rowsOf(key, json, { kind: 'raw' })
}

/** The keys as they are now, each as JSON. */
export function* keyRows(
  doc: Y.Doc,
  map: string,
  { selection = {}, onMore }: Pick<ExportOptions, 'selection' | 'onMore'> = {},
): Generator<string> {
  for (const key of selectedKeys(doc, map, selection, onMore)) yield JSON.stringify(key)
}

/** The keys as they are now, each with its value at the time when its row is drawn. */
export function* exportRows(
  doc: Y.Doc,
  map: string,
  { kinds = false, selection = {}, onMore, onFlattened = () => undefined }: ExportOptions = {},
): Generator<string> {
  for (const key of selectedKeys(doc, map, selection, onMore)) {
    const form = formOf(doc, map, key)
    const types = form && typesOf(form)
    if (form?.isFlattened || (types && !kinds)) onFlattened()
    if (form) {
      const json = encode(form.value)
      if (kinds) yield* plainRows(map, key, json, types)
      else yield rowOf(key, json)
      continue
    }
    const entry = describeEntry(doc, map, key)
    if (!entry) continue
    const { value, layout } = entry
    if (!kinds) yield rowOf(key, encode(value))
    else if (layout === 'list') yield* listRows(key, value as readonly unknown[])
    else if (layout !== 'plain') yield* rowsOf(key, encode(value), { kind: layout })
  }
}
