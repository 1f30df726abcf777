/**
 * Text that hardly compresses, the same for the same seed.
 *
 * ```ts
 * randomText(7, 50_000).length // 50000
 * ```
 */

/** First and number of the characters: printable ASCII behind the quote, without the backslash. */
const FIRST = 35
const COUNT = 91
const BACKSLASH = 92

/** Each character takes one byte, in JSON too, and carries 6.5 bits. */
export const randomText = (seed: number, length: number): string => {
  const codes = Buffer.alloc(length)
  let state = Math.imul(seed + 1, 2_654_435_761) >>> 0
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    // The upper bits: the lower ones of such a generator repeat soon.
    const code = FIRST + Math.floor((state / 2 ** 32) * COUNT)
    codes[at] = code < BACKSLASH ? code : code + 1
  }
  return codes.toString('latin1')
}
