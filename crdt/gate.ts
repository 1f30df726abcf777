/**
 * The causal gate: updates that must not be merged yet wait here, outside the document. Yjs would
 * take an update whose predecessors are missing and apply its deletes at once: a visible key would
 * vanish until the gap closes. Here the key stays until its successor can replace it.
 *
 * An update waits for its predecessors (`missing`), which must come before it, and for what it
 * `needs`, which may come with it: updates that need one another are released together.
 *
 * ```js
 * gate.hold({ bytes, missing, needs, carried })
 * for (const { bytes } of gate.release(clockOf)) merge(bytes)     // all in one transaction
 * ```
 */
import { equalFlat } from 'lib0/array'
import { countRuns } from './deletes.ts'
import type { Clocks, Delta } from './delta.ts'
import type { Limits } from './limits.ts'

export interface HeldUpdate {
  readonly bytes: Uint8Array
  /** Writer → clock that must be reached before it. */
  readonly missing: Clocks
  /** Writer → clock that must be reached with it. */
  readonly needs: Clocks
  readonly carried: Delta
  /** The peer that brought it; absent: unknown. */
  readonly from?: string | undefined
}

/**
 * Bytes that an entry of a map or a run of deletes takes in memory. Measured with Node 20 in maps of
 * 270,000 ids of 53 bits: 86 with a clock, 126 with a run.
 */
const ENTRY_BYTES = 100

/** The memory that it takes, in bytes. */
const costOf = ({ bytes, missing, needs, carried: { structs, deletes } }: HeldUpdate): number =>
  bytes.length +
  ENTRY_BYTES *
    (missing.size + needs.size + structs.size + deletes.clients.size + countRuns(deletes))

/**
 * Rounds that a delete may wait for structs that nobody has shown to exist. Who deletes something
 * has it, so it comes when it is pulled, within a round or two. A delete of what its writer has not
 * yet written would otherwise wait for it, and delete the honest write. A larger value gives a
 * hostile delete more time; a smaller one drops a delete before a slow transport has brought what it
 * deletes, and repair brings it again.
 */
const MAX_DELETE_ROUNDS = 12

type ClockOf = (writer: number) => number

const isReached = (clocks: Clocks, clockOf: ClockOf): boolean => {
  for (const [writer, clock] of clocks) if (clockOf(writer) < clock) return false
  return true
}

/** Does it delete something that neither the document has nor the update brings? */
const isAhead = ({ structs, deletes }: Delta, clockOf: ClockOf): boolean => {
  for (const [writer, runs] of deletes.clients) {
    const reach = Math.max(clockOf(writer), structs.get(writer)?.to ?? 0)
    if (runs.some(({ clock, len }) => clock + len > reach)) return true
  }
  return false
}

/**
 * The updates that can be merged one after the other, in that order, and the clocks reached then.
 */
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
  /** Rounds that each has waited. */
  readonly #rounds = new WeakMap<HeldUpdate, number>()
  #waiting: HeldUpdate[] = []
  #bytes = 0
  #cost = 0
  #dropped = 0

  constructor(limits: Pick<Limits, 'waitingBytes' | 'waitingUpdates'>) {
    this.#limits = limits
  }

  /** How many updates wait. */
  get size(): number {
    return this.#waiting.length
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** Updates that were dropped because the gate was full. Repair brings them again. */
  get dropped(): number {
    return this.#dropped
  }

  /** Does that update wait here? */
  has(update: HeldUpdate): boolean {
    return this.#waiting.includes(update)
  }

  /**
   * Keeps an update. The same update from several peers is kept once. If there is no room the
   * oldest are dropped, as they have waited longest in vain; so is an update that is too large for
   * the gate.
   */
  hold(update: HeldUpdate): void {
    const same = this.#waiting.findIndex(({ bytes }) => equalFlat(bytes, update.bytes))
    const before = same >= 0 ? this.#waiting.splice(same, 1)[0] : undefined
    if (before) {
      this.#gone(before)
      this.#rounds.set(update, this.#rounds.get(before) ?? 0)
    }
    this.#waiting.push(update)
    this.#bytes += update.bytes.length
    this.#cost += costOf(update)
    while (
      this.#waiting.length > this.#limits.waitingUpdates ||
      this.#cost > this.#limits.waitingBytes
    ) {
      this.#gone(this.#waiting.shift()!)
      this.#dropped++
    }
  }

  /**
   * Takes out the updates that need not wait any longer, in an order in which they can be merged:
   * the largest set in which each has its `missing` before it and its `needs` with it.
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
    for (const update of free) this.#gone(update)
    return free
  }

  /**
   * Ends a round: drops deletes that have waited too long for what they delete. Repair brings them
   * again when that exists.
   */
  endRound(clockOf: ClockOf): void {
    this.#waiting = this.#waiting.filter((update) => {
      if (!isAhead(update.carried, clockOf)) return true
      const rounds = (this.#rounds.get(update) ?? 0) + 1
      this.#rounds.set(update, rounds)
      if (rounds < MAX_DELETE_ROUNDS) return true
      this.#gone(update)
      this.#dropped++
      return false
    })
  }

  #gone(update: HeldUpdate): void {
    this.#bytes -= update.bytes.length
    this.#cost -= costOf(update)
  }

  /** Writer → clock that the waiting updates would reach, if that is beyond the document. */
  reach(clockOf: ClockOf): Clocks {
    return place(this.#waiting, clockOf).reached
  }

  /** An update whose structs have come another way need not wait; repair brings its deletes. */
  #forgetKnown(clockOf: ClockOf): void {
    this.#waiting = this.#waiting.filter((update) => {
      const { structs } = update.carried
      if (structs.size === 0) return true
      for (const [writer, { to }] of structs) if (clockOf(writer) < to) return true
      this.#gone(update)
      return false
    })
  }
}
