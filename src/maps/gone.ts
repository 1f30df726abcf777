/**
 * Hot elements that were deleted lately, and whose they were: the document itself forgets that.
 * Only those matter that peers may not have heard of yet.
 *
 * ```js
 * gone.add(element)
 * for (const { map, key } of gone.within(client, { from: 0, to: 9 })) {}
 * ```
 */
import type { ClockRun } from '../../crdt/index.ts'
import type { HotElement } from './hot-element.ts'

/**
 * Elements. A peer is told of a change within seconds, and of as many as these at a time by a
 * few pushes; some 150 bytes each, so 2.5 MB at most. Of older ones a key may vanish for a moment
 * at a peer that had not got them.
 */
const MAX_GONE = 16_384

export interface Gone {
  readonly map: string
  readonly key: string
  /** The writer of a part of a counter, which is replaced by a later one of the same. */
  readonly part: number | undefined
}

export class GoneElements {
  readonly #byId = new Map<number, Map<number, Gone>>()
  /** Ids, oldest first from `#first` on, round and round. */
  readonly #queue: (readonly [client: number, clock: number])[] = []
  #first = 0

  add({ client, clock, map, key, kind }: HotElement): void {
    const gone = { map, key, part: kind === '+' ? client : undefined }
    const ids = this.#byId.get(client)
    if (ids) ids.set(clock, gone)
    else this.#byId.set(client, new Map([[clock, gone]]))
    if (this.#queue.length < MAX_GONE) {
      this.#queue.push([client, clock])
      return
    }
    const oldest = this.#queue[this.#first]
    this.#queue[this.#first] = [client, clock]
    this.#first = (this.#first + 1) % MAX_GONE
    if (oldest) this.#forget(...oldest)
  }

  /** Those of that writer within these clocks. */
  *within(client: number, { from, to }: ClockRun): Generator<Gone> {
    const ids = this.#byId.get(client)
    if (!ids) return
    if (to - from > ids.size) {
      for (const [clock, gone] of ids) if (clock >= from && clock < to) yield gone
      return
    }
    for (let clock = from; clock < to; clock++) {
      const gone = ids.get(clock)
      if (gone) yield gone
    }
  }

  #forget(client: number, clock: number): void {
    const ids = this.#byId.get(client)
    ids?.delete(clock)
    if (ids?.size === 0) this.#byId.delete(client)
  }
}
