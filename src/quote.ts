/**
 * Text in quotes for a message. What a peer or a file holds may be long, so it is cut.
 *
 * ```js
 * quote('k')            // '"k"'
 * quote('abcdef', 3)    // '"abc…"'
 * ```
 */

/** Characters of a name or a value that a message repeats. */
export const MAX_QUOTED = 40

export const quote = (text: string, max: number = MAX_QUOTED): string =>
  JSON.stringify(text.length > max ? `${text.slice(0, max)}…` : text)
