/**
 * Long values in chunks: a row and a request have a bounded length, and a value may be longer.
 *
 * ```ts
 * [...cutJson(json, { kind: 'raw' })]   // [{ kind: 'part', of: 'raw', at: 0, chunk: '…' }, { …, at: 2097152, end: true, chunk: '…' }]
 * ```
 */
import type { EntryAbout } from './entry.ts'

/**
 * Characters in one chunk of a value with a kind. A request holds 16 MiB of UTF-8, and a character
 * of a chunk, escaped twice, takes seven bytes at most.
 */
export const MAX_CHUNK_CHARACTERS: number = 2 * 1024 * 1024

/** The JSON of a value, cut into parts that carry its note. */
export function* cutJson(
  json: string,
  { kind, from, types }: EntryAbout,
): Generator<EntryAbout & { readonly chunk: string }> {
  const of = kind === 'part' ? undefined : kind
  for (let at = 0; at < json.length; at += MAX_CHUNK_CHARACTERS) {
    const isLast = at + MAX_CHUNK_CHARACTERS >= json.length
    yield {
      kind: 'part',
      ...(of !== undefined && { of }),
      ...(from !== undefined && { from }),
      at,
      ...(isLast && { end: true }),
      ...(isLast && types && { types }),
      chunk: json.slice(at, at + MAX_CHUNK_CHARACTERS),
    }
  }
}

/** Does it continue an entry that began in an earlier row? */
export const isContinuation = ({ from = 0, at = 0 }: EntryAbout = {}): boolean => from > 0 || at > 0
