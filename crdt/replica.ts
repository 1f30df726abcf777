/**
 * A replica: one `Y.Doc` with what gossip needs to know about it. A replica reports its state (state
 * vector, version, digest), computes what a peer lacks, merges checked updates from the network, and
 * returns what was new in each, because only that is passed on.
 *
 * ```js
 * const replica = new Replica(new Y.Doc(), platform)
 * replica.onLocal = () => push(replica.encode(mergeDeltas(replica.takeLocal())))
 * const { status, delta } = replica.apply(update)
 * ```
 */
import * as Y from 'yjs'
import { type DeleteSet, emptyDeletes } from './deletes.ts'
import {
  type Clocks,
  type Delta,
  deltaOfTransaction,
  deltaSince,
  encodeDelta,
  isEmptyDelta,
} from './delta.ts'
import { digestBytes } from './digest.ts'
import { LIMITS } from './limits.ts'
import { LocalCheck, type RejectedChange } from './local-check.ts'
import { Merger } from './merger.ts'
import { highestClocks, needsOf } from './needs.ts'
import type {
  BatchOutcome,
  EncodedUpdate,
  Outcome,
  ReceivedUpdate,
  ReplicaOptions,
  SyncRequest,
} from './outcome.ts'
import { checkOwnDoc } from './own-doc.ts'
import { hasMore, type PeerState } from './peer-state.ts'
import type { Platform } from './platform.ts'
import { Published } from './published.ts'
import { renameStructs } from './rename.ts'
import { decodeSyncRequest, encodeSyncRequest } from './sync-request.ts'
import { type GuardedTransactions, guardTransactions } from './transaction-guard.ts'
import { type OwnRange, Withheld } from './withheld.ts'
import * as yjsInner from './yjs-inner.ts'

export class Replica {
  readonly doc: Y.Doc
  /** Origin of the transactions that `apply` makes. */
  readonly origin: unknown
  /** Called after each transaction that did not come through `apply`; `takeLocal` returns the change. */
  onLocal: (() => void) | undefined
  /** Called after a transaction from which something was removed, because peers would reject it. */
  onRejected: ((rejected: RejectedChange) => void) | undefined
  /** Called with errors of the document's listeners that no caller can catch. */
  onThrown: ((error: unknown) => void) | undefined
  /**
   * What peers see of the document: its state, its digests and ranges. For the gossip core.
   *
   * @internal
   */
  readonly published: Published
  readonly #platform: Platform
  readonly #options: ReplicaOptions
  readonly #merger: Merger
  readonly #listener: (transaction: Y.Transaction) => void
  readonly #guard: GuardedTransactions
  readonly #check: LocalCheck
  /** Removed changes that are not reported yet. */
  #rejected: RejectedChange[] = []
  #isRecovering = false
  #local: Delta[] = []
  #era: object = {}

  /** Throws a ForeignDocError if the document belongs to another copy of Yjs. */
  constructor(doc: Y.Doc, platform: Platform, options: ReplicaOptions = {}) {
    checkOwnDoc(doc)
    this.doc = doc
    this.origin = options.origin ?? this
    this.#options = options
    this.#platform = platform
    this.published = new Published(doc, platform, options.maxVectorWriters)
    const { fits } = options
    this.#check = new LocalCheck(doc, {
      report: (rejected) => this.#rejected.push(rejected),
      ...(fits && { fits }),
    })
    this.#guard = guardTransactions(doc, {
      onBegin: () => this.#recoverLater(),
      onThrown: (error) => this.onThrown?.(error),
      onEnding: (transaction) => {
        // Updates that come through `apply` have been checked already.
        if (!this.#merger.isMerge(transaction)) this.#check.checkTransaction(transaction)
      },
    })
    this.#merger = new Merger({
      doc,
      limits: options.limits ?? LIMITS,
      guard: this.#guard,
      origin: this.origin,
      strip: (delta) => this.published.withheld?.strip(delta) ?? delta,
      withheld: () => this.published.withheld,
      onFailed: () => this.published.rebuild(),
    })
    this.#listener = (transaction) => this.#onTransaction(transaction)
    doc.on('afterTransaction', this.#listener)
    if (yjsInner.isInTransaction(doc)) this.#recoverLater()
  }

  /** Stops listening; the document stays. */
  destroy(): void {
    this.doc.off('afterTransaction', this.#listener)
    this.#guard.end()
    this.onLocal = undefined
    this.onRejected = undefined
    this.onThrown = undefined
  }

  /** Sum of the state vector's clocks: how much has ever been written. For people; nothing depends on it. */
  get version(): number {
    return this.published.history.version
  }

  /** Writer → clock. */
  get clocks(): Clocks {
    const clocks = new Map<number, number>()
    for (const writer of yjsInner.writers(this.doc)) {
      clocks.set(writer, Y.getState(this.doc.store, writer))
    }
    return clocks
  }

  /** All deletes that peers may see. Changes with the document, so it must not be kept. */
  get deletes(): DeleteSet {
    return this.published.state.deletes
  }

  /** 22 characters over what peers see of clocks and deletes (see `history.ts`). */
  get digest(): string {
    return this.published.digest
  }

  /** Updates that wait for their predecessors, and how many were dropped for lack of room. */
  get waiting(): { readonly updates: number; readonly bytes: number; readonly dropped: number } {
    const { size, bytes, dropped } = this.#merger.gate
    return { updates: size, bytes, dropped }
  }

  /** Ends a round of gossip: deletes that have waited too long for what they delete are dropped. */
  endRound(): void {
    this.#merger.endRound()
  }

  /**
   * Checks everything in the document, some of which may be older than this replica. Removes and
   * reports what peers would reject. Own clocks from `unsent` on were never sent, so their length is
   * checked, too.
   */
  examine(unsent: number): void {
    this.#check.checkDocument(this, unsent)
    this.#reportRejected()
  }

  /**
   * Ends transactions that were left open (see `transaction-guard.ts`), so that their changes are
   * reported and updates can be merged again. Must be called when none can be running; with the
   * option `later` this happens by itself.
   */
  recover(): void {
    this.#guard.recover()
  }

  /**
   * Own clocks that are hidden from peers, with the deletes made here since: another copy may have
   * used the same clocks. Peers see the document as it was before, until `release`.
   */
  get withheld(): OwnRange | undefined {
    return this.published.withheld
  }

  /** How far the own writer has come. */
  get ownClock(): number {
    return Y.getState(this.doc.store, this.doc.clientID)
  }

  /** How far peers see it. */
  get publishedClock(): number {
    return Math.min(this.ownClock, this.published.withheld?.from ?? this.ownClock)
  }

  /** Withholds the own clocks from `from` on; those from `fresh` on were never sent to a peer. */
  withhold({ from, fresh }: Omit<OwnRange, 'writer'>): void {
    this.published.withheld = new Withheld({ writer: this.doc.clientID, from, fresh }, this.#local)
    this.#local = []
  }

  /** The first own clock for which a peer has something else; undefined while none is known. */
  get fork(): number | undefined {
    return this.#merger.fork
  }

  /**
   * Moves the own clocks from `clock` on to the writer `to`, which the document uses from now on. What
   * was withheld stays withheld. Calls `follow` in the same transaction. See `rename.ts`.
   */
  rename(clock: number, to: number, follow?: () => void): void {
    const { doc } = this
    const from = Y.createID(doc.clientID, clock)
    const withheld =
      this.published.withheld ?? new Withheld({ writer: from.client, from: clock, fresh: clock })
    // Listeners at the end of the transaction must already find the new ids.
    renameStructs(doc, from, to, this.origin, () => {
      follow?.()
      doc.clientID = to
      this.published.withheld = withheld.renamed(clock, to)
      this.#merger.forgetFork()
      this.#era = {}
      this.published.rebuild()
    })
  }

  /** A new object whenever ids change their meaning. What was remembered by id is void then. */
  get era(): object {
    return this.#era
  }

  /** Publishes what was withheld: it counts as changed now. */
  release(): void {
    const delta = this.published.withheld?.toPublish(this.doc)
    this.published.withheld = undefined
    this.#merger.forgetFork()
    if (!delta) return
    this.#local.push(delta)
    this.onLocal?.()
  }

  /** Changes made here since the last call, without withheld ones. */
  takeLocal(): readonly Delta[] {
    const local = this.#local
    if (local.length > 0) this.#local = []
    return local
  }

  /**
   * What this replica has, as a request for the rest. `withWaiting` also counts updates that wait in
   * the gate, so that they are not sent again; without it they are, which helps if no peer has
   * what they wait for.
   */
  syncRequest(withWaiting = false): SyncRequest {
    const { clocks, deletes } = this.published.state
    const reached = new Map(clocks)
    if (withWaiting) {
      const clockOf = (writer: number): number => Y.getState(this.doc.store, writer)
      for (const [writer, clock] of this.#merger.gate.reach(clockOf)) reached.set(writer, clock)
    }
    return encodeSyncRequest(reached, deletes)
  }

  /** Decodes a peer's request; throws a Rejection. */
  decode(request: SyncRequest): PeerState {
    return decodeSyncRequest(request)
  }

  /** Exactly what a peer in this state lacks; all deletes if its own are unknown. */
  lacking(state: PeerState): Delta {
    const own = this.published.state
    return deltaSince(own, state.clocks, state.deletes ?? emptyDeletes())
  }

  /** May the peer have something that we lack? True if its deletes are unknown. */
  isBehind(state: PeerState): boolean {
    return hasMore(state, this.published.state)
  }

  /** The delta as a V1 update, with its digest and the clocks that it needs (see `needs.ts`). */
  encode(delta: Delta): EncodedUpdate {
    const bytes = encodeDelta(this.doc, delta)
    const needs = [needsOf(this.doc, delta)]
    if (this.#options.needs) needs.push(this.#options.needs(delta))
    return { bytes, digest: digestBytes(bytes, this.#platform), needs: highestClocks(needs) }
  }

  /**
   * Merges a V1 update from the network. Throws a Rejection, and then nothing has changed. An update
   * waits while its predecessors or what it `needs` (see `needs.ts`) are missing; those that waited
   * for this one are merged with it. Throws a TypeError in a transaction or an observer of the
   * document: Yjs would report what was new only later. `from` is the peer that brought it.
   */
  apply(bytes: Uint8Array, needs?: Clocks, from?: string): Outcome {
    const update = { bytes, needs, from }
    return this.#merger.merge(update, this.origin, { withheld: this.published.withheld })
  }

  /**
   * Merges several V1 updates in one transaction, in their order: observers, the store and the
   * digest see one change. Each is checked by itself; one that is rejected does not affect the
   * others. Throws a TypeError in a transaction or an observer.
   */
  applyAll(updates: readonly ReceivedUpdate[]): BatchOutcome {
    return this.#merger.mergeAll(updates, this.origin)
  }

  /**
   * Merges an update of a program that writes through this replica: `takeLocal` returns it like a
   * change made here. `origin` is that of the transaction.
   */
  accept(bytes: Uint8Array, origin: unknown): Outcome {
    const outcome = this.#merger.merge({ bytes }, origin, {
      withheld: this.published.withheld,
      check: ({ structs }) => this.#check.checkUpdate(structs),
    })
    if (!isEmptyDelta(outcome.delta)) this.#reportLocal(outcome.delta)
    return outcome
  }

  #reportLocal(delta: Delta): void {
    if (this.published.withheld) this.published.withheld.add(delta)
    else this.#local.push(delta)
    this.onLocal?.()
  }

  #recoverLater(): void {
    const { later } = this.#options
    if (!later || this.#isRecovering) return
    this.#isRecovering = true
    later(() => {
      this.#isRecovering = false
      this.recover()
    })
  }

  #reportRejected(): void {
    const all = this.#rejected
    if (all.length === 0) return
    this.#rejected = []
    for (const rejected of all) this.onRejected?.(rejected)
  }

  #onTransaction(transaction: Y.Transaction): void {
    const delta = deltaOfTransaction(transaction)
    if (isEmptyDelta(delta)) return
    this.published.add(delta)
    if (this.#merger.isMerge(transaction)) {
      this.#merger.addMerged(delta)
    } else {
      this.#reportLocal(delta)
      this.#reportRejected()
    }
  }
}
