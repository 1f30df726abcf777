/**
 * The maximum length of a value. The limit belongs to a document: the program that shares it
 * decides what may be written there. It applies only to writers; values of others are read whatever
 * their length.
 *
 * ```js
 * limitValues(doc, 1_048_576)
 * valueLimitOf(doc) // 1048576
 * ```
 */
import type * as Y from 'yjs'

/**
 * UTF-8 bytes of a value's JSON, unless the document has another limit. A value travels whole: each
 * receiver holds it several times, and for a pilotctl before 1.17 it takes 100 messages.
 */
export const DEFAULT_VALUE_BYTES: number = 8 * 1024 * 1024

/** The highest limit: a message holds 32 MiB, and base64 of incompressible data takes a third more. */
export const MAX_VALUE_BYTES: number = 15 * 1024 * 1024

const limits = new WeakMap<Y.Doc, number>()

/** Sets the limit in bytes. Throws a TypeError unless it is a whole number from 1 to 15 MiB. */
export const limitValues = (doc: Y.Doc, bytes: number): void => {
  if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > MAX_VALUE_BYTES) {
    throw new TypeError(
      `maxValueBytes is ${bytes}: give a whole number from 1 to ${MAX_VALUE_BYTES}`,
    )
  }
  limits.set(doc, bytes)
}

export const valueLimitOf = (doc: Y.Doc): number => limits.get(doc) ?? DEFAULT_VALUE_BYTES
