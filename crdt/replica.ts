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
  type DeleteSet,
  emptyDeletes,
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
import { LocalCheck, type RejectedChange } from './local-check.ts'
import { highestClocks, needsOf } from './needs.ts'
import type {
  BatchOutcome,
  EncodedUpdate,
  Outcome,
  PeerState,
  ReceivedUpdate,
  ReplicaOptions,
  SyncRequest,
  UpdateOutcome,
} from './outcome.ts'
import { checkOwnDoc } from './own-doc.ts'
import { ForkRejection } from './own-writer.ts'
import type { Platform } from './platform.ts'
import { Progress } from './progress.ts'
import { Rejection } from './rejection.ts'
import { renameStructs } from './rename.ts'
import { decodeSyncRequest, encodeSyncRequest } from './sync-request.ts'
import { type GuardedTransactions, guardTransactions } from './transaction-guard.ts'
import { type OwnRange, Withheld } from './withheld.ts'

const NO_CLOCKS: Clocks = new Map()

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

const waiting = ({ carried }: HeldUpdate): Exclude<UpdateOutcome, Rejection> => ({
  status: 'waiting',
  delta: emptyDelta(),
  carried,
})

interface State {
  readonly clocks: Clocks
  readonly deletes: DeleteSet
  readonly digest: string
}

export class Replica {
  readonly doc: Y.Doc
  /** The origin of the transactions that `apply` makes. */
  readonly origin: unknown
  /** Called after each transaction that did not come through `apply`; `takeLocal` tells what it was. */
  onLocal: (() => void) | undefined
  /** Called after a transaction of which peers would refuse something: it has been taken out. */
  onRejected: ((refused: RejectedChange) => void) | undefined
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
  #rejected: RejectedChange[] = []
  readonly #later: ReplicaOptions['later']
  #isRecovering = false
  #state: State | undefined
  /** What the merge under way has brought so far. */
  #merged: Delta[] | undefined
  /** The origin of its transactions. */
  #mergeOrigin: unknown
  #local: Delta[] = []
  #withheld: Withheld | undefined
  #fork: number | undefined
  #era: object = {}

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
      report: (refused) => this.#rejected.push(refused),
      ...(fits && { fits }),
    })
    this.#guard = guardTransactions(doc, {
      onBegin: () => this.#recoverLater(),
      onThrown: (error) => this.onThrown?.(error),
      onEnding: (transaction) => {
        // What comes through `apply` was looked at before.
        if (!this.#isMerge(transaction)) this.#check.checkTransaction(transaction)
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
    this.onRejected = undefined
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
    this.#check.checkDocument(this, unsent)
    this.#reportRejected()
  }

  /**
   * Ends transactions that were left open (see `transaction-guard.ts`), so that what they changed
   * is reported and updates can be merged again. To be called where none can be running; where
   * `later` is given this happens by itself.
   */
  recover(): void {
    this.#guard.recover()
  }

  /**
   * Own clocks that peers are not shown, with what was deleted here since: they may have been given
   * out twice. To peers the document is as it was before, until `release`.
   */
  get withheld(): OwnRange | undefined {
    return this.#withheld
  }

  /** How far the own writer is. */
  get ownClock(): number {
    return this.#clockOf(this.doc.clientID)
  }

  /** How far it is, as peers are shown. */
  get publishedClock(): number {
    return Math.min(this.ownClock, this.#withheld?.from ?? this.ownClock)
  }

  /** Withholds the own clocks from `from` on; those from `fresh` on no peer has been shown. */
  withhold({ from, fresh }: Omit<OwnRange, 'writer'>): void {
    this.#withheld = new Withheld({ writer: this.doc.clientID, from, fresh }, this.#local)
    this.#local = []
    this.#state = undefined
  }

  /** The first own clock that a peer has of another; undefined while none is known. */
  get fork(): number | undefined {
    return this.#fork
  }

  /**
   * The own clocks from `clock` on become those of `to`, which is the document's writer from now on and
   * withheld as they were; `follow` is called in that transaction. See `rename.ts`.
   */
  rename(clock: number, to: number, follow?: () => void): void {
    const { doc } = this
    const from = Y.createID(doc.clientID, clock)
    const withheld =
      this.#withheld ?? new Withheld({ writer: from.client, from: clock, fresh: clock })
    // Whoever is told at the end of the transaction must not go by what ids meant before.
    renameStructs(doc, from, to, this.origin, () => {
      follow?.()
      doc.clientID = to
      this.#withheld = withheld.renamed(clock, to)
      this.#fork = undefined
      this.#era = {}
      this.#state = undefined
    })
  }

  /** Another object when ids do not mean any more what they meant before. */
  get era(): object {
    return this.#era
  }

  /** Shows what was withheld: it counts as changed now. */
  release(): void {
    const news = this.#withheld?.toPublish(this.doc)
    this.#withheld = undefined
    this.#fork = undefined
    this.#state = undefined
    if (!news) return
    this.#local.push(news)
    this.onLocal?.()
  }

  /** What was changed here since it was asked last, but for what is withheld. */
  takeLocal(): readonly Delta[] {
    const local = this.#local
    if (local.length > 0) this.#local = []
    return local
  }

  /**
   * What this replica knows, to ask a peer for the rest. `withWaiting` counts what waits in the
   * gate as known: it need not come again, unless what it waits for is nowhere to be had.
   */
  syncRequest(withWaiting = false): SyncRequest {
    const { clocks, deletes } = this.#current()
    const reached = new Map(clocks)
    if (withWaiting) {
      for (const [writer, clock] of this.#gate.reach(this.#clockOf)) reached.set(writer, clock)
    }
    return encodeSyncRequest(reached, deletes)
  }

  /** Decodes a peer's summary; throws a Rejection. */
  decode(summary: SyncRequest): PeerState {
    return decodeSyncRequest(summary)
  }

  /** Exactly what a peer with this knowledge lacks; all deletes where it did not tell its own. */
  lacking(known: PeerState): Delta {
    const own = this.#current()
    return deltaSince(own, known.clocks, known.deletes ?? emptyDeletes())
  }

  /** What a peer with this knowledge knows once it has got `delta` too. */
  peerStateWith(known: PeerState, delta: Delta): PeerState {
    const clocks = new Map(known.clocks)
    for (const [writer, { to }] of delta.structs) clocks.set(writer, to)
    return { clocks, deletes: mergeDeletes([known.deletes ?? emptyDeletes(), delta.deletes]) }
  }

  /** May the peer have something that we lack? (Yes, where its deletes are not told.) */
  isBehind(known: PeerState): boolean {
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
    return { bytes, digest: digestBytes(bytes, this.#platform), needs: highestClocks(needs) }
  }

  /**
   * Merges a V1 update from the network. Throws a Rejection, and then nothing has changed. It
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
      this.#check.checkUpdate(structs),
    )
    if (!isEmptyDelta(outcome.delta)) this.#reportLocal(outcome.delta)
    return outcome
  }

  #reportLocal(delta: Delta): void {
    if (this.#withheld) this.#withheld.add(delta)
    else this.#local.push(delta)
    this.onLocal?.()
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
      const delta = this.#strip(progress.delta())
      return { status: isEmptyDelta(delta) ? 'known' : 'new', delta, carried }
    } catch (error) {
      if (error instanceof Rejection) return error
      return new Rejection('apply_failed', `Yjs failed: ${(error as Error).message}`, error)
    }
  }

  #take(
    bytes: Uint8Array,
    needs: Clocks,
    origin: unknown,
    look?: (update: DecodedUpdate) => void,
  ): Outcome {
    this.#checkIdle()
    // A program that writes through us has been shown all of it.
    const withheld = look ? undefined : this.#withheld
    const { delta: carried, missing, hasNewStructs, update } = this.#inspect(bytes, withheld)
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

  #inspect(bytes: Uint8Array, withheld: OwnRange | undefined = this.#withheld): Inspection {
    try {
      return inspectUpdate(this.doc, bytes, this.#limits, withheld)
    } catch (error) {
      if (error instanceof ForkRejection && error.fork !== undefined)
        this.#fork = Math.min(error.fork, this.#fork ?? error.fork)
      throw error
    }
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
    return { delta: mergeDeltas(merged), freed: mergeDeltas(merged.slice(own)), thrown }
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
        if (!(error instanceof Rejection)) throw error
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
    const failed = new Rejection('apply_failed', `Yjs failed: ${(error as Error).message}`, error)
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

  #reportRejected(): void {
    const all = this.#rejected
    if (all.length === 0) return
    this.#rejected = []
    for (const refused of all) this.onRejected?.(refused)
  }

  #onTransaction(transaction: Y.Transaction): void {
    const delta = deltaOfTransaction(transaction)
    if (isEmptyDelta(delta)) return
    this.#state = undefined
    if (this.#isMerge(transaction)) {
      this.#merged?.push(this.#strip(delta))
    } else {
      this.#reportLocal(delta)
      this.#reportRejected()
    }
  }

  #strip(delta: Delta): Delta {
    return this.#withheld?.strip(delta) ?? delta
  }

  #current(): State {
    if (this.#state === undefined) {
      const whole = Y.snapshot(this.doc)
      const snapshot = this.#withheld?.visible(whole) ?? whole
      this.#state = {
        clocks: snapshot.sv,
        deletes: snapshot.ds,
        digest: digestSnapshot(snapshot, this.#platform),
      }
    }
    return this.#state
  }
}
