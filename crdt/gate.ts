/**
 * The causal gate: updates that must not be merged yet wait here, outside the document. Yjs
 * would take in an update whose predecessors are missing and apply its deletes at once, so
 * that a key which was visible vanishes until the gap closes; here it stays until its
 * successor can come in its place.
 *
 * An update waits for its predecessors (`missing`), which must come before it, and for what it
 * `needs`, which may come with it: those that need one another are set free together.
 *
 * ```js
 * gate.hold({ bytes, missing, needs, carried })
 * for (const { bytes } of gate.release(clockOf)) merge(bytes)     // all in one transaction
 * ```
 */
import { equalFlat } from 'lib0/array'
import type { Clocks, Delta } from './delta.ts'
import type { Limits } from './limits.ts'

export interface HeldUpdate {
  readonly bytes: Uint8Array
  /** Writer → clock that must be reached before it. */
  readonly missing: Clocks
  /** Writer → clock that must be reached with it. */
  readonly needs: Clocks
  readonly carried: Delta
}

type ClockOf = (writer: number) => number

const isReached = (clocks: Clocks, clockOf: ClockOf): boolean => {
  for (const [writer, clock] of clocks) if (clockOf(writer) < clock) return false
  return true
}

/** Those that can be merged one after the other, in that order; and the clocks reached then. */
const place = (updates: readonly HeldUpdate[], clockOf: ClockOf) => {
  const reached = new Map<number, number>()
  const clock = (writer: number) => reached.get(writer) ?? clockOf(writer)
  const placed = new Set<HeldUpdate>()
  for (let before = -1; before < placed.size; ) {
    before = placed.size
    for (const update of updates) {
      if (placed.has(update) || !isReached(update.missing, clock)) continue
      placed.add(update)
      for (const [writer, { to }] of update.carried.structs) {
        if (to > clock(writer)) reached.set(writer, to)
      }
    }
  }
  return { placed, reached, clock }
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

  /** Does that update wait here? */
  has(update: HeldUpdate): boolean {
    return this.#waiting.includes(update)
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
   * Takes out the updates that need wait no longer, in an order in which they can be merged:
   * the largest set in which each has before it what it misses, and with it what it needs.
   */
  release(clockOf: ClockOf): HeldUpdate[] {
    this.#forgetKnown(clockOf)
    let free = this.#waiting
    for (let count = -1; count !== free.length; ) {
      count = free.length
      const { placed, clock } = place(free, clockOf)
      free = [...placed].filter(({ needs }) => isReached(needs, clock))
    }
    if (free.length === 0) return []
    const gone = new Set(free)
    this.#waiting = this.#waiting.filter((update) => !gone.has(update))
    for (const { bytes } of free) this.#bytes -= bytes.length
    return free
  }

  /** Writer → clock to which what waits here would lead, where that is further than the document. */
  reach(clockOf: ClockOf): Clocks {
    return place(this.#waiting, clockOf).reached
  }

  /** What has come by another way need not wait; deletes that were only in it are repaired. */
  #forgetKnown(clockOf: ClockOf): void {
    this.#waiting = this.#waiting.filter(({ carried, bytes }) => {
      if (carried.structs.size === 0) return true
      for (const [writer, { to }] of carried.structs) if (clockOf(writer) < to) return true
      this.#bytes -= bytes.length
      return false
    })
  }
}
