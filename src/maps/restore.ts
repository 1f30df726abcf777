/**
 * Restores the entries of an export: those that `set` accepts and, with a kind, those that it does
 * not: counters and lists, which grew in steps, and values of other programs.
 *
 * ```ts
 * restoreEntries(doc, 'state', [
 *   { key: 'task:7', value: { owner: 'a' } },
 *   { key: 'n', kind: 'counter', value: 8 },
 *   { key: 'log', kind: 'list', value: ['started'] },
 *   { key: 'log', kind: 'list', from: 1, value: ['done'] },      // the list continues
 * ])
 * ```
 */

import type * as Y from 'yjs'
import { invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { byteLength } from './bytes.ts'
import { checkEntry, keepable } from './check.ts'
import { layoutOf, viewEntry } from './entries.ts'
import { type ForeignTypes, restoreForeign } from './foreign.ts'
import { checkNames, isKeyName, isShownKey, textOf, toWellFormed } from './names.ts'
import { plainRoot } from './plain.ts'
import { isDeep, MAX_RAW_DEPTH, normalizeRaw, type RawValue } from './raw-value.ts'
import { checkWritable } from './read-only.ts'
import { Restoring } from './restoring.ts'
import { DEFAULT_VALUE_BYTES, valueLimitOf } from './value-limit.ts'

/**
 * The kind of an entry that `set` alone cannot restore: `raw` has a key or a value of another
 * program that `set` refuses.
 */
export type EntryKind = 'hot' | 'counter' | 'list' | 'raw'

export interface RestoredEntry {
  readonly key: string
  readonly value: unknown
  readonly kind?: EntryKind | undefined
  /** For a list: the number of items before these. Absent: the list starts anew. */
  readonly from?: number | undefined
  /** For `raw`, which these imply: the original types of the places that JSON cannot hold. */
  readonly types?: ForeignTypes | undefined
}

/** How an entry is written. */
type Step =
  | { readonly type: 'set'; readonly key: string; readonly value: unknown; readonly hot: boolean }
  | { readonly type: 'deep'; readonly key: string; readonly raw: RawValue }
  | { readonly type: 'list'; readonly key: string; readonly items: readonly unknown[] }
  | { readonly type: 'append'; readonly key: string; readonly items: readonly unknown[] }
  | { readonly type: 'counter'; readonly key: string; readonly value: number }

const shown = (value: unknown): string => {
  if (typeof value !== 'object' || value === null) return quote(textOf(value))
  return Array.isArray(value) ? 'an array' : 'an object'
}

const wrongValue = ({ key, kind, value }: RestoredEntry, what: string) => {
  return invalid(`value of ${quote(key)} is ${shown(value)}, but a ${kind} is ${what}`)
}

/** Throws what `set` throws, except that a list that is longer than any value becomes a list again. */
const planPlain = ({ key, value }: RestoredEntry, hot: boolean, maxBytes: number): Step => {
  try {
    return { type: 'set', key, value: keepable(key, value, maxBytes), hot }
  } catch (error) {
    if (!Array.isArray(value)) throw error
    const items = keepable(key, value, Number.POSITIVE_INFINITY) as unknown[]
    return { type: 'list', key, items: items.map((item) => keepable(key, item, maxBytes)) }
  }
}

const isTooLong = ({ value, bytes }: RawValue): boolean =>
  bytes > DEFAULT_VALUE_BYTES && byteLength(JSON.stringify(value)) > DEFAULT_VALUE_BYTES

const planRaw = ({ key: given, value: parsed, types }: RestoredEntry, hot: boolean): Step => {
  const key = toWellFormed(given)
  const shown = normalizeRaw(parsed)
  const isLong = Array.isArray(shown.value) && isTooLong(shown)
  const raw = types ? { ...shown, value: restoreForeign(key, shown.value, types) } : shown
  const { value } = raw
  if (raw.depth > MAX_RAW_DEPTH) {
    throw invalid(
      `value of ${quote(key)} is nested more than ${MAX_RAW_DEPTH} deep`,
      'split it over several keys',
    )
  }
  if (isDeep(raw)) return { type: 'deep', key, raw }
  if (isLong) return { type: 'list', key, items: value as readonly unknown[] }
  return { type: 'set', key, value, hot }
}

/** Plans kinds that are stored as hot elements. Any program may write these, so every value that was one can be restored. */
const planKind = (entry: RestoredEntry): Step => {
  const { key, kind, from = 0 } = entry
  if (!isKeyName(key)) throw invalid(`key ${quote(key)} is reserved by JavaScript`)
  const { value } = normalizeRaw(entry.value)
  switch (kind) {
    case 'counter':
      if (typeof value !== 'number') throw wrongValue(entry, 'a number')
      return { type: 'counter', key, value }
    case 'list':
      if (!Array.isArray(value)) throw wrongValue(entry, 'an array')
      return { type: from > 0 ? 'append' : 'list', key, items: value }
    default:
      return { type: 'set', key, value, hot: true }
  }
}

const plan = (map: string, entry: RestoredEntry, hot: boolean, maxBytes: number): Step => {
  checkEntry(map, 'k', null) // checks the map's name
  const { key, kind, types } = entry
  if (!isShownKey(key)) throw invalid(`key ${quote(key)} is too long to be shown again`)
  if (kind === 'raw' || (kind === undefined && types)) return planRaw(entry, hot)
  if (types) {
    throw invalid(
      `${quote(key)} is of kind ${quote(kind ?? '')} and has "types", which only kind "raw" may have`,
      'import the line unchanged, or leave out "types"',
    )
  }
  if (kind !== undefined) return planKind(entry)
  checkNames(map, key)
  return planPlain(entry, hot, maxBytes)
}

/** Throws as `restoreEntries` does, if one of them continues a key that is not a list. */
const checkAppends = (doc: Y.Doc, map: string, steps: readonly Step[]): void => {
  const types = new Map<string, Step['type']>()
  for (const { type, key } of steps) {
    if (type !== 'append') {
      types.set(key, type)
      continue
    }
    const before = types.get(key)
    const view = before === undefined ? viewEntry(doc, map, key) : undefined
    if (before === 'list' || (before === undefined && Restoring.canAppend(view))) continue
    throw invalid(
      `${quote(key)} is not a list that can be continued`,
      'import the file from its beginning',
    )
  }
}

/** Throws what `restoreEntries` would throw for this entry alone. */
export const checkRestored = (doc: Y.Doc, map: string, entry: RestoredEntry): void => {
  plan(map, entry, false, valueLimitOf(doc))
}

/**
 * Replaces the visible entries of these keys, in one transaction, all of them or none. Throws as
 * `writeEntries` does, and a Failure (invalid_argument) for a value that does not fit its kind, or
 * a continued key that is not a list.
 */
export const restoreEntries = (
  doc: Y.Doc,
  map: string,
  entries: readonly RestoredEntry[],
  { hot = false }: { readonly hot?: boolean } = {},
): void => {
  plainRoot(doc, map) // throws if it cannot be a map
  checkWritable(doc)
  const maxBytes = valueLimitOf(doc)
  const steps = entries.map((entry) => plan(map, entry, hot, maxBytes))
  checkAppends(doc, map, steps)
  doc.transact((transaction) => {
    const restoring = new Restoring(doc, map, transaction)
    for (const step of steps) {
      switch (step.type) {
        case 'set': {
          const view = viewEntry(doc, map, step.key)
          const isHot = step.hot || (view !== undefined && layoutOf(view) !== 'plain')
          restoring.set(step.key, step.value, isHot)
          break
        }
        case 'deep':
          restoring.setDeep(step.key, step.raw)
          break
        case 'counter':
          restoring.setCounter(step.key, step.value)
          break
        case 'list':
          restoring.setList(step.key, step.items)
          break
        case 'append':
          restoring.append(step.key, step.items)
      }
    }
    restoring.flush()
  })
}
