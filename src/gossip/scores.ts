/**
 * What the peers have sent lately, as a number each: it falls with rejected messages and with named
 * members that do not exist, rises a little with accepted ones, and decays. A peer far below zero is
 * on the grey list: its messages are dropped unread for a while, since reading them costs more than
 * it brings. Pure: time is an argument.
 *
 * ```ts
 * scores.rejected('m', 'malformed', now)
 * scores.isGrey('m', now)        // after some fifty of these within a minute
 * scores.of('m', now)            // { score: -1, reason: 'malformed', isGrey: false }
 * ```
 */
import type { RejectionReason } from '../../crdt/index.ts'
import { dropOldest } from './oldest.ts'

/** Milliseconds in which a score halves. A longer time forgives a mended peer later. */
const HALF_LIFE_MS = 60_000

/**
 * Upper bound: what a peer can save up. A larger value lets one that behaves for a while do more harm
 * after it.
 */
const MAX_SCORE = 10

/** An accepted message. Five of them make up for a rejected one. */
const ACCEPTED = 0.2

/** A rejected message, or a named member that does not exist. */
const REJECTED = -1

/**
 * A peer comes on the grey list below this: a message rejected each second. An honest peer that has
 * something we reject sends it with each round, and stays above -20.
 */
const GREY_BELOW = -50

/** It leaves the list above this, after one half-life without a message. */
const GREY_UNTIL = -25

/** Below this, what the peer names is ignored. */
const NAMES_FROM = -5

/** Scores kept. About 150 bytes each. */
const MAX_SCORES = 2_048

/**
 * These say nothing about the peer: it may belong to another swarm, or to a fork of our own. One that
 * may only read passes on what others wrote.
 */
const IGNORED: ReadonlySet<RejectionReason> = new Set([
  'wrong_swarm',
  'wrong_format',
  'unknown_document',
  'own_clock',
  'read_only',
])

/** Why a score fell last. */
export type Blame = RejectionReason | 'made_up_member'

export interface PeerScore {
  readonly score: number
  /** Why it fell last; absent: never. */
  readonly reason?: Blame
  /** Are its messages dropped unread? */
  readonly isGrey: boolean
}

interface Score {
  value: number
  /** Milliseconds; when `value` was right. */
  at: number
  reason: Blame | undefined
  isGrey: boolean
}

const NEUTRAL: PeerScore = { score: 0, isGrey: false }

export class Scores {
  readonly #scores = new Map<string, Score>()

  accepted(address: string, now: number): void {
    const score = this.#at(address, now)
    if (score) score.value = Math.min(MAX_SCORE, score.value + ACCEPTED)
  }

  /** A message of the peer was rejected. Returns whether that brings it on the grey list. */
  rejected(address: string, reason: RejectionReason, now: number): boolean {
    return IGNORED.has(reason) ? false : this.#fall(address, reason, now)
  }

  /** The peer named a member that does not exist. */
  madeUp(address: string, now: number): void {
    this.#fall(address, 'made_up_member', now)
  }

  /** Are messages of the peer to be dropped unread? */
  isGrey(address: string, now: number): boolean {
    return this.#at(address, now)?.isGrey ?? false
  }

  /** Are the members that the peer names to be ignored? */
  isDoubtful(address: string, now: number): boolean {
    return (this.#at(address, now)?.value ?? 0) < NAMES_FROM
  }

  of(address: string, now: number): PeerScore {
    const score = this.#at(address, now)
    if (!score) return NEUTRAL
    const { value, reason, isGrey } = score
    return { score: Math.round(value * 10) / 10, ...(reason && { reason }), isGrey }
  }

  #fall(address: string, reason: Blame, now: number): boolean {
    const score = this.#at(address, now) ?? { value: 0, at: now, reason, isGrey: false }
    // The newest comes last: an address that was heard once must not push out one that goes on.
    this.#scores.delete(address)
    this.#scores.set(address, score)
    dropOldest(this.#scores, MAX_SCORES)
    score.value += REJECTED
    score.reason = reason
    if (score.isGrey || score.value >= GREY_BELOW) return false
    score.isGrey = true
    return true
  }

  /** The score of the peer with its decay; undefined if it never fell. */
  #at(address: string, now: number): Score | undefined {
    const score = this.#scores.get(address)
    if (!score) return undefined
    score.value *= 0.5 ** (Math.max(0, now - score.at) / HALF_LIFE_MS)
    score.at = now
    if (score.value > GREY_UNTIL) score.isGrey = false
    return score
  }
}
