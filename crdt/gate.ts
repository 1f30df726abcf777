/**
 * The causal gate: updates that must not be merged yet wait here, outside the document. Yjs
 * would take in an update whose predecessors are missing and apply its deletes at once, so
 * that a key which was visible vanishes until the gap closes; here it stays until its
 * successor can come in its place. For the same reason the parts of a long answer wait for
 * its last part: an early part may hold an overwritten value without the one that replaced it.
 *
 * ```js
 * gate.hold({ bytes, missing, carried, isPart: false })
 * for (const { bytes } of gate.release(clockOf)) merge(bytes)
 * ```
 */
import { equalFlat } from 'lib0/array'
import type { Delta } from './delta.ts'
import type { Limits } from './limits.ts'

export interface HeldUpdate {
  readonly bytes: Uint8Array
  /** Writer → clock that it must have reached. */
  readonly missing: ReadonlyMap<number, number>
  readonly carried: Delta
  /** Does it wait for the last part of its answer, whatever it misses? */
  readonly isPart: boolean
}

type ClockOf = (writer: number) => number

/** Those that can be merged one after the other, in that order; and the clocks reached then. */
const place = (updates: readonly HeldUpdate[], clockOf: ClockOf) => {
  const reached = new Map<number, number>()
  const clock = (writer: number) => reached.get(writer) ?? clockOf(writer)
  const placed = new Set<HeldUpdate>()
  for (let before = -1; before < placed.size; ) {
    before = placed.size
    for (const update of updates) {
      if (placed.has(update)) continue
      if ([...update.missing].some(([writer, at]) => clock(writer) < at)) continue
      placed.add(update)
      for (const [writer, { to }] of update.carried.structs) {
        if (to > clock(writer)) reached.set(writer, to)
      }
    }
  }
  return { placed, reached }
}

export class CausalGate {
  readonly #limits: Pick<Limits, 'waitingBytes' | 'waitingUpdates'>
  #waiting: HeldUpdate[] = []
  #bytes = 0
  #dropped = 0

  constructor(limits: Pick<Limits, 'waitingBytes' | 'waitingUpdates'>) {
    this.#limits = limits
  }

  /** Updates that wait now. */
  get size(): number {
    return this.#waiting.length
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** Updates that had to go because the gate was full. Repair brings them again. */
  get dropped(): number {
    return this.#dropped
  }

  /**
   * Keeps an update. When there is no room the oldest go: they have waited longest in vain.
   * One too large for the gate goes itself. Several peers may bring the same: it is kept once.
   */
  hold(update: HeldUpdate): void {
    const same = this.#waiting.findIndex(({ bytes }) => equalFlat(bytes, update.bytes))
    if (same >= 0) this.#bytes -= this.#waiting.splice(same, 1)[0]!.bytes.length
    this.#waiting.push(update)
    this.#bytes += update.bytes.length
    while (
      this.#waiting.length > this.#limits.waitingUpdates ||
      this.#bytes > this.#limits.waitingBytes
    ) {
      this.#bytes -= this.#waiting.shift()!.bytes.length
      this.#dropped++
    }
  }

  /**
   * Takes out the updates that need wait no longer, in an order in which they can be merged.
   * `last` is the last part of an answer, and frees the parts before it: all that leads to it
   * is taken out, or nothing where a part is missing. `all` frees all parts.
   */
  release(clockOf: ClockOf, last?: HeldUpdate | 'all'): HeldUpdate[] {
    if (this.#waiting.length === 0) return []
    const { placed } = place(
      this.#waiting.filter(({ isPart }) => last !== undefined || !isPart),
      clockOf,
    )
    if (last && last !== 'all' && !placed.has(last)) return []
    this.#waiting = this.#waiting.filter((update) => !placed.has(update))
    for (const { bytes } of placed) this.#bytes -= bytes.length
    return [...placed]
  }

  /** Writer → clock to which what waits here would lead, where it is further than the document. */
  reach(clockOf: ClockOf): ReadonlyMap<number, number> {
    return place(this.#waiting, clockOf).reached
  }
}
