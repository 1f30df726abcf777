/**
 * Shares a `Y.Doc` with a swarm over any transport, without a server. It has the methods and events
 * of other Yjs providers. Several providers can share one transport or one agent.
 *
 * ```ts
 * const doc = new Y.Doc()
 * const provider = new PilotGossipProvider(new PilotTransport({ swarm: 'kv' }), 'notes', doc)
 * await provider.whenSynced
 * doc.getText('text').insert(0, 'hello')
 * await provider.destroy()
 * ```
 *
 * `synced` means that the document has everything that the store held and everything that one live
 * peer had when it was asked. Other peers may have more, since no server knows everything; gossip
 * brings it later. Without a peer, `synced` stays false.
 */
import { ObservableV2 } from 'lib0/observable'
import type * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'
import type { Agent } from '../agent/agent.ts'
import { type Problem, warnOfOwn } from '../agent/problem.ts'
import { Room } from '../agent/room.ts'
import { checkRoomName } from '../agent/room-name.ts'
import { describePeers, type PeerStatus } from '../agent/status.ts'
import { deferred } from '../deferred.ts'
import { toFailure } from '../errors.ts'
import { attempt, warnOfThrown } from '../listeners.ts'
import type { Transport } from '../transports/transport.ts'
import { checkDoc } from '../yjs-copy.ts'
import { Connection } from './connection.ts'
import { departed, noteDeparture } from './departures.ts'
import type {
  ConnectionStatus,
  ProviderEvents,
  ProviderOptions,
  StateAwareness,
} from './options.ts'
import { Pulls } from './pulls.ts'
import { RuntimeSource } from './runtime-source.ts'
import { Subdocs } from './subdocs.ts'
import { notConnected, unanswered } from './sync-failures.ts'
import { SyncMonitor } from './sync-monitor.ts'
import type { SyncStatus } from './sync-status.ts'

/** Milliseconds; see `OpenOptions`. It costs two short messages for each burst of writes. */
const CONFIRM_MS = 500

/** Milliseconds, the default of `staleMs`: three rounds. */
const STALE_MS = 15_000

/** Milliseconds that `forceSync` waits for an answer, by default. */
const FORCE_MS = 10_000

/** Milliseconds that `destroy` waits at most for a peer to have the last changes. */
const HAND_OVER_MS = 2_000

export class PilotGossipProvider extends ObservableV2<ProviderEvents<PilotGossipProvider>> {
  readonly doc: Y.Doc
  /** The document's name in the swarm. */
  readonly room: string
  /** Resolves when the store was read, at once without a store. Rejects with a Failure. */
  readonly whenLoaded: Promise<void>
  /** Resolves when the provider is synced for the first time. */
  readonly whenSynced: Promise<void>
  readonly #via: Transport | Agent
  readonly #options: ProviderOptions
  readonly #room: Room
  readonly #source: RuntimeSource
  readonly #pulls: Pulls
  readonly #connection: Connection
  readonly #monitor: SyncMonitor
  readonly #subdocs: Subdocs<PilotGossipProvider> | undefined
  readonly #firstSync = deferred<void>()
  #synced = false
  #peersKnown = 0
  /** Bytes that were written since the last push. */
  #burstBytes = 0
  #waiting = 0
  #destroying: Promise<void> | undefined
  /** The last message of a peer that was refused. */
  #refused: (Problem & { readonly type: 'refused' }) | undefined

  /**
   * `via` is a transport that is not open yet, or an agent. Throws a Failure (invalid_argument) if
   * `room` is not a valid name or `doc` is of another copy of Yjs. Later errors are events.
   */
  constructor(via: Transport | Agent, room: string, doc: Y.Doc, options: ProviderOptions = {}) {
    super()
    checkDoc(doc)
    this.room = checkRoomName(room)
    this.doc = doc
    this.#via = via
    this.#options = options
    const { store, awareness, subdocs = true, connect = true } = options
    this.#room = new Room({
      name: room,
      doc,
      origin: this,
      confirmMs: CONFIRM_MS,
      ...(store && { data: { store } }),
      ...(awareness !== undefined && { awareness }),
      onStep: () => this.#onStep(),
      // The agent was stopped.
      onClosed: () => this.#leave(),
      onProblem: (problem) => this.#onProblem(problem),
    })
    this.#source = new RuntimeSource(via, room, options, (problem) => this.#onProblem(problem))
    this.#pulls = new Pulls(this.#room)
    this.#monitor = new SyncMonitor({
      room: this.#room,
      isConnected: () => this.connected,
      staleMs: options.staleMs ?? STALE_MS,
      onStatus: (status) => this.emit('sync-status', [status]),
    })
    this.whenSynced = this.#firstSync.promise
    this.whenLoaded = this.#load()
    // Also an event, so a program need not wait for the promise.
    this.whenLoaded.catch((error) => this.#reportFailed(error))
    this.#connection = new Connection({
      loaded: this.whenLoaded,
      join: async () => {
        const runtime = await this.#source.get()
        return () => this.#room.join(runtime)
      },
      onStatus: (status) => this.#onStatus(status),
      onFailed: (failure) => this.#reportFailed(failure),
    })
    doc.on('update', this.#onUpdate)
    doc.on('destroy', this.#onDestroy)
    this.#subdocs = subdocs
      ? new Subdocs(
          doc,
          (sub) => this.#createFor(sub),
          (error) => this.#reportFailed(error),
        )
      : undefined
    this.#subdocs?.start()
    if (connect) this.connect()
  }

  /** Created when it is first read. Throws a TypeError if the option `awareness` is `false`. */
  get awareness(): StateAwareness {
    return this.#room.awareness
  }

  get synced(): boolean {
    return this.#synced
  }

  // Names that some editors expect.

  /** Tells this kind of provider from others. */
  get type(): string {
    return 'pilot-gossip'
  }

  /** The same as `doc`. */
  get document(): Y.Doc {
    return this.doc
  }

  /** The same as `connected`. */
  get isConnected(): boolean {
    return this.connected
  }

  /** The same as `synced`. */
  get isSynced(): boolean {
    return this.#synced
  }

  /** `loading` while not connected, then `synchronizing` until it is synced. */
  getStatus(): 'loading' | 'synchronizing' | 'synchronized' {
    if (this.#synced) return 'synchronized'
    return this.connected ? 'synchronizing' : 'loading'
  }

  /** Does the program want a connection? */
  get shouldConnect(): boolean {
    return this.#connection.shouldConnect
  }

  get status(): ConnectionStatus {
    return this.#connection.status
  }

  get connected(): boolean {
    return this.status === 'connected'
  }

  /** Does a peer have what was written here? */
  get syncStatus(): SyncStatus {
    return this.#monitor.status
  }

  /** The peers that may have the document. */
  get peers(): readonly PeerStatus[] {
    return describePeers(this.#room)
  }

  /** Providers of subdocuments, by guid. */
  get subdocs(): ReadonlyMap<string, PilotGossipProvider> {
    return this.#subdocs?.providers ?? new Map()
  }

  /**
   * Connects, with the subdocuments, and retries until that works or `disconnect` is called. Does
   * nothing if it is connected or connecting.
   */
  connect(): void {
    if (this.#destroying || this.shouldConnect) return
    this.#connection.start()
    for (const provider of this.subdocs.values()) provider.connect()
  }

  /**
   * Pushes fresh changes and leaves the swarm, with the subdocuments. Later changes are pushed after
   * the next `connect`. The transport stays open until `destroy`.
   */
  disconnect(): void {
    for (const provider of this.subdocs.values()) provider.disconnect()
    if (this.shouldConnect) this.#leave()
  }

  /**
   * Resolves when everything written so far is on disk (with a store) and was sent to the peers
   * that can be reached. Rejects with a Failure if the disk fails.
   */
  async flush(): Promise<void> {
    await this.whenLoaded
    await Promise.all([this.#room.flushed(), this.#room.runtime?.drain()])
  }

  /**
   * Pulls from a peer, and resolves when everything that the peer has was merged. Rejects with a
   * Failure: `closed` if the provider is not connected, `timeout` if no answer that could be merged
   * came within `timeoutMs` milliseconds.
   */
  async forceSync({ timeoutMs = FORCE_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { runtime, status } = this.#room
    if (!runtime) throw notConnected(this.#room)
    this.#refused = undefined
    const isAnswered = await this.#pulls.until(
      () => this.#room.status.syncs > status.syncs,
      timeoutMs,
    )
    if (isAnswered) return
    throw this.#room.runtime === runtime
      ? unanswered(this.#room, this.#refused)
      : notConnected(this.#room)
  }

  /**
   * Ends the provider for good. Waits until a peer has the last changes, for 2 seconds at most, and
   * resolves when no timer, listener or socket is left. The document stays.
   */
  override destroy(): Promise<void> {
    if (!this.#destroying) {
      // Set before any listener is called: a listener may call `destroy` too.
      const { promise, resolve } = deferred<void>()
      this.#destroying = promise
      noteDeparture(this.#via, this.room, this.#destroying)
      this.#room.leaveSoon()
      this.#source.leaveSoon(this.#destroying)
      resolve(this.#destroy())
    }
    return this.#destroying
  }

  /**
   * Calls all listeners, even if one throws. What it throws is reported as a problem, or as a
   * warning of the process if `problem` has no listener.
   */
  override emit<Name extends keyof ProviderEvents<PilotGossipProvider> & string>(
    name: Name,
    args: Parameters<ProviderEvents<PilotGossipProvider>[Name]>,
  ): void {
    const isHeard = name !== 'problem' && yjsInner.hasListeners(this, 'problem')
    for (const listener of yjsInner.listenersOf(this, name)) {
      attempt(
        () => listener(...args),
        isHeard
          ? (error) => this.emit('problem', [{ type: 'observer_failed', error }])
          : warnOfThrown,
      )
    }
  }

  /** Calls listeners of the document. What they throw is a problem too. */
  #attempt(run: () => void): void {
    attempt(run, (error) => this.#onProblem({ type: 'observer_failed', error }))
  }

  async #destroy(): Promise<void> {
    this.doc.off('destroy', this.#onDestroy)
    const subdocs = this.#subdocs?.destroy()
    if (this.#monitor.isHandedOver) this.disconnect()
    else await this.#pulls.until(() => this.#monitor.isHandedOver, HAND_OVER_MS)
    const { runtime } = this.#room
    this.disconnect()
    this.doc.off('update', this.#onUpdate)
    this.#monitor.stop()
    await subdocs
    await runtime?.drain()
    await this.#source.release()
    await Promise.allSettled([this.whenLoaded])
    try {
      await this.#room.close()
    } catch (error) {
      this.#onProblem({ type: 'store', failure: toFailure(error) })
      throw error
    } finally {
      this.emit('destroy', [this])
      super.destroy()
    }
  }

  async #load(): Promise<void> {
    if (this.#options.store) await departed(this.#via, this.room)
    await this.#room.load('')
    if (this.#options.store && !this.doc.isLoaded)
      this.#attempt(() => this.doc.emit('load', [this.doc]))
  }

  #onProblem(problem: Problem): void {
    if (problem.type === 'refused' && !problem.path && !problem.part) this.#refused = problem
    if (yjsInner.hasListeners(this, 'problem')) this.emit('problem', [problem])
    else warnOfOwn(problem)
  }

  #reportFailed(error: unknown): void {
    this.emit('connection-error', [toFailure(error), this])
  }

  #leave(): void {
    this.#monitor.onLeave()
    const wasConnected = this.connected
    this.#room.leave()
    this.#connection.stop()
    this.#setSynced(false)
    this.#onStep()
    if (wasConnected) this.emit('connection-close', [null, this])
  }

  #onStatus(status: ConnectionStatus): void {
    this.emit('status', [{ status }])
    if (status === 'connected') this.#onStep()
  }

  #setSynced(isSynced: boolean): void {
    if (this.#synced === isSynced) return
    this.#synced = isSynced
    if (isSynced) this.#firstSync.resolve()
    this.emit('synced', [isSynced])
    this.emit('sync', [isSynced])
    this.#attempt(() => this.doc.emit('sync', [isSynced, this.doc]))
  }

  /** Emits what an event of gossip has changed. */
  #onStep(): void {
    const { status, replica, runtime } = this.#room
    if (!status.hasFresh) this.#burstBytes = 0
    if (status.syncs > 0) this.#setSynced(true)
    this.#pulls.check()
    this.#monitor.check()
    const known = runtime?.gossip?.peers.size ?? 0
    if (known !== this.#peersKnown) {
      this.#peersKnown = known
      this.emit('peers', [this.peers])
    }
    const { updates } = replica.waiting
    if (updates !== this.#waiting) {
      this.#waiting = updates
      this.emit('waiting', [{ updates }])
    }
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin === this) {
      this.emit('update', [update, origin])
    } else if (this.connected) {
      this.#flushLongBurst(update.length)
    } else {
      this.#monitor.onOfflineChange()
    }
  }

  /**
   * Gossip collects changes for a moment before it pushes them. A long burst is pushed earlier, at
   * half of what a push may carry inline: so it still fits, and peers need not pull it.
   */
  #flushLongBurst(bytes: number): void {
    this.#burstBytes += bytes
    const { runtime } = this.#room
    const maxBytes = runtime?.gossip?.config.inlineBytes ?? Number.POSITIVE_INFINITY
    if (this.#burstBytes * 2 >= maxBytes) runtime?.take({ type: 'flush' })
  }

  readonly #onDestroy = (): void => {
    this.destroy().catch(() => undefined) // already reported as a problem
  }

  /** The provider of a subdocument, over the same transport or agent. */
  #createFor(doc: Y.Doc): PilotGossipProvider {
    const { store: _, storeOf, awareness, ...options } = this.#options
    const store = storeOf?.(doc.guid)
    const provider = new PilotGossipProvider(this.#via, `${this.room}/${doc.guid}`, doc, {
      ...options,
      // An awareness that the program brought belongs to the parent document.
      ...(awareness === false && { awareness }),
      ...(storeOf && { storeOf }),
      ...(store && { store }),
      connect: this.shouldConnect,
    })
    this.emit('subdoc', [{ guid: doc.guid, doc, provider }])
    return provider
  }
}
