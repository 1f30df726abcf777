/**
 * An agent: one member of a swarm, with its document, its transport, its clock and its timers.
 * It feeds events to the gossip core and carries out the effects; all thinking is there.
 *
 * ```js
 * const agent = new Agent({ swarm: 'kv', transport: new MailboxTransport({ dir, address: 'a' }) })
 * await agent.start()
 * agent.doc.getMap('state').set('k', 1)
 * await agent.stop()
 * ```
 */
import { randomInt } from 'node:crypto'
import * as Y from 'yjs'
import { isPushOf, type RefusalReason, Replica } from '../crdt/index.ts'
import { type Failure, toFailure } from './errors.ts'
import { Gossip, type GossipConfig, type GossipEvent } from './gossip/index.ts'
import { hotNeedsOf } from './maps/index.ts'
import { nodePlatform } from './platform.ts'
import { type AgentStatus, describeAgent, describePeers, type PeerStatus } from './status.ts'
import { type Keep, nodeNumber } from './store/keep.ts'
import { Persistence } from './store/persistence.ts'
import { checkSwarm } from './swarm.ts'
import type { Transport } from './transport.ts'

/** Milliseconds between two looks for peers. Each may cost some calls of pilotctl. */
const DISCOVER_MS = 60_000

/** The same while nobody is known: a member of a new swarm waits for the others. */
const DISCOVER_ALONE_MS = 5_000

/** Milliseconds that a stop waits for pushes on their way. */
const LAST_PUSH_MS = 2_000

export interface AgentOptions {
  readonly swarm: string
  readonly transport: Transport
  /** Names or addresses of peers; names are resolved by the transport. */
  readonly peers?: readonly string[]
  readonly config?: Partial<GossipConfig>
  /** The shared document; default a new one. Its client id must belong to this agent alone. */
  readonly doc?: Y.Doc
  /** Where the document is kept, and who remembers its writer id; default: nowhere and nobody. */
  readonly keep?: Keep
  /** Told of trouble: refused messages, an unreachable daemon. Called often in bad times. */
  readonly onProblem?: (problem: Problem) => void
}

export type Problem =
  | { readonly type: 'transport'; readonly failure: Failure }
  | { readonly type: 'store'; readonly failure: Failure }
  | { readonly type: 'send'; readonly to: string; readonly failure: Failure }
  | {
      readonly type: 'refused'
      readonly from: string
      readonly reason: RefusalReason
      readonly message: string
    }
  | { readonly type: 'unsendable'; readonly to: string; readonly bytes: number }
  | { readonly type: 'observer_failed'; readonly error: unknown }

/**
 * A writer id that no other has: 53 random bits. Yjs's own 32 bits collide with even odds
 * among 77,000 writers, and two writers with one id diverge for ever.
 */
const newWriter = (): number => randomInt(2 ** 21) * 2 ** 32 + randomInt(2 ** 32)

/** Unix milliseconds that never go back, also when the host's clock is set: rounds must not stop for it. */
const now = (): number => performance.timeOrigin + performance.now()

export class Agent {
  readonly doc: Y.Doc
  readonly swarm: string
  readonly #options: AgentOptions
  readonly #transport: Transport
  readonly #replica: Replica
  readonly #persistence: Persistence | undefined
  /** Resolves when messages may be taken. */
  readonly #ready: Promise<void>
  #tellReady: () => void = () => undefined
  #gossip: Gossip | undefined
  /** Events that came while another was being handled. */
  readonly #events: GossipEvent[] = []
  #isHandling = false
  #isStopped = false
  #isChangingWriter = false
  #wake: NodeJS.Timeout | undefined
  #discover: NodeJS.Timeout | undefined
  /** Peers that were given and have no address yet. */
  #unresolved: readonly string[]
  #onIdle: (() => void) | undefined

  constructor(options: AgentOptions) {
    this.swarm = checkSwarm(options.swarm)
    this.#options = options
    this.#transport = options.transport
    this.#unresolved = options.peers ?? []
    this.doc = options.doc ?? new Y.Doc()
    if (options.doc === undefined) this.doc.clientID = newWriter()
    this.#replica = new Replica(this.doc, nodePlatform, {
      needs: (delta) => hotNeedsOf(this.doc, delta),
    })
    this.#ready = new Promise((resolve) => {
      this.#tellReady = resolve
    })
    this.#persistence =
      options.keep &&
      new Persistence(this.doc, options.keep.store, (failure) =>
        this.#options.onProblem?.({ type: 'store', failure }),
      )
    this.#replica.onLocal = () => this.#take({ type: 'changed' })
  }

  /** Our address; empty before `start`. */
  get address(): string {
    return this.#transport.address
  }

  /**
   * Opens the transport, resolves the peers and makes the first round. Rejects with a Failure
   * when the transport cannot be opened or a given peer does not exist.
   */
  async start(): Promise<void> {
    await this.#transport.open({
      accepts: (text) => isPushOf(text, this.swarm),
      receive: async ({ from, text }) => {
        await this.#ready
        this.#take({ type: 'message', from, text })
        // The transport forgets the message when this returns: what it brought must be kept by then.
        await this.flushed()
      },
      onProblem: (failure) => this.#options.onProblem?.({ type: 'transport', failure }),
    })
    try {
      const { keep } = this.#options
      if (keep && this.#persistence) await this.#load(keep, this.#persistence)
      const given = await this.#resolve()
      const gossip = new Gossip({
        self: this.#transport.address,
        swarm: this.swarm,
        platform: nodePlatform,
        random: Math.random,
        maxMessageBytes: this.#transport.maxMessageBytes,
        ...(this.#options.config && { config: this.#options.config }),
      })
      gossip.open(this.swarm, this.#replica)
      this.#gossip = gossip
      this.#tellReady()
      this.#take({ type: 'peers', addresses: given, source: 'given' })
      void this.#look()
    } catch (error) {
      await this.#transport.close()
      await this.#closeKeep()
      throw error
    }
  }

  /** Pushes what is fresh, waits a moment for it to leave, and closes the transport. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    clearTimeout(this.#discover)
    if (this.#gossip) await this.#lastPush(this.#gossip)
    clearTimeout(this.#wake)
    this.#replica.destroy()
    // Messages that wait for the start are to be found again at the next one.
    await this.#transport.close()
    await this.#closeKeep()
    this.#gossip = undefined
  }

  /**
   * Resolves when all that was written or received so far is on disk, at once without a store.
   * Rejects with a Failure when the disk refuses; reading goes on, and writing when it recovers.
   */
  async flushed(): Promise<void> {
    await this.#persistence?.flushed()
  }

  /** A round now, not at its time. */
  push(): void {
    this.#take({ type: 'round' })
  }

  /** Whom it knows. */
  peers(): readonly PeerStatus[] {
    return describePeers(this.swarm, this.#replica, this.#gossip)
  }

  /** Who it is, what it has, whom it knows. Counts all keys. */
  status(): AgentStatus {
    return describeAgent(this.swarm, this.#transport, this.#replica, this.#gossip)
  }

  /** Feeds one event to the core. Events that come meanwhile (from an observer) wait their turn. */
  #take(event: GossipEvent): void {
    this.#events.push(event)
    const gossip = this.#gossip
    if (!gossip || this.#isHandling) return
    this.#isHandling = true
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) {
        for (const effect of gossip.handle(next, now())) {
          if (effect.type === 'send') this.#send(effect.to, effect.text)
          else {
            this.#options.onProblem?.(effect)
            if (effect.type === 'refused' && effect.reason === 'own_clock')
              void this.#changeWriter()
          }
        }
      }
    } finally {
      this.#isHandling = false
    }
    this.#arm(gossip)
    if (gossip.sending === 0) this.#onIdle?.()
  }

  #arm(gossip: Gossip): void {
    clearTimeout(this.#wake)
    const wait = Math.max(0, gossip.wakeAt - now())
    this.#wake = setTimeout(() => this.#take({ type: 'wake' }), wait)
  }

  #send(to: string, text: string): void {
    // What is published must be on disk: a writer that forgets what it told others, and goes on
    // under the same id, makes replicas differ for ever.
    const { keep } = this.#options
    const sent = keep
      ? this.#keepPublished(keep).then(() => this.#transport.send(to, text))
      : this.#transport.send(to, text)
    sent.then(
      () => this.#take({ type: 'sent', to }),
      (error) => {
        this.#options.onProblem?.({ type: 'send', to, failure: toFailure(error) })
        this.#take({ type: 'failed', to })
      },
    )
  }

  /** The document as it was, and the id under which it may be written on. */
  async #load({ identity }: Keep, persistence: Persistence): Promise<void> {
    await identity.open()
    const { problems, held } = await persistence.open()
    for (const { failure } of problems) this.#options.onProblem?.({ type: 'store', failure })
    // What was loaded is no news: peers learn of it by its digest.
    this.#replica.takeLocal()
    const { writer } = await identity.take(nodeNumber(this.address), this.#replica.clocks)
    this.doc.clientID = writer
    // They wait for what a peer may bring, as anything does that came too early.
    for (const update of held) {
      try {
        this.#replica.apply(update)
      } catch (error) {
        this.#options.onProblem?.({ type: 'store', failure: toFailure(error) })
      }
    }
  }

  async #closeKeep(): Promise<void> {
    await this.#persistence?.close()
    await this.#options.keep?.identity.close()
  }

  /** Everything that a message now to be sent says is on disk, and that it may be known to others. */
  async #keepPublished({ identity }: Keep): Promise<void> {
    const { clientID: writer, store } = this.doc
    const clock = Y.getState(store, writer)
    await this.flushed()
    await identity.publish(clock, writer)
  }

  /**
   * A peer has more under our writer id than we ever wrote: the data folder is a copy, or was
   * restored, and another goes on under the same id. From now on we write under a new one.
   */
  async #changeWriter(): Promise<void> {
    if (this.#isChangingWriter) return
    this.#isChangingWriter = true
    try {
      const taken = await this.#options.keep?.identity.mustChange(this.#replica.clocks)
      this.doc.clientID = taken?.writer ?? newWriter()
    } catch (error) {
      this.#options.onProblem?.({ type: 'store', failure: toFailure(error) })
    } finally {
      this.#isChangingWriter = false
    }
  }

  async #lastPush(gossip: Gossip): Promise<void> {
    // Past the time for which changes are gathered, a wake pushes them.
    await new Promise((resolve) => setTimeout(resolve, gossip.config.gatherMs + 1))
    this.#take({ type: 'wake' })
    if (gossip.sending === 0) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
      timer = setTimeout(resolve, LAST_PUSH_MS)
    })
    clearTimeout(timer)
    this.#onIdle = undefined
  }

  /** The addresses of those given peers that have one; the others stay for later. */
  async #resolve(): Promise<string[]> {
    const addresses: string[] = []
    const failed: string[] = []
    for (const name of this.#unresolved) {
      try {
        addresses.push(await this.#transport.resolve(name))
      } catch (error) {
        const failure = toFailure(error)
        if (failure.code === 'not_found' || failure.code === 'invalid_argument') throw failure
        this.#options.onProblem?.({ type: 'transport', failure })
        failed.push(name)
      }
    }
    this.#unresolved = failed
    return addresses
  }

  /** Looks for peers, now and then again. */
  async #look(): Promise<void> {
    try {
      const found = await this.#transport.discover()
      if (this.#isStopped) return
      this.#take({ type: 'peers', addresses: found, source: 'found' })
      if (this.#unresolved.length > 0) {
        this.#take({ type: 'peers', addresses: await this.#resolve(), source: 'given' })
      }
    } catch (error) {
      if (!this.#isStopped)
        this.#options.onProblem?.({ type: 'transport', failure: toFailure(error) })
    }
    if (this.#isStopped) return
    const wait = (this.#gossip?.peers.size ?? 0) > 0 ? DISCOVER_MS : DISCOVER_ALONE_MS
    this.#discover = setTimeout(() => void this.#look(), wait)
  }
}
