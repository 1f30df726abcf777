/**
 * A set of keys in order, in chunks: adding and removing one costs a search and a move within one
 * chunk, however many there are. As JavaScript sorts strings: by UTF-16 units.
 *
 * ```js
 * const keys = new SortedKeys(['b', 'a'])
 * keys.add('c')
 * Array.from(keys.from('b'))      // ['b', 'c']
 * Array.from(keys.after('b'))     // ['c']
 * ```
 */

/** Keys of a chunk at most. A larger one makes moves longer, a smaller one makes more chunks to search. */
const MAX_CHUNK = 512

/** The first index of a sorted array from which on `isBeyond` holds; its length if there is none. */
const firstIndex = <T>(sorted: readonly T[], isBeyond: (item: T) => boolean): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBeyond(sorted[middle]!)) high = middle
    else low = middle + 1
  }
  return low
}

export class SortedKeys {
  /** None is empty. */
  readonly #chunks: string[][] = []

  /** Takes keys in any order, each once. */
  constructor(keys: Iterable<string>) {
    const sorted = [...keys].sort()
    // Half full, so that the first keys to come split none.
    for (let at = 0; at < sorted.length; at += MAX_CHUNK / 2)
      this.#chunks.push(sorted.slice(at, at + MAX_CHUNK / 2))
  }

  add(key: string): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    if (!chunk) {
      this.#chunks.push([key])
      return
    }
    const index = firstIndex(chunk, (other) => other >= key)
    if (chunk[index] === key) return
    chunk.splice(index, 0, key)
    if (chunk.length > MAX_CHUNK) this.#chunks.splice(at + 1, 0, chunk.splice(MAX_CHUNK / 2))
  }

  delete(key: string): void {
    const at = this.#chunkOf(key)
    const chunk = this.#chunks[at]
    const index = chunk?.indexOf(key) ?? -1
    if (!chunk || index < 0) return
    chunk.splice(index, 1)
    if (chunk.length === 0) this.#chunks.splice(at, 1)
  }

  /** From `key` on, itself included. Keys may come and go while it is read. */
  from(key: string): Generator<string> {
    return this.#read((other) => other >= key)
  }

  /** From the first key after `key` on. Keys may come and go while it is read. */
  after(key: string): Generator<string> {
    return this.#read((other) => other > key)
  }

  *#read(isWanted: (key: string) => boolean): Generator<string> {
    for (let next = isWanted; ; ) {
      const chunk = this.#chunks[firstIndex(this.#chunks, (keys) => next(keys.at(-1)!))]
      if (!chunk) return
      const last = chunk.at(-1)!
      yield* chunk.slice(firstIndex(chunk, next))
      next = (key) => key > last
    }
  }

  /** The index of the chunk that has the key, or would have it: the last one if it is beyond all. */
  #chunkOf(key: string): number {
    const index = firstIndex(this.#chunks, (keys) => keys.at(-1)! >= key)
    return Math.min(index, Math.max(0, this.#chunks.length - 1))
  }
}
