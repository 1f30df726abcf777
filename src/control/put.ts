/**
 * Writes the entries of one `put` in one step: those that are complete, and those whose last part
 * it contains.
 *
 * ```ts
 * putEntries(doc, 'state', [['k', 1], ['n', 8, { kind: 'counter' }]], { hot: false, parts: new Parts() })
 * ```
 */
import type * as Y from 'yjs'
import { toFailure } from '../errors.ts'
import {
  checkRestored,
  type RestoredEntry,
  restoreEntries,
  toArgumentFailure,
} from '../maps/index.ts'
import type { Entry } from './entry.ts'
import type { Parts } from './parts.ts'
import { EntryFailure } from './protocol.ts'

interface PutOptions {
  /** Write entries without a kind in the layout for keys that are overwritten all day. */
  readonly hot: boolean
  /** Parts that earlier requests brought. */
  readonly parts: Parts
}

/** An entry, and its index in the request. */
interface Placed {
  readonly index: number
  readonly entry: RestoredEntry
}

const entryFailure = (index: number, cause: unknown): EntryFailure => {
  const { code, message, hint } = toFailure(toArgumentFailure(cause))
  return new EntryFailure(index, code, message, { hint, cause })
}

/** The failure with the index of the entry that caused it, if one did. */
const withIndex = (doc: Y.Doc, map: string, placed: readonly Placed[], error: unknown): unknown => {
  for (const { index, entry } of placed) {
    try {
      checkRestored(doc, map, entry)
    } catch (cause) {
      return entryFailure(index, cause)
    }
  }
  return error
}

/** Undefined if more parts are to come. */
const wholeOf = (map: string, [key, value, about]: Entry, parts: Parts) =>
  about?.kind === 'part'
    ? parts.take(map, key, about, value)
    : { key, value, kind: about?.kind, from: about?.from, types: about?.types }

/** All or nothing. Throws an EntryFailure for an entry that is refused, and another Failure if the error is not about one entry. */
export const putEntries = (
  doc: Y.Doc,
  map: string,
  entries: readonly Entry[],
  { hot, parts }: PutOptions,
): void => {
  const placed = entries.flatMap((put, index): Placed[] => {
    try {
      const entry = wholeOf(map, put, parts)
      return entry ? [{ index, entry }] : []
    } catch (error) {
      throw entryFailure(index, error)
    }
  })
  const restored = placed.map(({ entry }) => entry)
  try {
    restoreEntries(doc, map, restored, { hot })
  } catch (error) {
    throw withIndex(doc, map, placed, error)
  }
}
