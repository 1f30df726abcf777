/**
 * A claim that this program holds: it settles first, can be renewed and released, and tells when it
 * is lost.
 *
 * ```js
 * const claim = await claimKey(doc, 'claims', 'task:7', { holder: 'anna', forMs: 30_000 })
 * await work({ signal: claim.signal, fence: claim.fence })
 * claim.release()
 * ```
 */
import type * as Y from 'yjs'
import { Failure } from '../errors.ts'
import { quote } from '../quote.ts'
import {
  type ClaimRequest,
  type ClaimState,
  isTaken,
  lastClaim,
  readClaim,
  releaseClaim,
  renewClaim,
  takeClaim,
} from './claim-state.ts'
import { hotOf } from './hot.ts'
import { observeEntries } from './observe.ts'

/**
 * Milliseconds that a claim waits for others that were made at the same moment. It should be twice
 * what a write takes to the other agents: a claim that is later by that, and wins, takes as long back.
 */
const SETTLE_MS = 500

/** Milliseconds between two looks at the clock, whatever timers do in a process that slept. */
const MAX_TIMER_MS = 60_000

export interface ClaimOptions extends ClaimRequest {
  /** Milliseconds to wait for concurrent claims; default 500. Twice what a write takes to the others. */
  readonly settleMs?: number | undefined
}

/** Throws a Failure (taken) unless this claim is the one that is held. */
const checkHeld = (
  doc: Y.Doc,
  map: string,
  key: string,
  { fence, holder }: ClaimState,
): ClaimState => {
  const now = readClaim(doc, map, key)
  if (now?.fence === fence && now.holder === holder) return now
  throw now
    ? isTaken(key, now)
    : new Failure('taken', `the claim of ${quote(key)} was over before it had settled`, {
        hint: 'claim it for longer than it settles',
      })
}

/**
 * Takes a claim and resolves once it has settled. Rejects with a Failure: `taken` if somebody else
 * holds it, or has won meanwhile.
 */
export const settledClaim = async (
  doc: Y.Doc,
  map: string,
  key: string,
  { settleMs = SETTLE_MS, ...request }: ClaimOptions,
): Promise<ClaimState> => {
  const taken = takeClaim(doc, map, key, request)
  if (settleMs > 0) await new Promise((resolve) => setTimeout(resolve, settleMs))
  return checkHeld(doc, map, key, taken)
}

export class Claim {
  readonly key: string
  readonly holder: string
  /** Grows with each new holder of the key. Give it to what you change, which then refuses lower ones. */
  readonly fence: number
  readonly #doc: Y.Doc
  readonly #map: string
  readonly #lost = new AbortController()
  readonly #unobserve: () => void
  #until: number
  #timer: ReturnType<typeof setTimeout> | undefined

  /** Of a claim that has settled. */
  constructor(doc: Y.Doc, map: string, key: string, { holder, fence, until }: ClaimState) {
    this.#doc = doc
    this.#map = map
    this.key = key
    this.holder = holder
    this.fence = fence
    this.#until = until
    this.#unobserve = observeEntries(doc, map, () => this.#look(), { key })
    this.#look()
  }

  /** When it ends unless it is renewed, in Unix milliseconds. */
  get until(): number {
    return this.#until
  }

  /** Aborted when the claim is lost or over, with a Failure (`taken`, `timeout`, or `closed` after `release`) as its reason. */
  get signal(): AbortSignal {
    return this.#lost.signal
  }

  /** Holds it for that many milliseconds from now. Throws a Failure (`taken`, `not_found`) if it is lost. */
  renew(forMs: number): void {
    const { holder } = this
    this.#check()
    this.#until = renewClaim(this.#doc, this.#map, this.key, { holder, forMs }).until
    this.#look()
  }

  /** Gives it back. Nothing happens if it was lost. */
  release(): void {
    if (this.signal.aborted) return
    this.#end(new Failure('closed', `the claim of ${quote(this.key)} was released`))
    if (readClaim(this.#doc, this.#map, this.key)?.fence === this.fence)
      releaseClaim(this.#doc, this.#map, this.key, this.holder)
  }

  #check(): void {
    this.#look()
    if (this.signal.aborted) throw this.signal.reason
  }

  #look(): void {
    if (this.signal.aborted) return
    const last = lastClaim(this.#doc, this.#map, this.key)
    if (!last || last.fence !== this.fence || last.holder !== this.holder) {
      const gone = new Failure('taken', `the claim of ${quote(this.key)} was deleted`)
      this.#end(last ? isTaken(this.key, last) : gone)
      return
    }
    this.#until = last.until
    const left = last.until - hotOf(this.#doc).clock.now()
    if (left <= 0) {
      this.#end(
        new Failure('timeout', `the claim of ${quote(this.key)} is over`, {
          hint: 'renew it in time',
        }),
      )
      return
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), Math.min(left, MAX_TIMER_MS))
  }

  #end(reason: Failure): void {
    clearTimeout(this.#timer)
    this.#lost.abort(reason)
    this.#unobserve()
  }
}

/** Takes a claim. Rejects as `settledClaim` does. */
export const claimKey = async (
  doc: Y.Doc,
  map: string,
  key: string,
  options: ClaimOptions,
): Promise<Claim> => new Claim(doc, map, key, await settledClaim(doc, map, key, options))
