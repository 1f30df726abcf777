/**
 * The awareness of a room: created when it is first read, or brought by the program. While the room
 * is shared, its states are gossiped; when the room leaves, peers learn that we have left.
 *
 * ```ts
 * const awareness = new RoomAwareness(options)
 * awareness.join(runtime)
 * awareness.get().setLocalState({ name: 'Ada' })
 * awareness.announceLeaving()
 * awareness.leave()
 * ```
 */
import { type Awareness, removeAwarenessStates } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { Rejection } from '../../crdt/index.ts'
import { attempt } from '../listeners.ts'
import { AwarenessGossip } from './awareness/awareness-gossip.ts'
import { ownStateOf } from './awareness/own-state.ts'
import { SwarmAwareness } from './awareness/swarm-awareness.ts'
import type { Problem } from './problem.ts'
import type { Runtime } from './runtime.ts'

export interface RoomAwarenessOptions {
  /** The name of the room. */
  readonly name: string
  readonly doc: Y.Doc
  /** The program's own awareness, or `false`: none. Absent: created when it is first read. */
  readonly given: Awareness | false | undefined
  /** Has this client no state until the program sets one? */
  readonly isBystander: boolean
  /** The own address; empty until the room has joined a runtime. */
  readonly address: () => string
  readonly onProblem: (problem: Problem) => void
}

type Refused = Extract<Problem, { readonly type: 'refused' }>

export class RoomAwareness {
  readonly #options: RoomAwarenessOptions
  #awareness: Awareness | undefined
  #runtime: Runtime | undefined
  #gossip: AwarenessGossip | undefined
  #hasAnnounced = false

  constructor(options: RoomAwarenessOptions) {
    this.#options = options
    if (!options.given) return
    this.#awareness = options.given
    this.#watch(options.given)
  }

  /** Throws a TypeError if the room has no awareness. */
  get(): Awareness {
    const { name, doc, given, isBystander } = this.#options
    if (given === false) throw new TypeError(`room "${name}" was opened without awareness`)
    if (!this.#awareness) {
      this.#awareness = new SwarmAwareness(doc, (error) => this.#onThrown(error))
      if (isBystander) this.#awareness.setLocalState(null)
      this.#watch(this.#awareness)
      this.#start()
    }
    return this.#awareness
  }

  /** Undefined if there is nothing to send, or if the awareness was never read. */
  encodeSince(number: number, bytes: number): Uint8Array | undefined {
    return this.#gossip?.encodeSince(number, bytes)
  }

  join(runtime: Runtime): void {
    this.#runtime = runtime
    this.#start()
  }

  /** Merges states from a peer. States that are refused are reported and counted. */
  receive(bytes: Uint8Array, from: string): void {
    try {
      this.#gossip?.receive(bytes, from)
    } catch (error) {
      if (!(error instanceof Rejection)) {
        this.#onThrown(error)
        return
      }
      const { reason, message } = error
      this.#runtime?.gossip?.counters.reject(reason)
      this.#refuse({ from, reason, message })
    }
  }

  /** Announces to peers that we have left. The message is encoded when it leaves, so `leave` comes later. */
  announceLeaving(): void {
    if (!this.#gossip || this.#hasAnnounced) return
    this.#hasAnnounced = true
    // Other providers may still share an awareness that the program brought.
    if (this.#isOwn) this.#gossip.announceLeaving()
    else this.#gossip.destroy()
  }

  /** Removes the states of peers. The own state stays, since the room may join again. */
  leave(): void {
    this.#runtime = undefined
    this.#hasAnnounced = false
    if (!this.#gossip) return
    this.#gossip = undefined
    const awareness = this.#awareness
    if (!awareness || !this.#isOwn) return
    const others = [...awareness.states.keys()].filter((client) => client !== awareness.clientID)
    this.#watched(() => removeAwarenessStates(awareness, others, this))
  }

  destroy(): void {
    this.#awareness?.off('update', this.#onUpdate)
    if (this.#isOwn) this.#watched(() => this.#awareness?.destroy())
  }

  get #isOwn(): boolean {
    return this.#options.given === undefined
  }

  #start(): void {
    const runtime = this.#runtime
    if (!runtime || !this.#awareness || this.#gossip) return
    // The program may have set a state before the room was shared.
    this.#checkOwnState()
    const { name: document } = this.#options
    this.#gossip = new AwarenessGossip(this.#awareness, {
      send: (since, to) =>
        runtime.take({ type: 'awareness', document, since, ...(to !== undefined && { to }) }),
      countPeers: () => runtime.gossip?.peers.size ?? 0,
    })
  }

  #watch(awareness: Awareness): void {
    awareness.on('update', this.#onUpdate)
  }

  readonly #onUpdate = (_: unknown, origin: unknown): void => {
    if (origin === 'local') this.#checkOwnState()
  }

  /** Reports an own state that peers would refuse. They keep the last valid one. */
  #checkOwnState(): void {
    const refused = this.#awareness && ownStateOf(this.#awareness).look()
    if (refused) this.#refuse({ from: this.#options.address(), ...refused })
  }

  #refuse(refused: Omit<Refused, 'type' | 'part' | 'document'>): void {
    this.#options.onProblem({
      type: 'refused',
      part: 'awareness',
      document: this.#options.name,
      ...refused,
    })
  }

  #watched(run: () => void): void {
    attempt(run, (error) => this.#onThrown(error))
  }

  #onThrown(error: unknown): void {
    this.#options.onProblem({ type: 'observer_failed', error })
  }
}
