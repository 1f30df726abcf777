/**
 * Recognizes documents of another copy of Yjs. Two copies in one process do not know each other's
 * types, and changes would be lost silently. So everything that takes a document checks first that
 * it belongs to this copy.
 *
 * ```js
 * kindOfDoc(new Y.Doc())    // 'own'
 * checkOwnDoc(doc)          // throws a ForeignDocError for a document of another copy
 * ```
 */
import * as Y from 'yjs'

/** Of this copy of Yjs, of another one, or not a document at all. */
export type DocKind = 'own' | 'foreign' | 'none'

/** A document of another copy of Yjs. */
export class ForeignDocError extends TypeError {
  override readonly name = 'ForeignDocError'
  readonly code = 'invalid_argument'
  /** What to do next. */
  readonly hint: string =
    'load yjs and pilot-gossip both by import or both by require, install one version of yjs (npm ls yjs, npm dedupe), and have a bundler resolve yjs to one file'
}

/** Recognized by its shape, as a bundler may have renamed the class. */
const looksLikeDoc = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false
  const { clientID, share, store, transact } = value as Record<string, unknown>
  return (
    typeof clientID === 'number' &&
    typeof share === 'object' &&
    typeof store === 'object' &&
    typeof transact === 'function'
  )
}

/** What kind of document a value is. Costs next to nothing for a document of this copy. */
export const kindOfDoc = (value: unknown): DocKind => {
  if (value instanceof Y.Doc) return 'own'
  return looksLikeDoc(value) ? 'foreign' : 'none'
}

/**
 * Throws a ForeignDocError for a document of another copy of Yjs, and a TypeError for anything else
 * that is not a document.
 */
export const checkOwnDoc = (value: unknown): void => {
  const kind = kindOfDoc(value)
  if (kind === 'own') return
  if (kind === 'none') throw new TypeError(`expected a Y.Doc, not ${typeOf(value)}`)
  throw new ForeignDocError(
    'there are two copies of Yjs: the document is of another one than pilot-gossip uses',
  )
}

const typeOf = (value: unknown): string => {
  if (value === null) return 'null'
  if (typeof value !== 'object') return typeof value
  const { name } = (value as { constructor?: { name?: unknown } }).constructor ?? {}
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object'
}
