/**
 * A replica: one `Y.Doc` with what gossip asks of it. It says how far it is (state vector,
 * version, digest), what a peer lacks, takes updates from the network after a look at them,
 * and answers each merge with what was new, because only that is passed on.
 *
 * ```js
 * const replica = new Replica(new Y.Doc(), platform)
 * replica.onLocal = () => push(replica.encode(mergeDeltas(replica.takeLocal())))
 * const { status, delta } = replica.apply(update)
 * ```
 */
import * as Y from 'yjs'
import type { DecodedUpdate } from './decoded.ts'
import {
  countRuns,
  type DeleteSet,
  decodeDeletes,
  emptyDeletes,
  encodeDeletes,
  hasDeletes,
  mergeDeletes,
  subtractDeletes,
} from './deletes.ts'
import {
  type Clocks,
  type Delta,
  deltaOfTransaction,
  deltaSince,
  emptyDelta,
  encodeDelta,
  isEmptyDelta,
  mergeDeltas,
} from './delta.ts'
import { digestBytes, digestSnapshot } from './digest.ts'
import { CausalGate, type HeldUpdate } from './gate.ts'
import { type Inspection, inspectUpdate } from './inspect.ts'
import { applyDeletes, integrate } from './integrate.ts'
import { LIMITS, type Limits } from './limits.ts'
import { type Fits, LocalCheck, type RefusedChange } from './local-check.ts'
import { needsOf } from './needs.ts'
import { checkOwnDoc } from './own-doc.ts'
import type { Platform } from './platform.ts'
import { Progress } from './progress.ts'
import { Refusal } from './refusal.ts'
import { type GuardedTransactions, guardTransactions } from './transaction-guard.ts'

/** Bytes. A delete set up to this length travels with the vector that asks; a longer one is left out, and the answer then carries all deletes. */
const DELETES_WITH_VECTOR = 4096

/** What a replica knows, in the form in which it asks a peer for the rest. */
export interface Summary {
  /** Yjs's encoded state vector. */
  readonly vector: Uint8Array
  /** Its encoded delete set; absent when it is long. */
  readonly deletes?: Uint8Array
}

/** A decoded summary. */
export interface Known {
  readonly clocks: Clocks
  readonly deletes: DeleteSet | undefined
}

export interface Outcome {
  /**
   * `new`: something was merged. `known`: it held nothing new. `waiting`: it waits outside
   * the document for what must come before or with it, and the difference should be asked for.
   */
  readonly status: 'new' | 'known' | 'waiting'
  /** What was new, with what it freed from waiting. */
  readonly delta: Delta
  /** What the update itself carried. */
  readonly carried: Delta
  /** What observers of the document threw, and Refusals of updates that had waited for this one. */
  readonly thrown: readonly unknown[]
}

/** One update of those that are merged together. */
export interface ReceivedUpdate {
  /** V1. */
  readonly bytes: Uint8Array
  /** What it needs (see `needs.ts`); absent: nothing. */
  readonly needs?: Clocks | undefined
}

/** Of one update among several: what was new by it alone, or why it was refused. */
export type UpdateOutcome = Omit<Outcome, 'thrown'> | Refusal

/** What became of updates that were merged together. */
export interface BatchOutcome {
  /** For each update, in their order. */
  readonly outcomes: readonly UpdateOutcome[]
  /** What had waited for these and was merged with them. */
  readonly freed: Delta
  /** What observers of the document threw, and Refusals of updates that had waited. */
  readonly thrown: readonly unknown[]
}

/** An update as it is sent. */
export interface EncodedUpdate {
  readonly bytes: Uint8Array
  readonly digest: string
  /** Writer → clock that the receiver must have, or get with it. */
  readonly needs: Clocks
}

const NO_CLOCKS: Clocks = new Map()

/** For each writer the highest of its clocks. */
const highest = (all: readonly Clocks[]): Clocks => {
  const clocks = new Map<number, number>()
  for (const one of all) {
    for (const [writer, clock] of one) {
      clocks.set(writer, Math.max(clock, clocks.get(writer) ?? 0))
    }
  }
  return clocks
}

/** Also where one was left open. */
const isInTransaction = (doc: Y.Doc): boolean =>
  doc._transaction !== null || doc._transactionCleanups.length > 0

/** One update's part in a merge; what went wrong with it alone is added to `thrown`. */
type Step = (thrown: unknown[], transaction: Y.Transaction) => void

interface Merged extends Pick<Outcome, 'delta' | 'thrown'> {
  /** The part of the delta that the steps had set free. */
  readonly freed: Delta
}

const NOTHING = emptyDelta()

const together = (deltas: readonly Delta[]): Delta =>
  deltas.length === 0 ? emptyDelta() : mergeDeltas(deltas)

const waiting = ({ carried }: HeldUpdate): Exclude<UpdateOutcome, Refusal> => ({
  status: 'waiting',
  delta: emptyDelta(),
  carried,
})

interface State {
  readonly clocks: Clocks
  readonly deletes: DeleteSet
  readonly digest: string
}

export interface ReplicaOptions {
  readonly limits?: Limits
  /** Of the transactions that `apply` makes; default the replica itself. */
  readonly origin?: unknown
  /** What else a delta needs, of what only the program knows that it belongs together (see `needs.ts`). */
  readonly needs?: (delta: Delta) => Clocks
  /** Can a change of at most `bytes` bytes be sent, alone in a message? Default: any can. */
  readonly fits?: Fits
  /** Runs something when no transaction can be running, as `queueMicrotask` does; see `recover`. */
  readonly later?: (run: () => void) => void
}

export class Replica {
  readonly doc: Y.Doc
  /** The origin of the transactions that `apply` makes. */
  readonly origin: unknown
  /** Called after each transaction that did not come through `apply`; `takeLocal` tells what it was. */
  onLocal: (() => void) | undefined
  /** Called after a transaction of which peers would refuse something: it has been taken out. */
  onRefused: ((refused: RefusedChange) => void) | undefined
  /** Called with what listeners of the document threw and no caller is there to be given. */
  onThrown: ((error: unknown) => void) | undefined
  readonly #platform: Platform
  readonly #limits: Limits
  readonly #gate: CausalGate
  readonly #needs: ReplicaOptions['needs']
  readonly #listener: (transaction: Y.Transaction) => void
  readonly #guard: GuardedTransactions
  readonly #check: LocalCheck
  /** What was taken out and has not been reported. */
  #refused: RefusedChange[] = []
  readonly #later: ReplicaOptions['later']
  #isRecovering = false
  #state: State | undefined
  /** What the merge under way has brought so far. */
  #merged: Delta[] | undefined
  /** The origin of its transactions. */
  #mergeOrigin: unknown
  #local: Delta[] = []

  /** Throws a ForeignDocError where the document is of another copy of Yjs. */
  constructor(doc: Y.Doc, platform: Platform, options: ReplicaOptions = {}) {
    checkOwnDoc(doc)
    this.doc = doc
    this.origin = options.origin ?? this
    this.#needs = options.needs
    this.#platform = platform
    this.#limits = options.limits ?? LIMITS
    this.#gate = new CausalGate(this.#limits)
    this.#later = options.later
    const { fits } = options
    this.#check = new LocalCheck(doc, {
      tell: (refused) => this.#refused.push(refused),
      ...(fits && { fits }),
    })
    this.#guard = guardTransactions(doc, {
      onBegin: () => this.#recoverLater(),
      onThrown: (error) => this.onThrown?.(error),
      onEnding: (transaction) => {
        // What comes through `apply` was looked at before.
        if (!this.#isMerge(transaction)) this.#check.look(transaction)
      },
    })
    this.#listener = (transaction) => this.#onTransaction(transaction)
    doc.on('afterTransaction', this.#listener)
    if (isInTransaction(doc)) this.#recoverLater()
  }

  /** Stops listening; the document stays. */
  destroy(): void {
    this.doc.off('afterTransaction', this.#listener)
    this.#guard.end()
    this.onLocal = undefined
    this.onRefused = undefined
    this.onThrown = undefined
  }

  /** The sum of the state vector's clocks: how much has ever been written. Decides nothing. */
  get version(): number {
    let sum = 0
    for (const clock of this.clocks.values()) sum += clock
    return sum
  }

  /** Writer → clock. */
  get clocks(): Clocks {
    const clocks = new Map<number, number>()
    for (const writer of this.doc.store.clients.keys()) {
      clocks.set(writer, Y.getState(this.doc.store, writer))
    }
    return clocks
  }

  /** All that is deleted; computed once for each state. */
  get deletes(): DeleteSet {
    return this.#current().deletes
  }

  /** 32 hex digits over state vector and deletes; computed once for each state. */
  get digest(): string {
    return this.#current().digest
  }

  /** Updates that wait for their predecessors, and what became of others. */
  get waiting(): { readonly updates: number; readonly bytes: number; readonly dropped: number } {
    return { updates: this.#gate.size, bytes: this.#gate.bytes, dropped: this.#gate.dropped }
  }

  /**
   * Looks at all that the document holds, as some of it may be older than this replica. What no
   * peer would take is taken out, and reported. Of its own writer the clocks from `unsent` on are
   * with nobody else: they are looked at again as to whether they can be sent.
   */
  examine(unsent: number): void {
    this.#check.lookAtAll(this, unsent)
    this.#tellRefused()
  }

  /**
   * Ends transactions that were left open (see `transaction-guard.ts`), so that what they changed
   * is reported and updates can be merged again. To be called where none can be running; where
   * `later` is given this happens by itself.
   */
  recover(): void {
    this.#guard.recover()
  }

  /** What was changed here since it was asked last. */
  takeLocal(): readonly Delta[] {
    const local = this.#local
    if (local.length > 0) this.#local = []
    return local
  }

  /**
   * What this replica knows, to ask a peer for the rest. `withWaiting` counts what waits in the
   * gate as known: it need not come again, unless what it waits for is nowhere to be had.
   */
  summary(withWaiting = false): Summary {
    const { clocks, deletes } = this.#current()
    const reached = new Map(clocks)
    if (withWaiting) {
      for (const [writer, clock] of this.#gate.reach(this.#clockOf)) reached.set(writer, clock)
    }
    const vector = Y.encodeStateVector(reached)
    // Two bytes are the least that a run takes: no need to encode what is certainly too long.
    if (countRuns(deletes) * 2 > DELETES_WITH_VECTOR) return { vector }
    const encoded = encodeDeletes(deletes)
    return encoded.length > DELETES_WITH_VECTOR ? { vector } : { vector, deletes: encoded }
  }

  /** Decodes a peer's summary; throws a Refusal. */
  read(summary: Summary): Known {
    const { vector, deletes } = summary
    try {
      return {
        clocks: Y.decodeStateVector(vector),
        deletes: deletes === undefined ? undefined : decodeDeletes(deletes),
      }
    } catch (error) {
      throw new Refusal('malformed', `not a state vector: ${(error as Error).message}`, error)
    }
  }

  /** Exactly what a peer with this knowledge lacks; all deletes where it did not tell its own. */
  lacking(known: Known): Delta {
    const own = this.#current()
    return deltaSince(own, known.clocks, known.deletes ?? emptyDeletes())
  }

  /** What a peer with this knowledge knows once it has got `delta` too. */
  knownWith(known: Known, delta: Delta): Known {
    const clocks = new Map(known.clocks)
    for (const [writer, { to }] of delta.structs) clocks.set(writer, to)
    return { clocks, deletes: mergeDeletes([known.deletes ?? emptyDeletes(), delta.deletes]) }
  }

  /** May the peer have something that we lack? (Yes, where its deletes are not told.) */
  isBehind(known: Known): boolean {
    const own = this.#current()
    for (const [writer, clock] of known.clocks) {
      if (clock > (own.clocks.get(writer) ?? 0)) return true
    }
    return known.deletes === undefined || hasDeletes(subtractDeletes(known.deletes, own.deletes))
  }

  /** The delta as a V1 update, with the digest that names it and what it needs besides itself. */
  encode(delta: Delta): EncodedUpdate {
    const bytes = encodeDelta(this.doc, delta)
    const needs = [needsOf(this.doc, delta)]
    if (this.#needs) needs.push(this.#needs(delta))
    return { bytes, digest: digestBytes(bytes, this.#platform), needs: highest(needs) }
  }

  /**
   * Merges a V1 update from the network. Throws a Refusal, and then nothing has changed. It
   * waits while its predecessors are missing, or what it `needs` (see `needs.ts`); updates that
   * waited for this one are merged with it. Not to be called in a transaction or an observer of
   * the document (TypeError): Yjs would tell only later what was new.
   */
  apply(bytes: Uint8Array, needs: Clocks = NO_CLOCKS): Outcome {
    return this.#take(bytes, needs, this.origin)
  }

  /**
   * Merges several V1 updates from the network in one transaction, in their order: observers, the
   * store and the digest see one change. Each is checked like one that comes alone, and refused
   * without the others. Not to be called in a transaction or an observer (TypeError).
   */
  applyAll(updates: readonly ReceivedUpdate[]): BatchOutcome {
    this.#checkIdle()
    const outcomes: UpdateOutcome[] = []
    const held: (HeldUpdate | undefined)[] = []
    const batch: Step = (_, transaction) => {
      for (const update of updates) {
        const taken = this.#takeOne(transaction, update)
        held.push('missing' in taken ? taken : undefined)
        outcomes.push('missing' in taken ? waiting(taken) : taken)
      }
    }
    const { freed, thrown } = this.#merge([batch], this.origin)
    // What waited for another of the batch only has come with what that one set free.
    held.forEach((update, i) => {
      if (!update || this.#gate.has(update)) return
      const ends = [...update.carried.structs].map(([writer, { to }]) => [writer, to] as const)
      if (this.#hasNeeds(new Map(ends), NOTHING))
        outcomes[i] = { ...waiting(update), status: 'new' }
    })
    return { outcomes, freed, thrown }
  }

  /**
   * The same for an update of a program that writes through this replica: what it brings is told
   * by `takeLocal`, as if it had been changed here. `origin` is that of the transaction.
   */
  accept(bytes: Uint8Array, origin: unknown): Outcome {
    const outcome = this.#take(bytes, NO_CLOCKS, origin, ({ structs }) =>
      this.#check.lookAtUpdate(structs),
    )
    if (!isEmptyDelta(outcome.delta)) {
      this.#local.push(outcome.delta)
      this.onLocal?.()
    }
    return outcome
  }

  #checkIdle(): void {
    if (isInTransaction(this.doc)) {
      throw new TypeError('apply was called in a transaction or an observer: call it afterwards')
    }
  }

  /** Merges one update in the transaction that runs; returns it where it must wait. */
  #takeOne(
    transaction: Y.Transaction,
    { bytes, needs = NO_CLOCKS }: ReceivedUpdate,
  ): UpdateOutcome | HeldUpdate {
    try {
      const { delta: carried, missing, hasNewStructs, update } = this.#inspect(bytes)
      if (missing.size > 0 || !this.#hasNeeds(needs, carried)) {
        const held = { bytes, missing, needs, carried }
        this.#gate.hold(held)
        return held
      }
      const progress = new Progress(transaction, carried)
      if (hasNewStructs) integrate(this.doc, update, transaction.origin)
      else applyDeletes(this.doc, update, transaction.origin)
      const delta = progress.delta()
      return { status: isEmptyDelta(delta) ? 'known' : 'new', delta, carried }
    } catch (error) {
      if (error instanceof Refusal) return error
      return new Refusal('apply_failed', `Yjs failed: ${(error as Error).message}`, error)
    }
  }

  #take(
    bytes: Uint8Array,
    needs: Clocks,
    origin: unknown,
    look?: (update: DecodedUpdate) => void,
  ): Outcome {
    this.#checkIdle()
    const { delta: carried, missing, hasNewStructs, update } = this.#inspect(bytes)
    look?.(update)
    if (missing.size === 0 && this.#hasNeeds(needs, carried)) {
      // Without new structs only the deletes can be new, and they cost far less to apply.
      const merge: Step = () =>
        hasNewStructs ? integrate(this.doc, update, origin) : applyDeletes(this.doc, update, origin)
      return this.#outcome(carried, this.#merge([merge], origin))
    }
    const held: HeldUpdate = { bytes, missing, needs, carried }
    this.#gate.hold(held)
    const free = this.#gate.release(this.#clockOf)
    const merged = this.#merge(free.map(this.#step), origin)
    if (free.includes(held)) return this.#outcome(carried, merged)
    const { delta, thrown } = merged
    return { status: 'waiting', carried, delta, thrown }
  }

  #outcome(carried: Delta, { delta, thrown }: Pick<Merged, 'delta' | 'thrown'>): Outcome {
    return { status: isEmptyDelta(delta) ? 'known' : 'new', delta, carried, thrown }
  }

  #inspect(bytes: Uint8Array): Inspection {
    return inspectUpdate(this.doc, bytes, this.#limits)
  }

  #hasNeeds(needs: Clocks, carried: Delta): boolean {
    for (const [writer, clock] of needs) {
      if (Math.max(this.#clockOf(writer), carried.structs.get(writer)?.to ?? 0) < clock)
        return false
    }
    return true
  }

  readonly #clockOf = (writer: number): number => Y.getState(this.doc.store, writer)

  /** Merges in one transaction, then what waited for that, and what waited for those. */
  #merge(steps: readonly Step[], origin: unknown): Merged {
    const merged: Delta[] = []
    const thrown: unknown[] = []
    this.#merged = merged
    this.#mergeOrigin = origin
    let own: number | undefined
    try {
      for (let next = steps; next.length > 0; next = this.#released()) {
        this.#transact(next, merged, thrown, origin)
        own ??= merged.length
      }
    } finally {
      this.#merged = undefined
      this.#mergeOrigin = undefined
    }
    return { delta: together(merged), freed: together(merged.slice(own)), thrown }
  }

  #released(): Step[] {
    if (this.#gate.size === 0) return []
    return this.#gate.release(this.#clockOf).map(this.#step)
  }

  /** What waited is looked at again: only now is there all that it refers to. */
  readonly #step =
    ({ bytes }: HeldUpdate): Step =>
    (thrown) => {
      let seen: Inspection
      try {
        seen = this.#inspect(bytes)
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        thrown.push(error)
        return
      }
      const { delta: carried, missing, update } = seen
      if (missing.size === 0) integrate(this.doc, update, this.origin)
      else this.#gate.hold({ bytes, missing, needs: NO_CLOCKS, carried })
    }

  #transact(
    steps: readonly Step[],
    merged: readonly Delta[],
    thrown: unknown[],
    origin: unknown,
  ): void {
    const before = merged.length
    // Undefined: it was not even begun.
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
      this.#guard.collect(thrown, () => Y.transact(this.doc, merge, origin, false))
    } catch (error) {
      // Yjs ends a transaction whatever observers do: it was one of them who threw.
      if (end) thrown.push(error)
      else end = { failure: { error } }
    }
    if (!end?.failure) return
    this.#state = undefined
    const { error } = end.failure
    const failed = new Refusal('apply_failed', `Yjs failed: ${(error as Error).message}`, error)
    if (merged.length === 0 && before === 0) throw failed
    thrown.push(failed)
  }

  #isMerge({ origin }: Y.Transaction): boolean {
    return this.#merged !== undefined && origin === this.#mergeOrigin
  }

  #recoverLater(): void {
    if (!this.#later || this.#isRecovering) return
    this.#isRecovering = true
    this.#later(() => {
      this.#isRecovering = false
      this.recover()
    })
  }

  #tellRefused(): void {
    const all = this.#refused
    if (all.length === 0) return
    this.#refused = []
    for (const refused of all) this.onRefused?.(refused)
  }

  #onTransaction(transaction: Y.Transaction): void {
    const delta = deltaOfTransaction(transaction)
    if (isEmptyDelta(delta)) return
    this.#state = undefined
    if (this.#isMerge(transaction)) {
      this.#merged?.push(delta)
    } else {
      this.#local.push(delta)
      this.onLocal?.()
      this.#tellRefused()
    }
  }

  #current(): State {
    if (this.#state === undefined) {
      const snapshot = Y.snapshot(this.doc)
      this.#state = {
        clocks: snapshot.sv,
        deletes: snapshot.ds,
        digest: digestSnapshot(snapshot, this.#platform),
      }
    }
    return this.#state
  }
}
