/**
 * One member of a swarm: a transport, a clock and timers around the gossip core. It feeds events
 * to the core and carries out the effects; all thinking is there. Documents are attached to it as
 * rooms, as many as wanted: an agent has one of its own, a provider brings another.
 *
 * ```ts
 * const member = new Member({ swarm: 'kv', transport })
 * await member.open()
 * member.attach(room)
 * await member.start()
 * await member.close()
 * ```
 */
import { isPushOf, type RefusalReason, type Replica } from '../crdt/index.ts'
import { Failure, toFailure } from './errors.ts'
import {
  Gossip,
  type GossipConfig,
  type GossipEffect,
  type GossipEvent,
  type OpenOptions,
} from './gossip/index.ts'
import { PatientOpening } from './patient-opening.ts'
import { PeerSearch } from './peer-search.ts'
import { nodePlatform } from './platform.ts'
import { checkSwarm } from './swarm.ts'
import type { Incoming, Transport } from './transport.ts'

/** Milliseconds to the next wake at the latest: a timer's own limit is 25 days. */
const MOST_WAIT_MS = 60_000

/** Milliseconds that a stop waits for pushes on their way. */
const LAST_PUSH_MS = 2_000

/**
 * Milliseconds that a stop takes in messages that have come, where they would wait for nobody. A
 * thousand of them take two; what is left waits for the next start.
 */
const LAST_MESSAGES_MS = 5_000

export interface MemberOptions {
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

export type Problem =
  | { readonly type: 'transport'; readonly failure: Failure }
  | { readonly type: 'store'; readonly failure: Failure }
  | { readonly type: 'send'; readonly to: string; readonly failure: Failure }
  | {
      readonly type: 'refused'
      /** Who sent it; our own address (empty while there is none) for what was written here. */
      readonly from: string
      /** Absent where the message as a whole is refused. */
      readonly document?: string
      readonly reason: RefusalReason
      readonly message: string
      /**
       * Where it was written here: the name of the root type, then keys and places in lists. It has
       * been taken out of the document, as peers would refuse it with all that comes after it.
       */
      readonly path?: readonly (string | number)[]
    }
  | { readonly type: 'unsendable'; readonly to: string; readonly bytes: number }
  | { readonly type: 'observer_failed'; readonly error: unknown }

/** A document as a member shares it. */
export interface Attachable {
  /** The same at all peers. */
  readonly name: string
  readonly replica: Replica
  /** How gossip is to treat it. */
  readonly openOptions: OpenOptions
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
  /** The member is about to close: a last word may be said. */
  onClosing(): void
  /** The member has closed: nothing is shared any more. */
  onClosed(): void
}

/** Unix milliseconds that never go back, also when the host's clock is set: rounds must not stop for it. */
export const now = (): number => performance.timeOrigin + performance.now()

export class Member {
  readonly swarm: string
  readonly transport: Transport
  readonly #options: MemberOptions
  readonly #rooms = new Map<string, Attachable>()
  /** Resolves when it has started; never where that fails. */
  readonly ready: Promise<void>
  #tellReady: () => void = () => undefined
  #gossip: Gossip | undefined
  #isStarted = false
  #isStopped = false
  /** Events that came while another was being handled, or before the start. */
  readonly #events: GossipEvent[] = []
  #isHandling = false
  #wake: NodeJS.Timeout | undefined
  readonly #search: PeerSearch
  #onIdle: (() => void) | undefined
  /** Has our own side kept the last sends from leaving? */
  #isCutOff = false
  /** What was reported last of our own side. */
  #told: Failure | undefined
  readonly #opening: PatientOpening
  /** Was `start` called? */
  #isWanted = false
  /** Last words of rooms that have left, on their way. */
  readonly #parting = new Set<Promise<void>>()

  constructor(options: MemberOptions) {
    this.swarm = checkSwarm(options.swarm)
    this.transport = options.transport
    this.#options = options
    this.#search = new PeerSearch({
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
    this.ready = new Promise((resolve) => {
      this.#tellReady = resolve
    })
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
    return this.#isStarted && !this.#isStopped
  }

  /** Why the transport is not open yet, while it waits for what may pass; undefined: it does not. */
  get waitsFor(): Failure | undefined {
    return this.#opening.waitsFor
  }

  /**
   * Opens the transport; messages wait until `start`. Rejects with a Failure. A patient member
   * resolves also when the transport cannot be opened yet, and goes on trying.
   */
  async open(): Promise<void> {
    if (!this.#options.isPatient) {
      await this.#openTransport()
      this.#onOpen()
    } else await this.#opening.start()
  }

  #openTransport(): Promise<void> {
    return this.transport.open({
      accepts: (text) => isPushOf(text, this.swarm),
      receive: (incoming) => this.#receive([incoming], 0),
      receiveAll: (batch, waiting) => this.#receive(batch, waiting),
      onProblem: (failure) => {
        this.#told = failure
        this.#tell({ type: 'transport', failure })
      },
    })
  }

  #onOpen(): void {
    const gossip = new Gossip({
      self: this.transport.address,
      swarm: this.swarm,
      platform: nodePlatform,
      random: Math.random,
      maxMessageBytes: () => this.transport.maxMessageBytes,
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
    if (this.#isStopped) return
    this.#isStarted = true
    this.#tellReady()
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
   * Shares a room from now on, or from when the transport has opened. Throws a TypeError before
   * `open`, and where its name is taken.
   */
  attach(room: Attachable): void {
    const gossip = this.#gossip
    if (this.#isStopped || (!gossip && !this.waitsFor)) {
      throw new TypeError('attach was called before open, or after close')
    }
    if (this.#rooms.has(room.name)) {
      throw new TypeError(`document "${room.name}" is open already`)
    }
    this.#rooms.set(room.name, room)
    // What is changed while nobody can be told is no news: peers learn of it by its digest.
    if (gossip) this.#share(gossip, room)
    else room.replica.onLocal = () => void room.replica.takeLocal()
  }

  #share(gossip: Gossip, room: Attachable): void {
    gossip.open(room.name, room.replica, room.openOptions)
    room.replica.takeLocal()
    room.replica.onLocal = () => this.take({ type: 'changed' })
    if (this.#isStarted) this.take({ type: 'changed' })
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

  /** Waits until what is fresh has left, or cannot: some seconds at most. */
  async drain(): Promise<void> {
    const gossip = this.#gossip
    if (!gossip || !this.#isStarted) return
    this.take({ type: 'flush' })
    if (gossip.sending === 0 && this.#parting.size === 0) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_PUSH_MS)
    })
    await Promise.race([late, Promise.all([this.#idle(gossip), ...this.#parting])])
    clearTimeout(timer)
  }

  /** Resolves when nothing is on its way. */
  async #idle(gossip: Gossip): Promise<void> {
    if (gossip.sending === 0) return
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
   * transport. The rooms stay as they are.
   */
  async close(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#opening.stop()
    this.#search.stop()
    for (const room of this.#rooms.values()) room.onClosing()
    await this.drain()
    // Whoever sent it may be gone: what has come may be known to nobody else. It is passed on.
    await this.transport.leave?.(this.#isStarted ? LAST_MESSAGES_MS : 0)
    await this.drain()
    clearTimeout(this.#wake)
    for (const room of this.#rooms.values()) room.replica.onLocal = undefined
    // Messages that waited for the start are to be found again at the next one.
    await this.transport.close()
    this.#gossip = undefined
    for (const room of [...this.#rooms.values()]) room.onClosed()
  }

  /** Feeds one event to the core. Events that come meanwhile (from an observer) wait their turn. */
  take(event: GossipEvent): void {
    const gossip = this.#gossip
    if (!gossip) return // what there is then is told by the first round
    this.#events.push(event)
    if (!this.#isStarted || this.#isHandling) return
    // Listeners of a program are called here. One that throws must not keep what follows from
    // being done: an effect that is left out would be waited for without end.
    const thrown: unknown[] = []
    const attempt = (run: () => void): void => {
      try {
        run()
      } catch (error) {
        thrown.push(error)
      }
    }
    this.#isHandling = true
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) {
        for (const effect of gossip.handle(next, now())) attempt(() => this.#carryOut(effect))
      }
    } finally {
      this.#isHandling = false
    }
    if (this.#gossip === gossip) this.#arm(gossip)
    for (const room of [...this.#rooms.values()]) attempt(() => room.onStep())
    if (gossip.sending === 0) {
      this.#onIdle?.()
      this.#onIdle = undefined
    }
    if (thrown.length > 0) throw thrown[0]
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

  #tell(problem: Problem): void {
    this.#options.onProblem?.(problem)
  }

  #arm(gossip: Gossip): void {
    clearTimeout(this.#wake)
    const wait = Math.min(Math.max(0, gossip.wakeAt - now()), MOST_WAIT_MS)
    this.#wake = setTimeout(() => this.take({ type: 'wake' }), wait)
  }

  /**
   * What is published must be on disk: a writer that forgets what it told others, and goes on
   * under the same id, makes replicas differ for ever.
   */
  #publish(to: string, text: string): Promise<void> {
    const kept = [...this.#rooms.values()].flatMap((room) => room.publish() ?? [])
    if (kept.length === 0) return this.transport.send(to, text)
    return Promise.all(kept).then(
      () => this.transport.send(to, text),
      (error) => {
        const { code, message, hint } = toFailure(error)
        const failure = new Failure(code, message, { hint, cause: error, isLocal: true })
        this.#told = failure
        this.#tell({ type: 'send', to, failure })
        throw failure
      },
    )
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
