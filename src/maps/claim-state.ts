/**
 * Claims in a document: who holds a key, until when, and with which fencing number. A claim is a hot
 * value whose stamp is the number. Of two concurrent claims the one with the higher number wins
 * everywhere; a renewal keeps the number, so it never wins against a later claim.
 *
 * ```js
 * takeClaim(doc, 'claims', 'task:7', { holder: 'anna', forMs: 30_000 })   // { holder: 'anna', fence: 1844…, until: 1810000030000 }
 * takeClaim(doc, 'claims', 'task:7', { holder: 'bert', forMs: 30_000 })   // throws a Failure (taken)
 * ```
 */
import type * as Y from 'yjs'
import { Failure, invalid } from '../errors.ts'
import { quote } from '../quote.ts'
import { viewEntry } from './entries.ts'
import { appendMarks } from './expiry.ts'
import { hotOf } from './hot.ts'
import { checkNames } from './names.ts'
import { checkWritable } from './read-only.ts'
import { replaceHot } from './write.ts'

/** The map for claims if none is named. */
export const CLAIMS_MAP = 'claims'

/** Milliseconds of a claim, at least and at most. A holder that needs it for longer renews it. */
const MIN_CLAIM_MS = 10
const MAX_CLAIM_MS = 7 * 24 * 60 * 60_000

/** Milliseconds for which a claim that is over is kept: who holds an old number still sees that it is old. */
const KEPT_MS = 24 * 60 * 60_000

/** Characters of a holder's name. */
const MAX_HOLDER = 256

export interface ClaimState {
  readonly holder: string
  /** Grows with each new holder. Give it to what the holder changes, which then refuses lower ones. */
  readonly fence: number
  /** Unix milliseconds of the holder's clock. */
  readonly until: number
}

export interface ClaimRequest {
  readonly holder: string
  /** Milliseconds, 10 to a week. */
  readonly forMs: number
}

const checkRequest = ({ holder, forMs }: ClaimRequest): void => {
  if (!(forMs >= MIN_CLAIM_MS && forMs <= MAX_CLAIM_MS))
    throw invalid(`a claim of ${forMs} ms is not usable`, 'give 10 ms to a week, and renew it')
  if (holder === '' || holder.length > MAX_HOLDER)
    throw invalid(
      `${quote(holder)} is not usable as a holder`,
      `give 1 to ${MAX_HOLDER} characters`,
    )
}

/** The last claim of a key, also one that is over; undefined if there is none. Throws a Failure (invalid_argument) for what is no claim. */
export const lastClaim = (doc: Y.Doc, map: string, key: string): ClaimState | undefined => {
  const view = viewEntry(doc, map, key)
  if (!view) return undefined
  const value = view.hot?.value as Partial<ClaimState> | null | undefined
  if (view.hot && typeof value?.holder === 'string' && Number.isFinite(value.until))
    return { holder: value.holder, fence: view.hot.stamp, until: Number(value.until) }
  throw invalid(
    `${quote(key)} in map ${quote(map)} is no claim`,
    'claim another key, or in a map for claims',
  )
}

/** The claim of a key while it is held. */
export const readClaim = (doc: Y.Doc, map: string, key: string): ClaimState | undefined => {
  const claim = lastClaim(doc, map, key)
  return claim && claim.until > hotOf(doc).clock.now() ? claim : undefined
}

/** The Failure of who does not hold the claim. */
export const isTaken = (key: string, { holder, until }: ClaimState): Failure =>
  new Failure(
    'taken',
    `${quote(key)} is held by ${quote(holder)} until ${new Date(until).toISOString()}`,
    {
      hint: 'wait until it is released or over, or take another one',
    },
  )

/** Numbers of a millisecond that writers share, so that two of one millisecond hardly ever have the same. */
const SPREAD = 512

/** A number beyond all that this document has seen. */
const nextFence = (doc: Y.Doc, last: ClaimState | undefined): number =>
  Math.max(hotOf(doc).clock.next(), (last?.fence ?? 0) + 1) + (doc.clientID % SPREAD)

const write = (doc: Y.Doc, map: string, key: string, claim: ClaimState): ClaimState => {
  const index = hotOf(doc)
  const { fence, until } = claim
  doc.transact((transaction) => {
    replaceHot(index, transaction, map, new Map([[key, claim]]), () => fence)
    appendMarks(index, transaction, map, [key], until + KEPT_MS)
  })
  return claim
}

/**
 * Takes a claim that nobody holds as far as this document knows, or renews one of the same holder.
 * Throws a Failure: `taken`, or `invalid_argument`.
 */
export const takeClaim = (
  doc: Y.Doc,
  map: string,
  key: string,
  request: ClaimRequest,
): ClaimState => {
  checkWritable(doc)
  checkNames(map, key)
  checkRequest(request)
  const { holder, forMs } = request
  const held = readClaim(doc, map, key)
  if (held && held.holder !== holder) throw isTaken(key, held)
  const until = Math.ceil(hotOf(doc).clock.now() + forMs)
  const fence = held ? held.fence : nextFence(doc, lastClaim(doc, map, key))
  return write(doc, map, key, { holder, fence, until })
}

/** The claim if this holder has it. Throws a Failure: `taken`, or `not_found` if nobody has it. */
const ownClaim = (doc: Y.Doc, map: string, key: string, holder: string): ClaimState => {
  checkWritable(doc)
  checkNames(map, key)
  const held = readClaim(doc, map, key)
  if (held?.holder === holder) return held
  if (held) throw isTaken(key, held)
  throw new Failure('not_found', `${quote(holder)} does not hold ${quote(key)}: nobody does`, {
    hint: 'claim it again, and look at what has happened meanwhile',
  })
}

/** Holds the claim for that long from now. Throws as `takeClaim` does, and `not_found` if it is over. */
export const renewClaim = (
  doc: Y.Doc,
  map: string,
  key: string,
  request: ClaimRequest,
): ClaimState => {
  checkRequest(request)
  const held = ownClaim(doc, map, key, request.holder)
  const until = Math.ceil(hotOf(doc).clock.now() + request.forMs)
  return write(doc, map, key, { ...held, until })
}

/** Ends the claim. Throws a Failure: `taken`, or `not_found` if nobody holds it. */
export const releaseClaim = (doc: Y.Doc, map: string, key: string, holder: string): ClaimState => {
  const held = ownClaim(doc, map, key, holder)
  return write(doc, map, key, { ...held, until: Math.floor(hotOf(doc).clock.now()) })
}
