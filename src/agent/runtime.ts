/**
 * One runtime of a swarm: a transport, a clock and timers around the gossip core. It feeds events
 * to the core and carries out the effects; all thinking is there. Documents are attached to it as
 * rooms, as many as wanted: an agent has one of its own, a provider brings another.
 *
 * ```ts
 * const runtime = new Runtime({ swarm: 'kv', transport })
 * await runtime.open()
 * runtime.attach(room)
 * await runtime.start()
 * await runtime.close()
 * ```
 */
import { PushReader, type Replica } from '../../crdt/index.ts'
import { deferred } from '../deferred.ts'
import { Failure, toFailure } from '../errors.ts'
import {
  Gossip,
  type GossipConfig,
  type GossipEffect,
  type GossipEvent,
  type OpenOptions,
} from '../gossip/index.ts'
import { attempt } from '../listeners.ts'
import { nodePlatform } from '../platform.ts'
import { checkSwarm } from '../swarm.ts'
import type { Incoming, Transport } from '../transports/transport.ts'
import { PatientOpening } from './patient-opening.ts'
import { PeerDiscovery } from './peer-discovery.ts'
import { type Problem, reporter } from './problem.ts'

/** Milliseconds to the next wake at the latest: a timer's own limit is 25 days. */
const MAX_WAIT_MS = 60_000

/** Milliseconds until the core is called again after it has failed, which it never should. */
const DEFECT_WAIT_MS = 5_000

/** Milliseconds that a stop waits for pushes on their way. */
const LAST_PUSH_MS = 2_000

/**
 * Milliseconds that a stop takes in messages that have come, where they would wait for nobody. A
 * thousand of them take two; what is left waits for the next start.
 */
const LAST_MESSAGES_MS = 5_000

export interface RuntimeOptions {
  readonly swarm: string
  readonly transport: Transport
  /** Names or addresses of peers; names are resolved by the transport. */
  readonly peers?: readonly string[]
  readonly config?: Partial<GossipConfig>
  /** Does `open` wait, in the background, for what may pass: a daemon that is not up yet? Default false. */
  readonly isPatient?: boolean
  /** Told of trouble: refused messages, an unreachable daemon. Called often in bad times. */
  readonly onProblem?: (problem: Problem) => void
}

/** A document as a runtime shares it. */
export interface Attachable {
  /** The same at all peers. */
  readonly name: string
  readonly replica: Replica
  /** How gossip is to treat it. */
  readonly openOptions: OpenOptions
  /** Resolves when it has left, where it is about to; absent: it is there to stay. */
  readonly leaving?: Promise<void> | undefined
  /** Resolves when all that was received so far is kept. */
  flushed(): Promise<void>
  /** Resolves when all that a message now to be sent says is kept, and may be known to others; undefined: at once. */
  publish(): Promise<void> | undefined
  /** After each event, whatever it was about. */
  onStep(): void
  /** A peer told who is there: encoded states (see `crdt/awareness.ts`). */
  onAwareness(bytes: Uint8Array, from: string): void
  /** Trouble with this document, of a peer or of somebody who watches it. */
  onProblem(problem: Problem): void
  /** The runtime is about to close: a last word may be said. */
  onClosing(): void
  /** The runtime has closed: nothing is shared any more. */
  onClosed(): void
}

/** Unix milliseconds that never go back, also when the host's clock is set: rounds must not stop for it. */
export const now = (): number => performance.timeOrigin + performance.now()

export class Runtime {
  readonly swarm: string
  readonly transport: Transport
  readonly #options: RuntimeOptions
  readonly #rooms = new Map<string, Attachable>()
  readonly #tell: (problem: Problem) => void
  /** Resolves when it has started; never where that fails. */
  readonly ready: Promise<void>
  readonly #ready = deferred<void>()
  #gossip: Gossip | undefined
  #isStarted = false
  #closing: Promise<void> | undefined
  /** Has it ever begun to open the transport? What it did not open it does not close. */
  #hasOpened = false
  /** Events that came while another was being handled, or before the start. */
  readonly #events: GossipEvent[] = []
  #isHandling = false
  /** Milliseconds until the next wake at least. */
  #leastWait = 0
  #wake: NodeJS.Timeout | undefined
  readonly #search: PeerDiscovery
  #onIdle: (() => void) | undefined
  /** Has our own side kept the last sends from leaving? */
  #isCutOff = false
  /** What was reported last of our own side. */
  #told: Failure | undefined
  readonly #reader: PushReader
  readonly #opening: PatientOpening
  /** Was `start` called? */
  #isWanted = false
  /** Last words of rooms that have left, on their way. */
  readonly #parting = new Set<Promise<void>>()

  constructor(options: RuntimeOptions) {
    this.swarm = checkSwarm(options.swarm)
    this.transport = options.transport
    this.#options = options
    this.#reader = new PushReader(this.swarm)
    this.#tell = reporter(options.onProblem)
    this.#search = new PeerDiscovery({
      transport: options.transport,
      peers: options.peers ?? [],
      countKnown: () => this.#gossip?.peers.size ?? 0,
      onPeers: (addresses, source) => this.take({ type: 'peers', addresses, source }),
      onFailure: (failure) => this.#tell({ type: 'transport', failure }),
    })
    this.#opening = new PatientOpening({
      open: () => this.#openTransport(),
      onOpen: () => this.#onOpen(),
      onWaiting: (failure) => this.#tell({ type: 'transport', failure }),
    })
    this.ready = this.#ready.promise
  }

  /** Our address; empty before `open`. */
  get address(): string {
    return this.transport.address
  }

  /** The names or addresses of peers that it was given, without its own once it has started. */
  get given(): readonly string[] {
    return this.#search.given
  }

  /** Undefined before `open` and after `close`. */
  get gossip(): Gossip | undefined {
    return this.#gossip
  }

  get isStarted(): boolean {
    return this.#isStarted && !this.#closing
  }

  /** Why the transport is not open yet, while it waits for what may pass; undefined: it does not. */
  get waitsFor(): Failure | undefined {
    return this.#opening.waitsFor
  }

  /**
   * Opens the transport; messages wait until `start`. Rejects with a Failure. A patient runtime
   * resolves also when the transport cannot be opened yet, and goes on trying.
   */
  async open(): Promise<void> {
    if (this.#closing) throw this.#closed()
    if (!this.#options.isPatient) {
      await this.#openTransport()
      this.#onOpen()
    } else await this.#opening.start()
  }

  #openTransport(): Promise<void> {
    this.#hasOpened = true
    return this.transport.open({
      accepts: (text) => this.#reader.accepts(text),
      receive: (incoming) => this.#receive([incoming], 0),
      receiveAll: (batch, waiting) => this.#receive(batch, waiting),
      onProblem: (failure) => {
        this.#told = failure
        this.#tell({ type: 'transport', failure })
      },
    })
  }

  #onOpen(): void {
    if (this.#closing) throw this.#closed()
    const gossip = new Gossip({
      self: this.transport.address,
      swarm: this.swarm,
      platform: nodePlatform,
      random: Math.random,
      reader: this.#reader,
      maxMessageBytes: () => this.transport.maxMessageBytes,
      canName: (address) => !this.transport.isPrivate?.(address),
      canReach: (address) => this.transport.canReach?.(address) ?? true,
      ...(this.#options.config && { config: this.#options.config }),
    })
    this.#gossip = gossip
    for (const room of this.#rooms.values()) this.#share(gossip, room)
    if (this.#isWanted && !this.#isStarted) void this.#beginLate()
  }

  /**
   * Resolves the peers and makes the first round, or does so when the transport has opened. Rejects
   * with a Failure when none of the given peers exists.
   */
  async start(): Promise<void> {
    this.#isWanted = true
    if (this.#gossip) this.#begin(await this.#search.resolve())
  }

  /** Nobody waits for this start to be refused: peers that are unknown by now are looked up again. */
  async #beginLate(): Promise<void> {
    try {
      this.#begin(await this.#search.resolve())
    } catch (error) {
      this.#tell({ type: 'transport', failure: toFailure(error) })
      this.#begin([])
    }
  }

  #begin(given: readonly string[]): void {
    if (this.#closing) return
    this.#isStarted = true
    this.#ready.resolve()
    this.take({ type: 'peers', addresses: given, source: 'given' })
    this.#search.start()
  }

  /**
   * Makes further peers known: names or addresses. Rejects with a Failure (not_found,
   * invalid_argument) when one does not exist.
   */
  async invite(peers: readonly string[]): Promise<void> {
    await this.#search.invite(peers)
  }

  /**
   * Shares a room from now on, or from when the transport has opened. Throws a Failure:
   * `already_exists` where its name is taken, `closed` after `close`; a TypeError before `open`.
   */
  attach(room: Attachable): void {
    const gossip = this.#gossip
    if (this.#closing) throw this.#closed()
    if (!gossip && !this.waitsFor) throw new TypeError('attach was called before open')
    if (this.#rooms.has(room.name)) {
      throw new Failure('already_exists', `room "${room.name}" is shared here already`, {
        hint: 'share one document by it, or give this one another name',
      })
    }
    this.#rooms.set(room.name, room)
    // What is changed while nobody can be told is no news: peers learn of it by its digest.
    if (gossip) this.#share(gossip, room)
    else room.replica.onLocal = () => void room.replica.takeLocal()
  }

  #share(gossip: Gossip, room: Attachable): void {
    gossip.open(room.name, room.replica, room.openOptions)
    room.replica.takeLocal()
    room.replica.onLocal = () => this.take({ type: 'changed', document: room.name })
    if (this.#isStarted) this.take({ type: 'changed', document: room.name })
  }

  /** Shares it no more. What is fresh should have been pushed: see `drain`. */
  detach(room: Attachable): void {
    if (this.#rooms.get(room.name) !== room) return
    room.replica.onLocal = undefined
    const words = this.#gossip?.close(room.name) ?? []
    for (const { to, text } of words) this.#part(to, text)
    this.#rooms.delete(room.name)
  }

  /** Does a room of that name take part? */
  has(name: string): boolean {
    return this.#rooms.has(name)
  }

  /** Does one take part that is there to stay? */
  isTaken(name: string): boolean {
    const room = this.#rooms.get(name)
    return room !== undefined && room.leaving === undefined
  }

  /** Resolves when no room of that name is about to leave: what was said last is not cut off. */
  async freed(name: string): Promise<void> {
    for (let room = this.#rooms.get(name); room?.leaving; room = this.#rooms.get(name)) {
      await room.leaving
    }
  }

  /** Waits until what is fresh or withheld has left, or cannot: some seconds at most. */
  async drain(): Promise<void> {
    const gossip = this.#gossip
    if (!gossip || !this.#isStarted) return
    this.take({ type: 'flush' })
    if (!gossip.isBusy && this.#parting.size === 0) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_PUSH_MS)
    })
    await Promise.race([late, Promise.all([this.#idle(gossip), ...this.#parting])])
    clearTimeout(timer)
  }

  /** Resolves when nothing is to be said, or on its way. */
  async #idle(gossip: Gossip): Promise<void> {
    if (!gossip.isBusy) return
    await new Promise<void>((resolve) => {
      const others = this.#onIdle
      this.#onIdle = () => {
        others?.()
        resolve()
      }
    })
  }

  /**
   * Pushes what is fresh, waits a moment for it to leave, takes in what has come, and closes the
   * transport, where it was opened by this runtime. The rooms stay as they are. May be called twice,
   * and while it opens.
   */
  close(): Promise<void> {
    if (!this.#closing) {
      // It is there before any room is told.
      const { promise, resolve } = deferred<void>()
      this.#closing = promise
      resolve(this.#close())
    }
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#opening.stop()
    this.#search.stop()
    for (const room of this.#rooms.values()) room.onClosing()
    await this.drain()
    // Whoever sent it may be gone: what has come may be known to nobody else. It is passed on.
    if (this.#hasOpened) await this.transport.leave?.(this.#isStarted ? LAST_MESSAGES_MS : 0)
    await this.drain()
    clearTimeout(this.#wake)
    for (const room of this.#rooms.values()) room.replica.onLocal = undefined
    // Messages that waited for the start are to be found again at the next one.
    if (this.#hasOpened) await this.#closeTransport()
    this.#gossip = undefined
    for (const room of [...this.#rooms.values()]) room.onClosed()
  }

  async #closeTransport(): Promise<void> {
    try {
      await this.transport.close()
    } catch (error) {
      this.#tell({ type: 'transport', failure: toFailure(error) })
    }
  }

  #closed(): Failure {
    return new Failure('closed', `the runtime of swarm "${this.swarm}" was closed`, {
      hint: 'start a new one',
    })
  }

  /**
   * Feeds one event to the core. Events that come meanwhile (from an observer) wait their turn. It
   * never throws: it is called by timers and by the program's own writes, and trouble is reported.
   */
  take(event: GossipEvent): void {
    const gossip = this.#gossip
    if (!gossip) return // what there is then is told by the first round
    this.#events.push(event)
    if (!this.#isStarted || this.#isHandling) return
    this.#isHandling = true
    const concerned = new Set<string>()
    let concernsAll = false
    for (let next = this.#events.shift(); next; next = this.#events.shift()) {
      for (const effect of this.#handle(gossip, next)) this.#attempt(() => this.#carryOut(effect))
      for (const name of gossip.concerned ?? []) concerned.add(name)
      concernsAll ||= gossip.concerned === undefined
    }
    this.#isHandling = false
    if (this.#gossip === gossip) this.#arm(gossip)
    for (const room of [...this.#rooms.values()]) {
      if (concernsAll || concerned.has(room.name)) this.#attempt(() => room.onStep())
    }
    if (!gossip.isBusy) {
      this.#onIdle?.()
      this.#onIdle = undefined
    }
  }

  #handle(gossip: Gossip, event: GossipEvent): readonly GossipEffect[] {
    try {
      const effects = gossip.handle(event, now())
      this.#leastWait = 0
      return effects
    } catch (error) {
      // A defect of ours, or of a document's own class. What is due stays due: not at once again.
      this.#leastWait = DEFECT_WAIT_MS
      this.#tell({ type: 'transport', failure: toFailure(error) })
      return []
    }
  }

  /**
   * Listeners of a program are called here. One that throws must not keep what follows from being
   * done: an effect that is left out would be waited for without end.
   */
  #attempt(run: () => void): void {
    attempt(run, (error) => this.#tell({ type: 'observer_failed', error }))
  }

  /** The transport forgets the messages when this resolves: what they brought is kept by then. */
  async #receive(messages: readonly Incoming[], waiting: number): Promise<void> {
    await this.ready
    this.take({ type: 'messages', messages, waiting })
    await Promise.all([...this.#rooms.values()].map((room) => room.flushed()))
  }

  #carryOut(effect: GossipEffect): void {
    switch (effect.type) {
      case 'send':
        this.#send(effect.to, effect.text)
        break
      case 'awareness':
        this.#rooms.get(effect.document)?.onAwareness(effect.bytes, effect.from)
        break
      default: {
        const { document } = effect
        const room = document === undefined ? undefined : this.#rooms.get(document)
        if (room) room.onProblem(effect)
        else this.#tell(effect)
      }
    }
  }

  #arm(gossip: Gossip): void {
    clearTimeout(this.#wake)
    const wait = Math.min(Math.max(this.#leastWait, gossip.wakeAt - now()), MAX_WAIT_MS)
    this.#wake = setTimeout(() => this.take({ type: 'wake' }), wait)
  }

  /**
   * What is published must be on disk: a writer that forgets what it told others, and goes on
   * under the same id, makes replicas differ for ever.
   */
  #publish(to: string, text: string): Promise<void> {
    const kept = [...this.#rooms.values()].flatMap((room) => room.publish() ?? [])
    if (kept.length === 0) return this.#handOver(to, text)
    return Promise.all(kept).then(
      () => this.#handOver(to, text),
      (error) => {
        const { code, message, hint } = toFailure(error)
        const failure = new Failure(code, message, { hint, cause: error, isLocal: true })
        this.#told = failure
        this.#tell({ type: 'send', to, failure })
        throw failure
      },
    )
  }

  /** Async: what a program's own transport throws is a rejection too. */
  async #handOver(to: string, text: string): Promise<void> {
    await this.transport.send(to, text)
  }

  /** A last word: its end is no event, as gossip does not know of it. */
  #part(to: string, text: string): void {
    const parting = this.#publish(to, text)
      .catch((error) => {
        if (this.#told !== error) this.#onUnreachable(to, toFailure(error))
      })
      .finally(() => this.#parting.delete(parting))
    this.#parting.add(parting)
  }

  #onSendFailed(to: string, failure: Failure): void {
    const { code, message, hint, isLocal } = failure
    const cause = isLocal ? 'local' : code === 'timeout' ? 'timeout' : 'peer'
    // What keeps us from everybody is reported once, until something has left again.
    if (!isLocal) this.#onUnreachable(to, failure)
    else if (!this.#isCutOff && this.#told !== failure) this.#tell({ type: 'transport', failure })
    if (isLocal) this.#isCutOff = true
    this.take({ type: 'failed', to, cause, failure: { code, message, hint } })
  }

  /** One that was here and is not any more has ended: `peers` says so, and it is no trouble. */
  #onUnreachable(to: string, failure: Failure): void {
    const wasHere = this.#gossip?.peers.get(to)?.lastHeard !== undefined
    if (!(wasHere && failure.code === 'not_found')) this.#tell({ type: 'send', to, failure })
  }

  #send(to: string, text: string): void {
    this.#publish(to, text).then(
      () => {
        this.#isCutOff = false
        this.take({ type: 'sent', to })
      },
      (error) => this.#onSendFailed(to, toFailure(error)),
    )
  }
}
