/**
 * Runs the gossip core over a transport, with a clock and timers: it feeds events to the core and
 * carries out the effects. Documents are attached as rooms. An agent attaches its own, a provider
 * another one.
 *
 * ```ts
 * const runtime = new Runtime({ swarm: 'kv', transport })
 * await runtime.open()
 * runtime.attach(room)
 * await runtime.start()
 * await runtime.close()
 * ```
 */
import { setImmediate } from 'node:timers/promises'
import { PushReader } from '../../crdt/index.ts'
import { now } from '../clock.ts'
import { deferred } from '../deferred.ts'
import { Failure, toFailure } from '../errors.ts'
import {
  type Access,
  Gossip,
  type GossipConfig,
  type GossipEffect,
  type GossipEvent,
} from '../gossip/index.ts'
import { attempt } from '../listeners.ts'
import { nodePlatform } from '../platform.ts'
import { checkSwarm } from '../swarm.ts'
import type { Incoming, Transport } from '../transports/transport.ts'
import { within } from '../within.ts'
import type { Attachable } from './attachable.ts'
import { createAccess, grantNamed, type NamedAccess } from './named-access.ts'
import { Outgoing } from './outgoing.ts'
import { PatientOpening } from './patient-opening.ts'
import { PeerDiscovery } from './peer-discovery.ts'
import { piecesOf } from './pieces.ts'
import { type Problem, reporter } from './problem.ts'
import { Trust } from './trust.ts'

/** Milliseconds until the next wake at most: a timer itself cannot wait longer than 25 days. */
const MAX_WAIT_MS = 60_000

/** Milliseconds until the core is called again after it has thrown, which is always a defect. */
const DEFECT_WAIT_MS = 5_000

/** Milliseconds that `drain` waits for pushes on their way. Longer delays the end of a program. */
const LAST_PUSH_MS = 2_000

/**
 * Milliseconds that `close` handles messages that have arrived, on a transport that stores them. A
 * thousand messages take two of them. What is left waits for the next start.
 */
const LAST_MESSAGES_MS = 5_000

/** Milliseconds until names that could not be looked up are tried again: as soon as peers are while none is known. */
const NAMES_AGAIN_MS = 5_000

/** Awaited by what must not end any more. */
const NEVER = new Promise<never>(() => undefined)

export interface RuntimeOptions extends NamedAccess {
  readonly swarm: string
  readonly transport: Transport
  /** The transport that may be sealed in `transport`: it knows whom it trusts. Default: `transport`. */
  readonly network?: Transport
  /** Names or addresses of peers. The transport resolves the names. */
  readonly peers?: readonly string[]
  readonly config?: Partial<GossipConfig>
  /** Does `open` retry in the background after failures that may pass, such as a daemon that is down? Default false. */
  readonly isPatient?: boolean
  /** Called for problems such as refused messages or an unreachable daemon, often many times. */
  readonly onProblem?: (problem: Problem) => void
}

export class Runtime {
  readonly swarm: string
  readonly transport: Transport
  /** What addresses may do here. */
  readonly access: Access
  readonly #options: RuntimeOptions
  readonly #rooms = new Map<string, Attachable>()
  readonly #report: (problem: Problem) => void
  /** Resolves when the runtime has started. Stays pending if the start fails. */
  readonly ready: Promise<void>
  readonly #ready = deferred<void>()
  #gossip: Gossip | undefined
  #isStarted = false
  #closing: Promise<void> | undefined
  /** Was the transport ever opened here? Otherwise `close` must leave it alone. */
  #hasOpened = false
  /** Events that came before the start, or while another one was handled. */
  readonly #events: GossipEvent[] = []
  #isHandling = false
  /** Milliseconds until the next wake at least. */
  #minWaitMs = 0
  #wake: NodeJS.Timeout | undefined
  /** Looks names up again. */
  #again: NodeJS.Timeout | undefined
  /** The time that the timer was set for; undefined when it has fired. */
  #armedFor: number | undefined
  readonly #search: PeerDiscovery
  #onIdle: (() => void) | undefined
  readonly #reader: PushReader
  readonly #trust: Trust
  readonly #opening: PatientOpening
  readonly #outgoing: Outgoing
  /** Was `start` called? */
  #isWanted = false

  constructor(options: RuntimeOptions) {
    this.swarm = checkSwarm(options.swarm)
    this.transport = options.transport
    this.#options = options
    this.access = createAccess(options, options.transport, options.network)
    this.#reader = new PushReader(this.swarm)
    this.#report = reporter(options.onProblem)
    this.#search = new PeerDiscovery({
      transport: options.transport,
      peers: options.peers ?? [],
      countKnown: () => this.#gossip?.peers.size ?? 0,
      onPeers: (addresses, source) => this.take({ type: 'peers', addresses, source }),
      onFailure: (failure) => this.#report({ type: 'transport', failure }),
    })
    this.#trust = new Trust({
      access: this.access,
      transport: options.network ?? options.transport,
      onChange: () => this.take({ type: 'access' }),
      onFailure: (failure) => this.#report({ type: 'transport', failure }),
    })
    this.#opening = new PatientOpening({
      open: () => this.#openTransport(),
      onOpen: () => this.#onOpen(),
      onWaiting: (failure) => this.#report({ type: 'transport', failure }),
    })
    this.#outgoing = new Outgoing({
      transport: options.transport,
      publish: () => [...this.#rooms.values()].flatMap((room) => room.publish() ?? []),
      wasHere: (address) => this.#gossip?.peers.get(address)?.lastHeard !== undefined,
      onProblem: (problem) => this.#report(problem),
      onSent: (to) => this.take({ type: 'sent', to }),
      onFailed: (event) => this.take(event),
    })
    this.ready = this.#ready.promise
  }

  /** The own address; empty before `open`. */
  get address(): string {
    return this.transport.address
  }

  /** The options that say what others may do. */
  get namedAccess(): NamedAccess {
    return this.#options
  }

  /** The given names and addresses of peers, without the own ones once the runtime has started. */
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

  /** The failure that keeps the transport from opening, while the runtime retries. */
  get waitsFor(): Failure | undefined {
    return this.#opening.waitsFor
  }

  /**
   * Opens the transport. Messages wait until `start`. Rejects with a Failure. A patient runtime
   * also resolves if the failure may pass, and goes on trying.
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
        this.#outgoing.noteReported(failure)
        this.#report({ type: 'transport', failure })
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
      access: this.access,
      ...(this.#options.config && { config: this.#options.config }),
    })
    this.#gossip = gossip
    for (const room of this.#rooms.values()) this.#share(gossip, room)
    if (this.#isWanted && !this.#isStarted) void this.#beginLate()
  }

  /**
   * Resolves the peers and starts the first round, now or once the transport is open. Rejects with
   * a Failure if none of the given peers exists, or a banned or read-only one has no address.
   */
  async start(): Promise<void> {
    this.#isWanted = true
    if (!this.#gossip) return
    await this.#grant()
    this.#begin(await this.#search.resolve())
  }

  async #grant(): Promise<void> {
    await grantNamed(this.access, this.#options, this.transport)
    await this.#trust.learn()
  }

  /** No caller waits for this start, so unknown peers are reported and looked up again later. */
  async #beginLate(): Promise<void> {
    try {
      await this.#grant()
    } catch (error) {
      // Nothing is taken from anyone while a ban may be missing.
      this.#report({ type: 'transport', failure: toFailure(error) })
      this.#again = setTimeout(() => {
        if (!this.#closing) void this.#beginLate()
      }, NAMES_AGAIN_MS)
      return
    }
    try {
      this.#begin(await this.#search.resolve())
    } catch (error) {
      this.#report({ type: 'transport', failure: toFailure(error) })
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
   * Adds peers by name or address. Rejects with a Failure (not_found, invalid_argument) if one of
   * them does not exist.
   */
  async invite(peers: readonly string[]): Promise<void> {
    await this.#search.invite(peers)
  }

  /**
   * Takes nothing from that name or address from now on and sends nothing there, until this runtime
   * is closed. Rejects with the Failure of a name that has no address.
   */
  async ban(peer: string): Promise<void> {
    this.access.set(await this.transport.resolve(peer), 'banned')
    this.take({ type: 'access' })
  }

  /** Tries addresses or names as peers, which gives them no right to write. */
  async introduce(peers: readonly string[]): Promise<void> {
    const addresses: string[] = []
    for (const peer of peers) addresses.push(await this.transport.resolve(peer))
    this.take({ type: 'peers', addresses, source: 'found' })
  }

  /**
   * Shares a room, at once or when the transport opens. Throws a Failure: `already_exists` if the
   * name is taken, `closed` after `close`. Throws a TypeError before `open`.
   */
  attach(room: Attachable): void {
    const gossip = this.#gossip
    if (this.#closing) throw this.#closed()
    if (!gossip && !this.waitsFor) throw new TypeError('attach was called before open')
    if (this.#rooms.has(room.name)) {
      throw new Failure('already_exists', `room "${room.name}" is shared here already`, {
        hint: 'share one document under this name, or choose another name',
      })
    }
    this.#rooms.set(room.name, room)
    // Changes before the transport opens need no push: peers see them by the digest.
    if (gossip) this.#share(gossip, room)
    else room.replica.onLocal = () => void room.replica.takeLocal()
  }

  #share(gossip: Gossip, room: Attachable): void {
    gossip.open(room.name, room.replica, room.openOptions)
    room.replica.takeLocal()
    room.replica.onLocal = () => this.take({ type: 'changed', document: room.name })
    if (this.#isStarted) this.take({ type: 'changed', document: room.name })
  }

  /** Stops sharing the room. Call `drain` first, so that fresh changes are pushed. */
  detach(room: Attachable): void {
    if (this.#rooms.get(room.name) !== room) return
    room.replica.onLocal = undefined
    const last = this.#gossip?.close(room.name) ?? []
    for (const { to, text } of last) this.#outgoing.sendLast(to, text)
    this.#rooms.delete(room.name)
  }

  /** Is a room of that name shared? */
  has(name: string): boolean {
    return this.#rooms.has(name)
  }

  /** Is a room of that name shared that is not about to leave? */
  isTaken(name: string): boolean {
    const room = this.#rooms.get(name)
    return room !== undefined && room.leaving === undefined
  }

  /** Resolves when no room of that name is about to leave, so that its last messages are sent. */
  async freed(name: string): Promise<void> {
    for (let room = this.#rooms.get(name); room?.leaving; room = this.#rooms.get(name)) {
      await room.leaving
    }
  }

  /** Waits until fresh and withheld changes have left or failed, for 2 seconds at most. */
  async drain(): Promise<void> {
    const gossip = this.#gossip
    if (!gossip || !this.#isStarted) return
    this.take({ type: 'flush' })
    if (!gossip.isBusy && !this.#outgoing.isSendingLast) return
    const left = Promise.all([this.#idle(gossip), this.#outgoing.lastSent()])
    await within(LAST_PUSH_MS, left)
  }

  /** Resolves when no message is queued or on its way. */
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
   * Pushes fresh changes, handles the messages that have arrived, and closes the transport if this
   * runtime has opened it. The documents stay as they are. May be called twice, and during `open`.
   */
  close(): Promise<void> {
    if (!this.#closing) {
      // Set before any room is called: a room may call `close` again.
      const { promise, resolve } = deferred<void>()
      this.#closing = promise
      resolve(this.#close())
    }
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#opening.stop()
    this.#search.stop()
    this.#trust.stop()
    clearTimeout(this.#again)
    for (const room of this.#rooms.values()) room.onClosing()
    await this.drain()
    // Senders may be gone, so a message that has arrived may be the only copy. It is forwarded.
    if (this.#hasOpened) await this.transport.leave?.(this.#isStarted ? LAST_MESSAGES_MS : 0)
    await this.drain()
    clearTimeout(this.#wake)
    for (const room of this.#rooms.values()) room.replica.onLocal = undefined
    // Messages that waited for the start stay where they are, for the next start.
    if (this.#hasOpened) await this.#closeTransport()
    this.#gossip = undefined
    for (const room of [...this.#rooms.values()]) room.onClosed()
  }

  async #closeTransport(): Promise<void> {
    try {
      await this.transport.close()
    } catch (error) {
      this.#report({ type: 'transport', failure: toFailure(error) })
    }
  }

  #closed(): Failure {
    return new Failure('closed', `the runtime of swarm "${this.swarm}" was closed`, {
      hint: 'create a new one',
    })
  }

  /**
   * Feeds one event to the core. An event that comes meanwhile, from a listener, waits. Never
   * throws: timers and the program's own writes call it, so errors are reported instead.
   */
  take(event: GossipEvent): void {
    const gossip = this.#gossip
    if (!gossip) return // peers see it by the digest of the first round
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
      this.#minWaitMs = 0
      return effects
    } catch (error) {
      // A defect here or in the class of a document. What was due stays due, but not at once.
      this.#minWaitMs = DEFECT_WAIT_MS
      this.#report({ type: 'transport', failure: toFailure(error) })
      return []
    }
  }

  /**
   * Calls listeners of the program. One that throws must not stop the effects that follow: gossip
   * waits for the end of each.
   */
  #attempt(run: () => void): void {
    attempt(run, (error) => this.#report({ type: 'observer_failed', error }))
  }

  /** The transport drops the messages once this resolves, so their changes must be stored by then. */
  async #receive(messages: readonly Incoming[], waiting: number): Promise<void> {
    await this.ready
    await this.#trust.learnOf(messages.map(({ from }) => from))
    let isFirst = true
    for (const piece of piecesOf(messages, (text) => this.#reader.workOf(text))) {
      if (!isFirst) await setImmediate()
      isFirst = false
      if (!this.#gossip) await NEVER // closed meanwhile: they stay where they are
      this.take({ type: 'messages', messages: piece, waiting })
    }
    await Promise.all([...this.#rooms.values()].map((room) => room.flushed()))
  }

  #carryOut(effect: GossipEffect): void {
    switch (effect.type) {
      case 'send':
        this.#outgoing.send(effect.to, effect.text)
        break
      case 'awareness':
        this.#rooms.get(effect.document)?.onAwareness(effect.bytes, effect.from)
        break
      default: {
        const { document } = effect
        const room = document === undefined ? undefined : this.#rooms.get(document)
        if (room) room.onProblem(effect)
        else this.#report(effect)
      }
    }
  }

  #arm(gossip: Gossip): void {
    const { wakeAt } = gossip
    // Most changes of a batch leave the time as it is.
    if (wakeAt === this.#armedFor && this.#minWaitMs === 0) return
    clearTimeout(this.#wake)
    this.#armedFor = wakeAt
    const wait = Math.min(Math.max(this.#minWaitMs, wakeAt - now()), MAX_WAIT_MS)
    this.#wake = setTimeout(() => {
      this.#armedFor = undefined
      this.take({ type: 'wake' })
    }, wait)
  }
}
