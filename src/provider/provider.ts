/**
 * Shares a `Y.Doc` with a swarm: a provider like those for other networks, over any transport,
 * with no server. Many may use one transport, or one agent.
 *
 * ```ts
 * const doc = new Y.Doc()
 * const provider = new PilotGossipProvider(new PilotTransport({ swarm: 'kv' }), 'notes', doc)
 * await provider.whenSynced
 * doc.getText('text').insert(0, 'hello')
 * await provider.destroy()
 * ```
 *
 * What `synced` promises: all that the store held is in the document, and so is everything that
 * one live peer had when it was asked. It does not promise that nobody else has more, for there is
 * no server who would know; what they have comes by gossip. Alone it stays false.
 */
import { ObservableV2 } from 'lib0/observable'
import type * as Y from 'yjs'
import type { Agent } from '../agent/agent.ts'
import { type Problem, warnOfOwn } from '../agent/problem.ts'
import { Room } from '../agent/room.ts'
import { checkRoomName } from '../agent/room-name.ts'
import { now } from '../agent/runtime.ts'
import { describePeers, type PeerStatus } from '../agent/status.ts'
import { deferred } from '../deferred.ts'
import { Failure, toFailure } from '../errors.ts'
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
import { Questions } from './questions.ts'
import { RuntimeSource } from './runtime-source.ts'
import { Subdocs } from './subdocs.ts'
import { judgeSync, type SyncStatus } from './sync-status.ts'

/** Milliseconds; see `OpenOptions`. Two short messages for each burst of writes. */
const CONFIRM_MS = 500

/** Milliseconds; default of `staleMs`: three rounds. */
const STALE_MS = 15_000

/** Milliseconds that `forceSync` waits for an answer by default. */
const FORCE_MS = 10_000

/** Milliseconds that `destroy` waits at most until a peer has what was written last. */
const HAND_OVER_MS = 2_000

export class PilotGossipProvider extends ObservableV2<ProviderEvents<PilotGossipProvider>> {
  readonly doc: Y.Doc
  /** The document's name in the swarm. */
  readonly room: string
  /** Resolves when the store has been read, at once without one; rejects with a Failure. */
  readonly whenLoaded: Promise<void>
  /** Resolves when it is synced for the first time. */
  readonly whenSynced: Promise<void>
  readonly #via: Transport | Agent
  readonly #options: ProviderOptions
  readonly #room: Room
  readonly #source: RuntimeSource
  readonly #questions: Questions
  readonly #connection: Connection
  readonly #subdocs: Subdocs<PilotGossipProvider> | undefined
  #tellSynced: () => void = () => undefined
  #synced = false
  /** When the oldest change was made while not connected that is with nobody. */
  #offlineSince: number | undefined
  #syncStatus: SyncStatus = { status: 'yellow', oldestMs: null }
  #stale: NodeJS.Timeout | undefined
  #peersKnown = 0
  /** Bytes written since something was pushed last. */
  #gathered = 0
  #waiting = 0
  #destroying: Promise<void> | undefined
  /** What of a peer could not be taken last. */
  #refused: (Problem & { readonly type: 'refused' }) | undefined

  /**
   * `via` is a transport that is not open yet, or an agent. Throws a Failure (invalid_argument)
   * for a name no room can have, and for a document of another copy of Yjs; what happens later is
   * told by events.
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
      // The runtime has closed by itself: the agent was stopped.
      onClosed: () => this.#leave(),
      onProblem: (problem) => this.#onProblem(problem),
    })
    this.#source = new RuntimeSource(via, room, options, (problem) => this.#onProblem(problem))
    this.#questions = new Questions(this.#room)
    this.whenSynced = new Promise((resolve) => {
      this.#tellSynced = resolve
    })
    this.whenLoaded = this.#load()
    // Told by events too: nobody has to wait for it.
    this.whenLoaded.catch((error) => this.#tellFailed(error))
    this.#connection = new Connection({
      loaded: this.whenLoaded,
      join: async () => {
        const runtime = await this.#source.get()
        return () => this.#room.join(runtime)
      },
      onStatus: (status) => this.#onStatus(status),
      onFailed: (failure) => this.#tellFailed(failure),
    })
    doc.on('update', this.#onUpdate)
    doc.on('destroy', this.#onDestroy)
    this.#subdocs = subdocs
      ? new Subdocs(
          doc,
          (sub) => this.#createFor(sub),
          (error) => this.#tellFailed(error),
        )
      : undefined
    this.#subdocs?.start()
    if (connect) this.connect()
  }

  /** Who is there. Made when it is first read. Throws a TypeError where options say `false`. */
  get awareness(): StateAwareness {
    return this.#room.awareness
  }

  get synced(): boolean {
    return this.#synced
  }

  // What editors ask for under names of their own.

  /** `pilot-gossip`, where several kinds of providers are told apart. */
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

  /** Is it to be connected? */
  get shouldConnect(): boolean {
    return this.#connection.shouldConnect
  }

  get status(): ConnectionStatus {
    return this.#connection.status
  }

  get connected(): boolean {
    return this.status === 'connected'
  }

  /** Is what was written here with anybody else? */
  get syncStatus(): SyncStatus {
    return judgeSync({
      isConnected: this.connected,
      pendingSince: this.#pendingSince(),
      now: now(),
      staleMs: this.#options.staleMs ?? STALE_MS,
    })
  }

  /** Those who may have the document, as far as is known. */
  get peers(): readonly PeerStatus[] {
    return describePeers(this.#room)
  }

  /** Providers of subdocuments, by guid. */
  get subdocs(): ReadonlyMap<string, PilotGossipProvider> {
    return this.#subdocs?.providers ?? new Map()
  }

  /**
   * Connects, with its subdocuments, and tries again until it can or `disconnect` is called. Does
   * nothing where it is connected.
   */
  connect(): void {
    if (this.#destroying || this.shouldConnect) return
    this.#connection.start()
    for (const provider of this.subdocs.values()) provider.connect()
  }

  /**
   * Pushes what is fresh and leaves the swarm, with its subdocuments. What is written from now on
   * is pushed after the next `connect`. The transport stays open until `destroy`.
   */
  disconnect(): void {
    for (const provider of this.subdocs.values()) provider.disconnect()
    if (this.shouldConnect) this.#leave()
  }

  /**
   * Resolves when all that was written so far is on disk (where there is a store) and has left for
   * peers, as far as they can be reached. Rejects with a Failure when the disk refuses.
   */
  async flush(): Promise<void> {
    await this.whenLoaded
    await Promise.all([this.#room.flushed(), this.#room.runtime?.drain()])
  }

  /**
   * Resolves when a peer has given everything it had and has been asked for now. Rejects with a
   * Failure: `closed` where it is not connected, `timeout` where no answer came within `timeoutMs`
   * milliseconds, or none that could be taken.
   */
  async forceSync({ timeoutMs = FORCE_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { runtime, status } = this.#room
    if (!runtime) throw this.#notConnected()
    this.#refused = undefined
    const isAnswered = await this.#questions.ask(
      () => this.#room.status.syncs > status.syncs,
      timeoutMs,
    )
    if (isAnswered) return
    throw this.#room.runtime === runtime ? this.#unanswered() : this.#notConnected()
  }

  /**
   * Ends it for good: resolves when no timer, listener or socket of it is left. The document stays.
   * What was written last is waited for until a peer has it, for 2 seconds at most.
   */
  override destroy(): Promise<void> {
    if (!this.#destroying) {
      // It is there before anything is told: a listener may call `destroy` too.
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
   * Calls all listeners. One that throws keeps no other from being called: it is reported as a
   * problem, and where nobody listens to those, as a warning of the process.
   */
  override emit<Name extends keyof ProviderEvents<PilotGossipProvider> & string>(
    name: Name,
    args: Parameters<ProviderEvents<PilotGossipProvider>[Name]>,
  ): void {
    const listeners: Iterable<(...args: unknown[]) => void> = this._observers.get(name) ?? []
    const isHeard = name !== 'problem' && this._observers.has('problem')
    for (const listener of [...listeners]) {
      attempt(
        () => listener(...args),
        isHeard
          ? (error) => this.emit('problem', [{ type: 'observer_failed', error }])
          : warnOfThrown,
      )
    }
  }

  /** Calls listeners of the document: what they throw stops nothing either. */
  #attempt(run: () => void): void {
    attempt(run, (error) => this.#onProblem({ type: 'observer_failed', error }))
  }

  async #destroy(): Promise<void> {
    this.doc.off('destroy', this.#onDestroy)
    const subdocs = this.#subdocs?.destroy()
    if (this.#isHandedOver()) this.disconnect()
    else await this.#questions.ask(() => this.#isHandedOver(), HAND_OVER_MS)
    const { runtime } = this.#room
    this.disconnect()
    this.doc.off('update', this.#onUpdate)
    clearTimeout(this.#stale)
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

  /** Is what was written here with a peer, or can none be reached? */
  #isHandedOver(): boolean {
    if (!this.connected || this.#pendingSince() === undefined) return true
    const peers = this.#room.runtime?.gossip?.peersOf(this.room) ?? []
    for (const { failures } of peers) if (failures === 0) return false
    return true
  }

  async #load(): Promise<void> {
    if (this.#options.store) await departed(this.#via, this.room)
    await this.#room.load('')
    if (this.#options.store && !this.doc.isLoaded)
      this.#attempt(() => this.doc.emit('load', [this.doc]))
  }

  #onProblem(problem: Problem): void {
    if (problem.type === 'refused' && !problem.path && !problem.part) this.#refused = problem
    if (this._observers.has('problem')) this.emit('problem', [problem])
    else warnOfOwn(problem)
  }

  #tellFailed(error: unknown): void {
    this.emit('connection-error', [toFailure(error), this])
  }

  #leave(): void {
    this.#offlineSince = this.#pendingSince()
    const wasConnected = this.connected
    this.#room.leave()
    this.#connection.stop()
    this.#setSynced(false)
    this.#onStep()
    if (wasConnected) this.emit('connection-close', [null, this])
  }

  #notConnected(): Failure {
    return new Failure('closed', `room "${this.room}" is not connected`, {
      hint: 'wait for the event status, or call connect',
    })
  }

  #unanswered(): Failure {
    if (this.#refused) {
      const { from, message } = this.#refused
      const told = `what "${from}" has in room "${this.room}" was refused: ${message}`
      return new Failure('timeout', told, { hint: 'see that all peers run the same version' })
    }
    const known = this.#room.runtime?.gossip?.peers.size ?? 0
    return new Failure('timeout', `nobody of ${known} peers answered in room "${this.room}"`, {
      hint: known === 0 ? 'give peers, or wait until some are found' : 'see whether they run',
    })
  }

  #onStatus(status: ConnectionStatus): void {
    this.emit('status', [{ status }])
    if (status === 'connected') this.#onStep()
  }

  #setSynced(isSynced: boolean): void {
    if (this.#synced === isSynced) return
    this.#synced = isSynced
    if (isSynced) this.#tellSynced()
    this.emit('synced', [isSynced])
    this.emit('sync', [isSynced])
    this.#attempt(() => this.doc.emit('sync', [isSynced, this.doc]))
  }

  #pendingSince(): number | undefined {
    const { unacknowledgedSince } = this.#room.status
    // While connected gossip knows of all changes, of older ones by the state they are part of.
    if (this.connected && unacknowledgedSince === undefined) this.#offlineSince = undefined
    const since = Math.min(
      unacknowledgedSince ?? Number.POSITIVE_INFINITY,
      this.#offlineSince ?? Number.POSITIVE_INFINITY,
    )
    return Number.isFinite(since) ? since : undefined
  }

  /** After each event of gossip: tells what has become different. */
  #onStep(): void {
    const { status, replica, runtime } = this.#room
    if (!status.hasFresh) this.#gathered = 0
    if (status.syncs > 0) this.#setSynced(true)
    this.#questions.look()
    this.#tellSyncStatus()
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

  #tellSyncStatus(): void {
    const before = this.#syncStatus
    const status = this.syncStatus
    this.#syncStatus = status
    clearTimeout(this.#stale)
    if (status.status === 'yellow' && status.oldestMs !== null) {
      const wait = (this.#options.staleMs ?? STALE_MS) - status.oldestMs
      this.#stale = setTimeout(() => this.#tellSyncStatus(), wait + 1).unref()
    }
    if (status.status !== before.status) this.emit('sync-status', [status])
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin === this) {
      this.emit('update', [update, origin])
    } else if (this.connected) {
      this.#gather(update.length)
    } else {
      this.#offlineSince ??= now()
      this.#tellSyncStatus()
    }
  }

  /**
   * Gossip gathers what is written for a moment. A long burst does not wait so long: at half of
   * what a push may carry it is pushed, so that what came last still fits and none need be fetched.
   */
  #gather(bytes: number): void {
    this.#gathered += bytes
    const { runtime } = this.#room
    const most = runtime?.gossip?.config.inlineBytes ?? Number.POSITIVE_INFINITY
    if (this.#gathered * 2 >= most) runtime?.take({ type: 'flush' })
  }

  readonly #onDestroy = (): void => {
    this.destroy().catch(() => undefined) // it was reported
  }

  /** A subdocument's provider, by the same way. */
  #createFor(doc: Y.Doc): PilotGossipProvider {
    const { store: _, storeOf, awareness, ...options } = this.#options
    const store = storeOf?.(doc.guid)
    const provider = new PilotGossipProvider(this.#via, `${this.room}/${doc.guid}`, doc, {
      ...options,
      // Somebody else's awareness is that of the document above.
      ...(awareness === false && { awareness }),
      ...(storeOf && { storeOf }),
      ...(store && { store }),
      connect: this.shouldConnect,
    })
    this.emit('subdoc', [{ guid: doc.guid, doc, provider }])
    return provider
  }
}
