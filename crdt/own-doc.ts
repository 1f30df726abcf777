/**
 * Two copies of Yjs in one process do not know each other's types: what one has made of a document
 * the other takes for something else, and changes are lost without a word. So whoever takes a
 * document looks first whether it is of the same copy.
 *
 * ```js
 * kindOfDoc(new Y.Doc())    // 'own'
 * checkOwnDoc(doc)          // throws a ForeignDocError where it is of another copy
 * ```
 */
import * as Y from 'yjs'

/** Of this copy of Yjs, of another one, or no document at all. */
export type DocKind = 'own' | 'foreign' | 'none'

/** A document of another copy of Yjs. */
export class ForeignDocError extends TypeError {
  override readonly name = 'ForeignDocError'
  readonly code = 'invalid_argument'
  /** What to do next. */
  readonly hint: string =
    'load yjs and pilot-gossip both by import or both by require, install one version of yjs (npm ls yjs, npm dedupe), and have a bundler resolve yjs to one file'
}

/** By its shape: a bundler may have renamed the class. */
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

/** What a value is where a document is wanted. Costs next to nothing for a document of this copy. */
export const kindOfDoc = (value: unknown): DocKind => {
  if (value instanceof Y.Doc) return 'own'
  return looksLikeDoc(value) ? 'foreign' : 'none'
}

/** Throws a ForeignDocError for a document of another copy of Yjs, and a TypeError for what is no document. */
export const checkOwnDoc = (value: unknown): void => {
  const kind = kindOfDoc(value)
  if (kind === 'own') return
  if (kind === 'none') throw new TypeError(`a Y.Doc is needed, not ${typeOf(value)}`)
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
