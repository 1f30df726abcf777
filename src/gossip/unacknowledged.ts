/**
 * Changes made here of which no peer has yet shown that it has them. A send that ended well says
 * little: the message may be lost behind the transport, or be refused.
 *
 * ```js
 * unconfirmed.add(delta, now)
 * unconfirmed.knownTo(known)       // a peer told what it knows
 * unconfirmed.oldest               // when the first was made that nobody has shown
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

/** Changes kept apart. Beyond them the newest are one, which is confirmed only as a whole. */
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

  /** Milliseconds; when the oldest was made. Undefined when a peer has everything. */
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

  /** A peer has our whole state, or all that we had at that time. */
  acknowledgeAll(until = Number.POSITIVE_INFINITY): void {
    if (this.#changes.length > 0) this.#keep((change) => change.until > until)
  }

  /** A peer told what it knows. */
  acknowledgeState(known: PeerState): void {
    if (this.#changes.length > 0) this.#keep(({ delta }) => !isKnown(delta, known))
  }

  /** A peer sent it: so it has it. */
  acknowledgeDelta(delta: Delta): void {
    if (this.#changes.length > 0) this.#keep((change) => !coversDelta(delta, change.delta))
  }

  #keep(test: (change: Change) => boolean): void {
    this.#changes = this.#changes.filter(test)
  }
}
