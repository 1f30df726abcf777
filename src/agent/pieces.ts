/**
 * Cuts a batch of messages into pieces, between which an agent does what else is due: it answers
 * commands, writes to disk, and observers run. All messages of a piece share one merge. A piece is
 * bounded by work, not by time, so that it is the same on any host.
 *
 * ```ts
 * for (const piece of piecesOf(messages, (text) => reader.workOf(text))) {
 *   take(piece)
 *   await aTurn()
 * }
 * ```
 */

/**
 * Bytes to be read for one piece: those of the messages and of their inflated updates. The smallest
 * struct takes 2 bytes and about a microsecond: that is 0.15 s, and some 10 ms for what is no attack.
 * Many concurrent writes of one key take longer, up to the budget of comparisons. A larger value makes
 * commands wait longer; a smaller one merges less at once, and each merge costs about 0.1 ms more. A
 * single message that is longer is a piece by itself.
 */
export const PIECE_BYTES = 256 * 1024

/**
 * Cuts `messages`, in their order, after each one that fills a piece. Yields as they are needed: what
 * is not taken costs nothing.
 */
export function* piecesOf<T extends { readonly text: string }>(
  messages: readonly T[],
  workOf: (text: string) => number,
): Generator<readonly T[]> {
  let piece: T[] = []
  let work = 0
  for (const message of messages) {
    const more = workOf(message.text)
    if (piece.length > 0 && work + more > PIECE_BYTES) {
      yield piece
      piece = []
      work = 0
    }
    piece.push(message)
    work += more
  }
  if (piece.length > 0) yield piece
}
