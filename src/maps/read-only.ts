/**
 * Documents that this program only reads. Writes to their maps fail; what peers write is merged.
 *
 * ```ts
 * makeReadOnly(doc)
 * writeEntry(doc, 'state', 'k', 1)   // throws a Failure: permission_denied
 * ```
 */
import type * as Y from 'yjs'
import { Failure } from '../errors.ts'

const readOnly = new WeakSet<Y.Doc>()

export const makeReadOnly = (doc: Y.Doc): void => void readOnly.add(doc)

export const isReadOnly = (doc: Y.Doc): boolean => readOnly.has(doc)

/** Throws a Failure (permission_denied) if the document is only read here. */
export const checkWritable = (doc: Y.Doc): void => {
  if (!readOnly.has(doc)) return
  throw new Failure('permission_denied', 'this agent is read-only, and writes nothing', {
    hint: 'write through another agent, or start this one without --read-only (readOnly)',
  })
}
