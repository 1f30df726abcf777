/**
 * A search in what is sorted, and the mixing of a word's bits: what several indexes share.
 *
 * ```js
 * firstIndex(sorted.length, (at) => sorted[at] >= value)      // its place, or where it would be
 * ```
 */

/** The first of `length` indexes for which `isReached` holds, if it holds for all after it; else `length`. */
export const firstIndex = (length: number, isReached: (at: number) => boolean): number => {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isReached(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** Makes each bit of a word depend on all others (the finalizer of MurmurHash3, by Austin Appleby). 32 bits, unsigned. */
export const mixBits = (word: number): number => {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
