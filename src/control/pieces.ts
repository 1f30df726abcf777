/**
 * Long values in pieces: a row and a request have a bounded length, and a value may be longer.
 *
 * ```ts
 * [...cutJson(json, { kind: 'raw' })]   // [{ kind: 'part', of: 'raw', at: 0, piece: '…' }, { …, at: 2097152, end: true, piece: '…' }]
 * ```
 */
import type { EntryAbout } from './entry.ts'

/**
 * Characters of a value with a kind that travel in one piece. A request holds 16 MiB of UTF-8, and a
 * character of a piece, which is text in text, takes seven bytes at most.
 */
export const PIECE_CHARACTERS: number = 2 * 1024 * 1024

/** The JSON of a value of which that is said, cut. */
export function* cutJson(
  json: string,
  { kind, from, types }: EntryAbout,
): Generator<EntryAbout & { readonly piece: string }> {
  const of = kind === 'part' ? undefined : kind
  for (let at = 0; at < json.length; at += PIECE_CHARACTERS) {
    const isLast = at + PIECE_CHARACTERS >= json.length
    yield {
      kind: 'part',
      ...(of !== undefined && { of }),
      ...(from !== undefined && { from }),
      at,
      ...(isLast && { end: true }),
      ...(isLast && types && { types }),
      piece: json.slice(at, at + PIECE_CHARACTERS),
    }
  }
}

/** Does it belong to an entry that has begun before? */
export const goesOn = ({ from = 0, at = 0 }: EntryAbout = {}): boolean => from > 0 || at > 0
