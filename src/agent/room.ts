/**
 * A room: one document that a runtime shares under a name, with its awareness and, if there is one,
 * its store. The agent's own document is a room, and so is each document of a provider or a bridge.
 *
 * ```ts
 * const room = new Room({ name: 'notes', doc, data: { store } })
 * await room.load('')
 * room.join(runtime)
 * room.accept(update, connection)   // from a program that writes through us
 * await room.close()
 * ```
 */
import { randomInt } from 'node:crypto'
import type { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { LIMITS, packUpdate, Rejection, Replica } from '../../crdt/index.ts'
import { type Deferred, deferred } from '../deferred.ts'
import { type Failure, toFailure } from '../errors.ts'
import { type DocumentStatus, NOT_SHARED, type OpenOptions, updateRoom } from '../gossip/index.ts'
import { attempt } from '../listeners.ts'
import { followHot, hotNeedsOf, makeReadOnly } from '../maps/index.ts'
import { nodePlatform } from '../platform.ts'
import type { Identity } from '../store/identity.ts'
import { nodeNumber } from '../store/node-number.ts'
import { Persistence } from '../store/persistence.ts'
import type { Store } from '../store/store.ts'
import { checkDoc } from '../yjs-copy.ts'
import type { Attachable } from './attachable.ts'
import { Fork } from './fork.ts'
import { type Problem, reporter } from './problem.ts'
import { RoomAwareness } from './room-awareness.ts'
import type { Runtime } from './runtime.ts'

export interface RoomOptions {
  /** The same at all peers. */
  readonly name: string
  readonly doc: Y.Doc
  /** The store of the document. With `identity`, the document keeps its writer id. */
  readonly data?: { readonly store: Store; readonly identity?: Identity }
  /** The origin of the transactions that merge changes of peers. */
  readonly origin?: unknown
  /** The program's own, or `false`: none. Default: one that is created when it is first read. */
  readonly awareness?: Awareness | false
  /** Called for problems such as refused messages and a failing disk. */
  readonly onProblem?: (problem: Problem) => void
  /** Called when the data folder was removed, moved or replaced: nothing is stored any more. */
  readonly onGone?: (failure: Failure) => void
  /** Does the awareness have no state of this client until the program sets one? Default false. */
  readonly isBystander?: boolean
  /** Is the document only read here? Writes to its maps and updates of programs are refused. Default false. */
  readonly isReadOnly?: boolean
  /** Milliseconds after which a peer must acknowledge a local change: see `OpenOptions`. Absent: never. */
  readonly confirmMs?: number
  /** Called after each event of gossip that may concern the document. */
  readonly onStep?: () => void
  /** Called when the runtime that the room had joined has closed. */
  readonly onClosed?: () => void
}

/**
 * A new writer id of 53 random bits. Among 77,000 writers, Yjs's own 32 bits collide with even
 * odds, and two writers with one id diverge forever.
 */
export const newWriter = (): number => randomInt(2 ** 21) * 2 ** 32 + randomInt(2 ** 32)

export class Room implements Attachable {
  readonly name: string
  readonly doc: Y.Doc
  readonly #options: RoomOptions
  readonly #report: (problem: Problem) => void
  readonly #persistence: Persistence | undefined
  readonly replica: Replica
  #runtime: Runtime | undefined
  /** Resolves when the room has left; undefined unless it is about to. */
  #leaving: Deferred<void> | undefined
  /** Updates from the store that wait for their predecessors. */
  #held: readonly Uint8Array[] = []
  readonly #awareness: RoomAwareness
  readonly #fork: Fork
  /** The address of the runtime that it joined last. */
  #address = ''
  /** Clock of the document's writer from which on nothing was shared yet. */
  #unsent: number
  /** Why nothing is stored any more. */
  #gone: Failure | undefined

  /** Throws a Failure (invalid_argument) if the document is of another copy of Yjs. */
  constructor(options: RoomOptions) {
    const { name, doc, data, awareness } = options
    checkDoc(doc)
    this.name = name
    this.doc = doc
    this.#options = options
    if (options.isReadOnly) makeReadOnly(doc)
    this.#report = reporter(options.onProblem)
    this.#persistence = data && new Persistence(doc, data.store, (failure) => this.#fail(failure))
    this.#awareness = new RoomAwareness({
      name,
      doc,
      given: awareness,
      isBystander: options.isBystander ?? false,
      address: () => this.#address,
      onProblem: (problem) => this.#report(problem),
    })
    const room = updateRoom(name, LIMITS.messageBytes)
    this.replica = new Replica(doc, nodePlatform, {
      needs: (delta) => hotNeedsOf(doc, delta),
      fits: (bytes, encode) => {
        if (bytes * 2 <= room) return true
        const update = { bytes: encode(), digest: '', needs: new Map() }
        return packUpdate(update, nodePlatform).data.length <= room
      },
      later: queueMicrotask,
      ...('origin' in options && { origin: options.origin }),
    })
    this.replica.onRejected = (refused) => {
      this.onProblem({ type: 'refused', from: this.#address, document: name, ...refused })
    }
    this.replica.onThrown = (error) => this.#onThrown(error)
    this.#fork = new Fork({
      doc,
      replica: this.replica,
      identity: data?.identity,
      persistence: this.#persistence,
      newWriter,
      wake: () => this.#runtime?.take({ type: 'changed' }),
      onFailure: (failure) => this.#fail(failure),
    })
    this.#unsent = this.#ownClock()
    this.#ignoreLocal()
  }

  /** Does it have a store? Otherwise its content is only in memory. */
  get isKept(): boolean {
    return this.#persistence !== undefined
  }

  get isReadOnly(): boolean {
    return this.#options.isReadOnly ?? false
  }

  /** The runtime that it has joined. */
  get runtime(): Runtime | undefined {
    return this.#runtime
  }

  /** What gossip knows of the document; `NOT_SHARED` while the room has not joined. */
  get status(): DocumentStatus {
    return this.#runtime?.gossip?.statusOf(this.name) ?? NOT_SHARED
  }

  /** Created when it is first read. Throws a TypeError if the room has none. */
  get awareness(): Awareness {
    return this.#awareness.get()
  }

  get openOptions(): OpenOptions {
    const { confirmMs } = this.#options
    return {
      awareness: { encodeSince: (number, bytes) => this.#awareness.encodeSince(number, bytes) },
      ...(confirmMs !== undefined && { confirmMs }),
    }
  }

  /**
   * Loads the stored document, and takes the writer id for the node at `address`. To be called once,
   * before `join`. Rejects with a Failure. Data that cannot be read is a problem.
   */
  async load(address: string): Promise<void> {
    const { data } = this.#options
    await data?.identity?.open()
    data?.identity?.watch((failure) => this.#onGone(failure))
    if (!this.#persistence) return
    followHot(this.doc)
    const { problems, held } = await this.#persistence.open()
    for (const { failure } of problems) this.#fail(failure)
    this.#held = held
    if (!data?.identity) return
    const clocks = Y.decodeStateVector(Y.encodeStateVector(this.doc))
    const node = address === '' ? undefined : nodeNumber(address)
    const { writer, reason } = await data.identity.take(node, clocks)
    this.doc.clientID = writer
    this.#unsent = this.#ownClock()
    // A copy of the folder may be in use elsewhere, with the same id.
    if (reason === 'same') this.#fork.begin(data.identity.published)
  }

  /** Shares the document. Throws a Failure (already_exists) if the runtime has a room of that name. */
  join(runtime: Runtime): void {
    if (this.#runtime) throw new TypeError(`room "${this.name}" has joined a runtime already`)
    this.#address = runtime.address
    this.replica.examine(this.#unsent)
    this.#fork.join()
    runtime.attach(this)
    this.#runtime = runtime
    // They wait for predecessors that a peer may bring, as updates that arrive too early do.
    for (const update of this.#held) {
      try {
        this.replica.apply(update)
      } catch (error) {
        this.#fail(toFailure(error))
      }
    }
    this.#held = []
    this.#awareness.join(runtime)
  }

  /** Pushes fresh changes and stops sharing. The document is stored as before. */
  leave(): void {
    if (this.#runtime) this.#unsent = this.#ownClock()
    this.#runtime?.take({ type: 'flush' })
    this.#awareness.announceLeaving()
    this.#runtime?.detach(this)
    this.#runtime = undefined
    this.#awareness.leave()
    this.#ignoreLocal()
    this.#leaving?.resolve()
    this.#leaving = undefined
  }

  /**
   * Resolves when the room has left, after `leaveSoon`. Undefined: the room stays, and no other room
   * can have its name.
   */
  get leaving(): Promise<void> | undefined {
    return this.#leaving?.promise
  }

  /** Announces that the room leaves once peers have the last changes. Others may wait for its name. */
  leaveSoon(): void {
    if (this.#leaving || !this.#runtime) return
    this.#leaving = deferred()
  }

  /** Leaves, and closes the store. */
  async close(): Promise<void> {
    this.leave()
    this.replica.destroy()
    this.#awareness.destroy()
    await this.#persistence?.close()
    await this.#options.data?.identity?.close()
  }

  /**
   * Merges a V1 update of a program that writes through this agent, after the checks for updates of
   * peers. Throws a Rejection, and then nothing has changed. Gossip treats it as a change made here.
   * `origin` is the origin of the transaction.
   */
  accept(update: Uint8Array, origin: unknown): void {
    if (this.isReadOnly) {
      throw new Rejection('read_only', `room "${this.name}" is read-only here`)
    }
    const { thrown } = this.replica.accept(update, origin)
    for (const error of thrown) {
      if (!(error instanceof Rejection)) this.#onThrown(error)
    }
  }

  /**
   * Resolves when everything written or received so far is on disk, at once without a store.
   * Rejects with a Failure if the disk fails or the data folder is gone.
   */
  async flushed(): Promise<void> {
    if (this.#gone) throw this.#gone
    await this.#persistence?.flushed()
  }

  publish(): Promise<void> | undefined {
    if (!this.#persistence) return undefined
    const { identity } = this.#options.data ?? {}
    if (!identity) return this.flushed()
    const { clientID: writer } = this.doc
    const clock = this.replica.publishedClock
    return this.flushed().then(() => identity.publish(clock, writer))
  }

  onStep(): void {
    this.#watched(() => this.#options.onStep?.())
  }

  onAwareness(bytes: Uint8Array, from: string): void {
    this.#awareness.receive(bytes, from)
  }

  onClosing(): void {
    this.#awareness.announceLeaving()
  }

  onClosed(): void {
    this.leave()
    this.#watched(() => this.#options.onClosed?.())
  }

  onProblem(problem: Problem): void {
    this.#report(problem)
    if (problem.type === 'refused' && problem.reason === 'own_clock') void this.#fork.meet()
  }

  #ownClock(): number {
    return Y.getState(this.doc.store, this.doc.clientID)
  }

  #onGone(failure: Failure): void {
    this.#gone = failure
    this.#fail(failure)
    this.#watched(() => this.#options.onGone?.(failure))
  }

  #fail(failure: Failure): void {
    this.#report({ type: 'store', failure })
  }

  /** Calls a listener of the program. What it throws is a problem. */
  #watched(run: () => void): void {
    attempt(run, (error) => this.#onThrown(error))
  }

  #onThrown(error: unknown): void {
    this.#report({ type: 'observer_failed', error })
  }

  /** Changes of a room that is not shared need no push: peers see them by the digest. */
  #ignoreLocal(): void {
    this.replica.onLocal = () => void this.replica.takeLocal()
  }
}
