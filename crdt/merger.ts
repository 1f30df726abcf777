/**
 * Merges updates from the network into one document. Each is inspected before Yjs sees it, and waits
 * in the causal gate while something is missing. All updates of one call share a transaction; the
 * updates that they free from the gate follow in further transactions.
 *
 * ```js
 * const merger = new Merger({ doc, limits, guard, origin, strip, withheld, onFailed })
 * const { status, delta } = merger.merge(update, origin)      // throws a Rejection
 * ```
 */
import * as Y from 'yjs'
import { noteBrought } from './brought.ts'
import type { DecodedUpdate } from './decoded.ts'
import { type Clocks, type Delta, emptyDelta, isEmptyDelta, mergeDeltas } from './delta.ts'
import { CausalGate, type HeldUpdate } from './gate.ts'
import { type Inspection, inspectUpdate } from './inspect.ts'
import { applyDeletes, integrate } from './integrate.ts'
import type { Limits } from './limits.ts'
import type { BatchOutcome, Outcome, ReceivedUpdate, UpdateOutcome } from './outcome.ts'
import { ForkRejection } from './own-writer.ts'
import { Progress } from './progress.ts'
import { Rejection } from './rejection.ts'
import type { GuardedTransactions } from './transaction-guard.ts'
import type { OwnRange } from './withheld.ts'
import * as yjsInner from './yjs-inner.ts'

const NO_CLOCKS: Clocks = new Map()

export interface MergerOptions {
  readonly doc: Y.Doc
  readonly limits: Limits
  readonly guard: GuardedTransactions
  /** Origin of the transactions that merge what had waited in the gate. */
  readonly origin: unknown
  /** Takes out of a delta what peers must not see yet. */
  readonly strip: (delta: Delta) => Delta
  /** Which own clocks are withheld now. */
  readonly withheld: () => OwnRange | undefined
  /** Called when a transaction failed, and may have changed the document all the same. */
  readonly onFailed: () => void
}

export interface MergeOptions {
  /** Which own clocks another writer may have used, too. */
  readonly withheld?: OwnRange | undefined
  /** A further check of the decoded update; throws a Rejection. */
  readonly check?: (update: DecodedUpdate) => void
}

/** One update's part in a transaction. Rejections of this update alone are added to `thrown`. */
type Step = (thrown: unknown[], transaction: Y.Transaction) => void

interface Merged extends Pick<Outcome, 'delta' | 'thrown'> {
  /** The part of the delta that came from updates which the steps had freed from the gate. */
  readonly freed: Delta
}

const failed = (error: unknown): Rejection =>
  error instanceof Rejection
    ? error
    : new Rejection('apply_failed', `Yjs failed: ${(error as Error).message}`, error)

const waiting = ({ carried }: HeldUpdate): Exclude<UpdateOutcome, Rejection> => ({
  status: 'waiting',
  delta: emptyDelta(),
  carried,
})

const merged = (delta: Delta, carried: Delta): Exclude<UpdateOutcome, Rejection> => ({
  status: isEmptyDelta(delta) ? 'known' : 'new',
  delta,
  carried,
})

export class Merger {
  readonly gate: CausalGate
  readonly #options: MergerOptions
  readonly #doc: Y.Doc
  /** The deltas of the transactions so far; undefined while nothing is being merged. */
  #merged: Delta[] | undefined
  #mergeOrigin: unknown
  #fork: number | undefined

  constructor(options: MergerOptions) {
    this.#options = options
    this.#doc = options.doc
    this.gate = new CausalGate(options.limits)
  }

  /** The first own clock for which a peer has sent something else; undefined while there is none. */
  get fork(): number | undefined {
    return this.#fork
  }

  forgetFork(): void {
    this.#fork = undefined
  }

  /** Does this transaction merge updates, rather than a change made here? */
  isMerge({ origin }: Y.Transaction): boolean {
    return this.#merged !== undefined && origin === this.#mergeOrigin
  }

  /** Takes in what such a transaction has changed. */
  addMerged(delta: Delta): void {
    this.#merged?.push(this.#options.strip(delta))
  }

  /** Merges one update in a transaction of `origin`. Throws a Rejection, and then nothing has changed. */
  merge(update: ReceivedUpdate, origin: unknown, options: MergeOptions = {}): Outcome {
    this.#checkIdle()
    const taken = this.#inspectOrHold(update, options)
    if (!('missing' in taken)) {
      const { delta: carried } = taken
      const integrate: Step = (_, transaction) => {
        noteBrought(transaction, update.from, carried)
        this.#integrate(taken, origin)
      }
      const { delta, thrown } = this.#run([integrate], origin)
      return { ...merged(delta, carried), thrown }
    }
    // It may be freed at once, together with updates that need one another.
    const free = this.gate.release(this.#clockOf)
    const { delta, thrown } = this.#run(free.map(this.#stepOf), origin)
    const { carried } = taken
    if (free.includes(taken)) return { ...merged(delta, carried), thrown }
    return { status: 'waiting', carried, delta, thrown }
  }

  /** Merges several updates in one transaction, in their order. A rejected one leaves the others alone. */
  mergeAll(updates: readonly ReceivedUpdate[], origin: unknown): BatchOutcome {
    this.#checkIdle()
    const outcomes: UpdateOutcome[] = []
    const held: (HeldUpdate | undefined)[] = []
    const batch: Step = (_, transaction) => {
      for (const update of updates) {
        const taken = this.#mergeInto(transaction, update)
        held.push('missing' in taken ? taken : undefined)
        outcomes.push('missing' in taken ? waiting(taken) : taken)
      }
    }
    const { freed, thrown } = this.#run([batch], origin)
    // An update that waited only for others of this batch has been merged with what they freed.
    held.forEach((update, i) => {
      if (!update || this.gate.has(update)) return
      const ends = [...update.carried.structs].map(([writer, { to }]) => [writer, to] as const)
      if (this.#hasReached(new Map(ends))) outcomes[i] = { ...waiting(update), status: 'new' }
    })
    return { outcomes, freed, thrown }
  }

  /** Ends a round of gossip: drops deletes that have waited too long. */
  endRound(): void {
    if (this.gate.size > 0) this.gate.endRound(this.#clockOf)
  }

  #checkIdle(): void {
    if (yjsInner.isInTransaction(this.#doc)) {
      throw new TypeError('apply was called in a transaction or an observer: call it afterwards')
    }
  }

  /** Merges one update in a transaction that is running; returns the update if it must wait. */
  #mergeInto(transaction: Y.Transaction, update: ReceivedUpdate): UpdateOutcome | HeldUpdate {
    try {
      const taken = this.#inspectOrHold(update, { withheld: this.#options.withheld() })
      if ('missing' in taken) return taken
      noteBrought(transaction, update.from, taken.delta)
      const progress = new Progress(transaction, taken.delta)
      this.#integrate(taken, transaction.origin)
      return merged(this.#options.strip(progress.delta()), taken.delta)
    } catch (error) {
      return error instanceof Rejection ? error : failed(error)
    }
  }

  /** The inspected update if it can be merged now; else the held one, which the gate keeps. */
  #inspectOrHold(
    { bytes, needs = NO_CLOCKS, from }: ReceivedUpdate,
    { withheld, check }: MergeOptions,
  ): Omit<Inspection, 'missing'> | HeldUpdate {
    const { missing, ...seen } = this.#inspect(bytes, withheld)
    check?.(seen.update)
    if (missing.size === 0 && this.#hasReached(needs, seen.delta)) return seen
    const held: HeldUpdate = { bytes, missing, needs, carried: seen.delta, from }
    this.gate.hold(held)
    return held
  }

  #inspect(bytes: Uint8Array, withheld: OwnRange | undefined): Inspection {
    try {
      return inspectUpdate(this.#doc, bytes, this.#options.limits, withheld)
    } catch (error) {
      if (error instanceof ForkRejection && error.fork !== undefined)
        this.#fork = Math.min(error.fork, this.#fork ?? error.fork)
      throw error
    }
  }

  /** Without new structs only the deletes can be new, and those cost far less to apply. */
  #integrate({ hasNewStructs, update }: Omit<Inspection, 'missing'>, origin: unknown): void {
    if (hasNewStructs) this.#integrateAll(update, origin)
    else applyDeletes(this.#doc, update, origin)
  }

  #integrateAll(update: DecodedUpdate, origin: unknown): void {
    integrate(this.#doc, update, origin, this.#options.limits.comparisons)
  }

  /** Does the document, together with `carried`, hold all these clocks? */
  #hasReached(clocks: Clocks, carried?: Delta): boolean {
    for (const [writer, clock] of clocks) {
      const reached = Math.max(this.#clockOf(writer), carried?.structs.get(writer)?.to ?? 0)
      if (reached < clock) return false
    }
    return true
  }

  readonly #clockOf = (writer: number): number => Y.getState(this.#doc.store, writer)

  /** Runs the steps in one transaction, then what they freed from the gate, until nothing is freed. */
  #run(steps: readonly Step[], origin: unknown): Merged {
    const deltas: Delta[] = []
    const thrown: unknown[] = []
    this.#merged = deltas
    this.#mergeOrigin = origin
    let own: number | undefined
    try {
      for (let next = steps; next.length > 0; next = this.#freed()) {
        this.#transact(next, deltas, thrown, origin)
        own ??= deltas.length
      }
    } finally {
      this.#merged = undefined
      this.#mergeOrigin = undefined
    }
    return { delta: mergeDeltas(deltas), freed: mergeDeltas(deltas.slice(own)), thrown }
  }

  #freed(): Step[] {
    if (this.gate.size === 0) return []
    return this.gate.release(this.#clockOf).map(this.#stepOf)
  }

  /** An update is inspected again when it is freed: only now is there all that it refers to. */
  readonly #stepOf =
    ({ bytes, from }: HeldUpdate): Step =>
    (thrown, transaction) => {
      let seen: Inspection
      try {
        seen = this.#inspect(bytes, this.#options.withheld())
      } catch (error) {
        if (!(error instanceof Rejection)) throw error
        thrown.push(error)
        return
      }
      const { delta: carried, missing, update } = seen
      if (missing.size > 0) {
        this.gate.hold({ bytes, missing, needs: NO_CLOCKS, carried, from })
        return
      }
      noteBrought(transaction, from, carried)
      this.#integrateAll(update, this.#options.origin)
    }

  #transact(
    steps: readonly Step[],
    deltas: readonly Delta[],
    thrown: unknown[],
    origin: unknown,
  ): void {
    const before = deltas.length
    // Stays undefined if the transaction does not even begin.
    let end: { readonly failure?: { readonly error: unknown } } | undefined
    const merge = (transaction: Y.Transaction): void => {
      end = {}
      try {
        for (const step of steps) step(thrown, transaction)
      } catch (error) {
        end = { failure: { error } }
      }
    }
    try {
      this.#options.guard.collect(thrown, () => Y.transact(this.#doc, merge, origin, false))
    } catch (error) {
      // Yjs ends a transaction whatever its observers do: one of them threw this.
      if (end) thrown.push(error)
      else end = { failure: { error } }
    }
    if (!end?.failure) return
    this.#options.onFailed()
    const rejection = failed(end.failure.error)
    if (deltas.length === 0 && before === 0) throw rejection
    thrown.push(rejection)
  }
}
