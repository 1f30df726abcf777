/**
 * Changes made here that no peer has acknowledged. A successful send proves little: the message may
 * be lost behind the transport, or rejected.
 *
 * ```js
 * unacknowledged.add(delta, now)
 * unacknowledged.acknowledgeState(state)       // a peer sent its state vector
 * unacknowledged.oldest                        // when the oldest remaining change was made
 * ```
 */
import {
  coversDelta,
  type Delta,
  hasDeletes,
  mergeDeltas,
  type PeerState,
  subtractDeletes,
} from '../../crdt/index.ts'

/**
 * Changes kept apart. Above this number the newest are kept as one, and acknowledged only as a
 * whole.
 */
const MAX_CHANGES = 64

interface Change {
  delta: Delta
  /** Milliseconds; when the first of it was made. */
  readonly at: number
  /** When the last of it was made. */
  until: number
}

const isKnown = ({ structs, deletes }: Delta, known: PeerState): boolean => {
  for (const [writer, { to }] of structs) if ((known.clocks.get(writer) ?? 0) < to) return false
  if (!hasDeletes(deletes)) return true
  return known.deletes !== undefined && !hasDeletes(subtractDeletes(deletes, known.deletes))
}

export class Unacknowledged {
  #changes: Change[] = []

  /** Milliseconds; when the oldest change was made. Undefined if every change is acknowledged. */
  get oldest(): number | undefined {
    return this.#changes[0]?.at
  }

  add(delta: Delta, now: number): void {
    const last = this.#changes.at(-1)
    if (last && this.#changes.length >= MAX_CHANGES) {
      last.delta = mergeDeltas([last.delta, delta])
      last.until = now
    } else this.#changes.push({ delta, at: now, until: now })
  }

  /** A peer has our whole state, or everything that we had at that time. */
  acknowledgeAll(until = Number.POSITIVE_INFINITY): void {
    if (this.#changes.length > 0) this.#keep((change) => change.until > until)
  }

  /** A peer sent its state. */
  acknowledgeState(known: PeerState): void {
    if (this.#changes.length > 0) this.#keep(({ delta }) => !isKnown(delta, known))
  }

  /** A peer sent this delta, so it has it. */
  acknowledgeDelta(delta: Delta): void {
    if (this.#changes.length > 0) this.#keep((change) => !coversDelta(delta, change.delta))
  }

  #keep(test: (change: Change) => boolean): void {
    this.#changes = this.#changes.filter(test)
  }
}
