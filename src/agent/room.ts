/**
 * A room: one document that a runtime shares under a name, kept in a store where there is one,
 * with those who are there (awareness). The agent's own document is a room, and so is that of
 * each provider and each document of the bridge.
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
import { type Awareness, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { LIMITS, packUpdate, Rejection, Replica } from '../../crdt/index.ts'
import { type Deferred, deferred } from '../deferred.ts'
import { type Failure, toFailure } from '../errors.ts'
import { type DocumentStatus, NOT_SHARED, type OpenOptions, updateRoom } from '../gossip/index.ts'
import { attempt } from '../listeners.ts'
import { hotNeedsOf } from '../maps/index.ts'
import { nodePlatform } from '../platform.ts'
import type { Identity } from '../store/identity.ts'
import { nodeNumber } from '../store/node-number.ts'
import { Persistence } from '../store/persistence.ts'
import type { Store } from '../store/store.ts'
import { checkDoc } from '../yjs-copy.ts'
import type { Attachable } from './attachable.ts'
import { AwarenessGossip } from './awareness/awareness-gossip.ts'
import { ownStateOf } from './awareness/own-state.ts'
import { SwarmAwareness } from './awareness/swarm-awareness.ts'
import { Fork } from './fork.ts'
import { type Problem, reporter } from './problem.ts'
import type { Runtime } from './runtime.ts'

export interface RoomOptions {
  /** The same at all peers. */
  readonly name: string
  readonly doc: Y.Doc
  /** Where the document is kept; with `identity`, who remembers its writer id. */
  readonly data?: { readonly store: Store; readonly identity?: Identity }
  /** Of the transactions in which something from peers is merged. */
  readonly origin?: unknown
  /** Somebody else's, or `false`: none at all. Default: one of its own, made when it is first read. */
  readonly awareness?: Awareness | false
  /** Told of trouble: refused messages, a disk. */
  readonly onProblem?: (problem: Problem) => void
  /** The folder in which it is kept was removed, moved or replaced: nothing is kept any more. */
  readonly onGone?: (failure: Failure) => void
  /** Are only others there, and nobody on our own behalf, until a state is set? Default false. */
  readonly isBystander?: boolean
  /** Milliseconds after which a peer is asked whether it has a change made here; absent: never. */
  readonly confirmMs?: number
  /** After each event of gossip. */
  readonly onStep?: () => void
  /** The runtime it had joined has closed. */
  readonly onClosed?: () => void
}

/**
 * A writer id that no other has: 53 random bits. Yjs's own 32 bits collide with even odds
 * among 77,000 writers, and two writers with one id diverge for ever.
 */
export const newWriter = (): number => randomInt(2 ** 21) * 2 ** 32 + randomInt(2 ** 32)

export class Room implements Attachable {
  readonly name: string
  readonly doc: Y.Doc
  readonly #options: RoomOptions
  readonly #tell: (problem: Problem) => void
  readonly #persistence: Persistence | undefined
  readonly replica: Replica
  #runtime: Runtime | undefined
  #awareness: Awareness | undefined
  #gossiped: AwarenessGossip | undefined
  /** Have others been told that we leave? */
  #hasSaidGoodbye = false
  /** Resolves when it has left; undefined while it is there to stay. */
  #leaving: Deferred<void> | undefined
  /** Updates that were read and wait for others. */
  #held: readonly Uint8Array[] = []
  readonly #fork: Fork
  /** Of the runtime it joined last. */
  #address = ''
  /** Of the document's writer: what it writes from this clock on has not been shared yet. */
  #unsent: number
  /** Why nothing is kept any more. */
  #gone: Failure | undefined

  /** Throws a Failure (invalid_argument) where the document is of another copy of Yjs. */
  constructor(options: RoomOptions) {
    const { name, doc, data, awareness } = options
    checkDoc(doc)
    this.name = name
    this.doc = doc
    this.#options = options
    this.#tell = reporter(options.onProblem)
    this.#persistence = data && new Persistence(doc, data.store, (failure) => this.#fail(failure))
    if (awareness) {
      this.#awareness = awareness
      this.#watchAwareness(awareness)
    }
    this.replica = new Replica(doc, nodePlatform, {
      needs: (delta) => hotNeedsOf(doc, delta),
      fits: (bytes, encode) => {
        const room = updateRoom(name, LIMITS.messageBytes)
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
    this.#forget()
  }

  /** Has it a store? Else its content is in memory alone. */
  get isKept(): boolean {
    return this.#persistence !== undefined
  }

  /** Where it has joined a runtime. */
  get runtime(): Runtime | undefined {
    return this.#runtime
  }

  /** How far it is; of a room that has joined nobody nothing is known. */
  get status(): DocumentStatus {
    return this.#runtime?.gossip?.statusOf(this.name) ?? NOT_SHARED
  }

  /** Made when it is first read. Throws a TypeError where there is to be none. */
  get awareness(): Awareness {
    if (this.#options.awareness === false)
      throw new TypeError(`room "${this.name}" was opened without awareness`)
    if (!this.#awareness) {
      this.#awareness = new SwarmAwareness(this.doc, (error) => this.#onThrown(error))
      if (this.#options.isBystander) this.#awareness.setLocalState(null)
      this.#watchAwareness(this.#awareness)
      this.#gossipAwareness()
    }
    return this.#awareness
  }

  get openOptions(): OpenOptions {
    const { confirmMs } = this.#options
    return {
      // Nothing is told while nobody has asked for awareness here.
      awareness: { encodeSince: (number, bytes) => this.#gossiped?.encodeSince(number, bytes) },
      ...(confirmMs !== undefined && { confirmMs }),
    }
  }

  /**
   * The document as it was kept, and the id under which it may be written on by the node of that
   * address. Once, before `join`. Rejects with a Failure; tells what could not be read.
   */
  async load(address: string): Promise<void> {
    const { data } = this.#options
    await data?.identity?.open()
    data?.identity?.watch((failure) => this.#onGone(failure))
    if (!this.#persistence) return
    const { problems, held } = await this.#persistence.open()
    for (const { failure } of problems) this.#fail(failure)
    this.#held = held
    if (!data?.identity) return
    const clocks = Y.decodeStateVector(Y.encodeStateVector(this.doc))
    const node = address === '' ? undefined : nodeNumber(address)
    const { writer, reason } = await data.identity.take(node, clocks)
    this.doc.clientID = writer
    this.#unsent = this.#ownClock()
    // An id that was used before may be used by another, too: from a copy of the folder.
    if (reason === 'same') this.#fork.begin(data.identity.published)
  }

  /** Shares it with the swarm. Throws a Failure (already_exists) where the runtime has a room of that name. */
  join(runtime: Runtime): void {
    if (this.#runtime) throw new TypeError(`room "${this.name}" has joined a runtime already`)
    this.#address = runtime.address
    this.replica.examine(this.#unsent)
    this.#fork.join()
    runtime.attach(this)
    this.#runtime = runtime
    // They wait for what a peer may bring, as anything does that came too early.
    for (const update of this.#held) {
      try {
        this.replica.apply(update)
      } catch (error) {
        this.#fail(toFailure(error))
      }
    }
    this.#held = []
    this.#gossipAwareness()
  }

  /** Pushes what is fresh and shares it no more; the document is kept as before. */
  leave(): void {
    if (this.#runtime) this.#unsent = this.#ownClock()
    this.#runtime?.take({ type: 'flush' })
    this.#sayGoodbye()
    this.#runtime?.detach(this)
    this.#runtime = undefined
    this.#endAwareness()
    this.#forget()
    this.#leaving?.resolve()
    this.#leaving = undefined
  }

  /**
   * Resolves when it has left the runtime, where it said that it is about to; undefined: it is there
   * to stay, and nobody else can have its name.
   */
  get leaving(): Promise<void> | undefined {
    return this.#leaving?.promise
  }

  /** It leaves soon, once peers have what was written last: who wants its name may wait for it. */
  leaveSoon(): void {
    if (this.#leaving || !this.#runtime) return
    this.#leaving = deferred()
  }

  /** Leaves, and closes what it is kept in. */
  async close(): Promise<void> {
    this.leave()
    this.replica.destroy()
    this.#awareness?.off('update', this.#onAwarenessUpdate)
    if (this.#options.awareness === undefined) this.#watched(() => this.#awareness?.destroy())
    await this.#persistence?.close()
    await this.#options.data?.identity?.close()
  }

  /**
   * Merges a V1 update of a program that writes through us, checked like one of the network: it
   * throws a Rejection, and then nothing has changed. Peers are told as of a change made here.
   * `origin` is that of the transaction.
   */
  accept(update: Uint8Array, origin: unknown): void {
    const { thrown } = this.replica.accept(update, origin)
    for (const error of thrown) {
      if (!(error instanceof Rejection)) this.#onThrown(error)
    }
  }

  /**
   * Resolves when all that was written or received so far is on disk, at once without a store.
   * Rejects with a Failure when the disk refuses, and from when its folder is gone.
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
    try {
      this.#gossiped?.receive(bytes, from)
    } catch (error) {
      if (!(error instanceof Rejection)) {
        this.#onThrown(error)
        return
      }
      const { reason, message } = error
      this.#runtime?.gossip?.counters.reject(reason)
      this.onProblem({
        type: 'refused',
        part: 'awareness',
        from,
        document: this.name,
        reason,
        message,
      })
    }
  }

  onClosing(): void {
    this.#sayGoodbye()
  }

  onClosed(): void {
    this.leave()
    this.#watched(() => this.#options.onClosed?.())
  }

  onProblem(problem: Problem): void {
    this.#tell(problem)
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
    this.#tell({ type: 'store', failure })
  }

  /** We are gone for the others. It is encoded when it leaves, so what tells it stays until then. */
  #sayGoodbye(): void {
    if (!this.#gossiped || this.#hasSaidGoodbye) return
    this.#hasSaidGoodbye = true
    // Somebody else's awareness is told to others by others.
    if (this.#options.awareness === undefined) this.#gossiped.sayGoodbye()
    else this.#gossiped.destroy()
  }

  /** The others are gone for us. Our own state stays: we may come back. */
  #endAwareness(): void {
    const awareness = this.#awareness
    this.#hasSaidGoodbye = false
    if (!this.#gossiped) return
    this.#gossiped = undefined
    if (!awareness || this.#options.awareness !== undefined) return
    const others = [...awareness.states.keys()].filter((client) => client !== awareness.clientID)
    this.#watched(() => removeAwarenessStates(awareness, others, this))
  }

  /** Runs what calls listeners of the program: one that throws keeps nothing of ours from being done. */
  #watched(run: () => void): void {
    attempt(run, (error) => this.#onThrown(error))
  }

  #onThrown(error: unknown): void {
    this.#tell({ type: 'observer_failed', error })
  }

  #watchAwareness(awareness: Awareness): void {
    awareness.on('update', this.#onAwarenessUpdate)
  }

  readonly #onAwarenessUpdate = (_: unknown, origin: unknown): void => {
    if (origin === 'local') this.#lookAtOwnState()
  }

  /** Who set a state that no peer would take is told so; peers data the last one they could. */
  #lookAtOwnState(): void {
    const refused = this.#awareness && ownStateOf(this.#awareness).look()
    if (!refused) return
    this.#tell({
      type: 'refused',
      part: 'awareness',
      from: this.#address,
      document: this.name,
      ...refused,
    })
  }

  /** What is changed while it has joined nobody is no news: peers learn of it by its digest. */
  #forget(): void {
    this.replica.onLocal = () => void this.replica.takeLocal()
  }

  #gossipAwareness(): void {
    const runtime = this.#runtime
    if (!runtime || !this.#awareness || this.#gossiped) return
    // Somebody else's may have been set before there was anybody to be told.
    this.#lookAtOwnState()
    this.#gossiped = new AwarenessGossip(this.#awareness, {
      tell: (since, to) =>
        runtime.take({
          type: 'awareness',
          document: this.name,
          since,
          ...(to !== undefined && { to }),
        }),
      countPeers: () => runtime.gossip?.peers.size ?? 0,
    })
  }
}
