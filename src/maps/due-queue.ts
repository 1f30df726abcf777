/**
 * What is due at a time, the earliest first: a binary heap.
 *
 * ```js
 * const queue = new DueQueue()
 * queue.push(1810000000000, 'tea')
 * queue.first       // { at: 1810000000000, what: 'tea' }
 * queue.pop()
 * ```
 */
export interface Due<T> {
  readonly at: number
  readonly what: T
}

export class DueQueue<T> {
  readonly #heap: Due<T>[] = []

  get size(): number {
    return this.#heap.length
  }

  get first(): Due<T> | undefined {
    return this.#heap[0]
  }

  clear(): void {
    this.#heap.length = 0
  }

  push(at: number, what: T): void {
    const heap = this.#heap
    let place = heap.length
    while (place > 0) {
      const above = (place - 1) >> 1
      if (heap[above]!.at <= at) break
      heap[place] = heap[above]!
      place = above
    }
    heap[place] = { at, what }
  }

  pop(): Due<T> | undefined {
    const heap = this.#heap
    const [first] = heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let place = 0
    for (;;) {
      let below = 2 * place + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && heap[below + 1]!.at < heap[below]!.at) below++
      if (heap[below]!.at >= last.at) break
      heap[place] = heap[below]!
      place = below
    }
    heap[place] = last
    return first
  }
}
