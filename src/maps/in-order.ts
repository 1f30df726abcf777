/**
 * Sorts while it is read: the first of a million keys comes after a tenth of the time that it takes
 * to sort them all. It is an incremental quicksort (Paredes, Navarro 2006).
 *
 * ```js
 * for (const key of inOrder(['b', 'c', 'a'])) console.log(key)     // a b c
 * ```
 */

/** Keys that are sorted at once; fewer take more passes. */
const MIN_PART = 64

/** Nested parts. Pivots that a peer has made bad by its choice of keys end here, after as many passes. */
const MAX_PARTS = 64

/** Keys that are sampled for the first pivot, and a number of keys for which that pays. */
const SAMPLE = 64
const MIN_SAMPLED = 10_000

const middleOf = (a: string, b: string, c: string): string => {
  if (a < b) return b < c ? b : a < c ? c : a
  return a < c ? a : b < c ? c : b
}

const pivotOf = (keys: readonly string[], from: number, to: number): string =>
  middleOf(keys[from]!, keys[from + ((to - from) >> 1)]!, keys[to - 1]!)

/** A pivot of all keys below which some 3 % of them are: the first ones come after one pass, not two. */
const firstPivotOf = (keys: readonly string[]): string => {
  const step = keys.length / SAMPLE
  return Array.from({ length: SAMPLE }, (_, i) => keys[Math.floor(i * step)]!).sort()[2]!
}

/**
 * Moves keys of `[from, to)` that are smaller than `pivot`, one of them, to its start. Returns where
 * those that are not smaller begin: inside.
 */
const partition = (keys: string[], from: number, to: number, pivot: string): number => {
  let left = from
  let right = to - 1
  for (;;) {
    while (keys[left]! < pivot) left++
    while (pivot < keys[right]!) right--
    if (left >= right) return Math.max(left, from + 1)
    const key = keys[left]!
    keys[left++] = keys[right]!
    keys[right--] = key
  }
}

/** The keys, sorted by UTF-16 units as JavaScript sorts strings. Reorders the array. */
export function* inOrder(keys: string[]): Generator<string> {
  /** Ends of parts, the nearest last: no key before an end is larger than one after it. */
  const ends = [keys.length]
  for (let from = 0; from < keys.length; ) {
    let to = ends.at(-1)!
    while (to - from > MIN_PART && ends.length < MAX_PARTS) {
      const isFirst = ends.length === 1 && from === 0 && to > MIN_SAMPLED
      to = partition(keys, from, to, isFirst ? firstPivotOf(keys) : pivotOf(keys, from, to))
      ends.push(to)
    }
    ends.pop()
    yield* keys.slice(from, to).sort()
    from = to
  }
}
