/**
 * How long a value may be. The limit belongs to a document: whoever shares it says what its
 * programs may write. It binds writers alone; what others wrote is read whatever its length.
 *
 * ```js
 * limitValues(doc, 1_048_576)
 * valueLimitOf(doc) // 1048576
 * ```
 */
import type * as Y from 'yjs'

/**
 * UTF-8 bytes of a value's JSON, unless the document says otherwise. A value travels whole: each
 * peer holds it a few times while it comes, and to a pilotctl before 1.17 it takes 100 messages.
 */
export const DEFAULT_VALUE_BYTES: number = 8 * 1024 * 1024

/** The most that can be allowed: a message holds 32 MiB, and base64 of what does not deflate takes a third more. */
export const MAX_VALUE_BYTES: number = 15 * 1024 * 1024

const limits = new WeakMap<Y.Doc, number>()

/** Sets the limit in bytes. Throws a TypeError for what is not a whole number from 1 to 15 MiB. */
export const limitValues = (doc: Y.Doc, bytes: number): void => {
  if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > MAX_VALUE_BYTES) {
    throw new TypeError(
      `maxValueBytes is ${bytes}: give a whole number from 1 to ${MAX_VALUE_BYTES}`,
    )
  }
  limits.set(doc, bytes)
}

export const valueLimitOf = (doc: Y.Doc): number => limits.get(doc) ?? DEFAULT_VALUE_BYTES
