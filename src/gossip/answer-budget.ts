/**
 * How much of our answers a peer may pull. A pull costs its sender 150 bytes and us the whole document,
 * so a peer gets everything once, and then as much again as it has shown to have merged. What it pulls
 * a second time it pays from an allowance that fills slowly; so do all peers together.
 *
 * A refused pull is not answered: the next digest brings it about again.
 *
 * ```ts
 * if (budget.admits(peer, 'kv', known, now)) answer()
 * budget.charge(peer, 'kv', text.length, now)      // when the answer has left
 * ```
 */
import type { PeerState } from '../../crdt/index.ts'
import { dropOldest } from './oldest.ts'

/** Bytes that a peer may pull again in a second, once it has used up its allowance. */
const REFILL = 64 * 1024

/** Bytes of the allowance. An answer may exceed it, so a lost one is repeated at once. */
const ALLOWANCE = 64 * 1024

/** Bytes that a peer may owe: it waits ten seconds at most, however long the document is. */
const MAX_DEBT = 10 * REFILL

/** The same for all peers together: what twenty agents need that start at once with empty documents. */
const TOTAL_REFILL = 4 * 1024 * 1024
const TOTAL_ALLOWANCE = 64 * 1024 * 1024
const TOTAL_MAX_DEBT = 5 * TOTAL_REFILL

/** Bytes that stand for the work that every answer takes, however short it is. */
const WORK = 4_096

/** Askers remembered, 150 bytes each. */
const MAX_ASKERS = 4_096

interface Allowance {
  bytes: number
  /** Milliseconds; when `bytes` was right. */
  at: number
}

interface Asker extends Allowance {
  /** The most that it has shown to know: the sum of its clocks. */
  known: number
}

const refill = (one: Allowance, now: number, rate: number, most: number): void => {
  one.bytes = Math.min(most, one.bytes + (Math.max(0, now - one.at) * rate) / 1000)
  one.at = now
}

const pay = (one: Allowance, bytes: number, maxDebt: number): void => {
  one.bytes = Math.max(-maxDebt, one.bytes - bytes)
}

const sumOf = ({ clocks }: PeerState): number => {
  let sum = 0
  for (const clock of clocks.values()) sum += clock
  return sum
}

export class AnswerBudget {
  readonly #askers = new Map<string, Asker>()
  readonly #total: Allowance = { bytes: TOTAL_ALLOWANCE, at: 0 }

  /** May the peer's pull be answered? `known` is what it says to have. */
  admits(peer: string, document: string, known: PeerState, now: number): boolean {
    const key = `${peer}\n${document}`
    const sum = sumOf(known)
    const asker = this.#askers.get(key)
    if (asker && sum > asker.known) {
      asker.known = sum
      asker.bytes = ALLOWANCE
      return true
    }
    refill(this.#total, now, TOTAL_REFILL, TOTAL_ALLOWANCE)
    if (this.#total.bytes <= 0) return false
    if (!asker) {
      this.#askers.set(key, { known: sum, bytes: Number.POSITIVE_INFINITY, at: now })
      dropOldest(this.#askers, MAX_ASKERS)
      return true
    }
    refill(asker, now, REFILL, ALLOWANCE)
    return asker.bytes > 0
  }

  /** An answer to the peer, or a part of one, has left in a message of that length. */
  charge(peer: string, document: string, length: number, now: number): void {
    const asker = this.#askers.get(`${peer}\n${document}`)
    refill(this.#total, now, TOTAL_REFILL, TOTAL_ALLOWANCE)
    pay(this.#total, length + WORK, TOTAL_MAX_DEBT)
    if (!asker) return
    // The first answer is free.
    if (asker.bytes === Number.POSITIVE_INFINITY) asker.bytes = ALLOWANCE
    else pay(asker, length + WORK, MAX_DEBT)
  }
}
