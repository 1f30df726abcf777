/**
 * The keys of hot elements that were deleted lately: the document itself forgets them. Only those
 * matter whose deletion may not have reached all peers yet.
 *
 * ```js
 * gone.add(element)
 * for (const { map, key } of gone.within(client, { from: 0, to: 9 })) {}
 * ```
 */
import type { ClockRun } from '../../crdt/index.ts'
import type { HotElement } from './hot-element.ts'

/**
 * Elements, of some 150 bytes each, so 2.5 MB at most. A change reaches a peer within seconds, and
 * a few pushes carry this many. After an older deletion, a key may vanish for a moment at a peer
 * that still lacked it.
 */
const MAX_GONE = 16_384

export interface Gone {
  readonly map: string
  readonly key: string
  /** For a part of a counter, its writer, who replaces it by a later one. */
  readonly part: number | undefined
}

export class GoneElements {
  readonly #byId = new Map<number, Map<number, Gone>>()
  /** A ring buffer of ids; `#first` is the oldest. */
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

  /** The deleted elements of a writer within these clocks. */
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
