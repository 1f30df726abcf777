/**
 * An agent: one runtime of a swarm, with a document of its own that is named like the swarm, and
 * further rooms where they are wanted.
 *
 * ```js
 * const agent = new Agent({ swarm: 'kv', transport: new MailboxTransport({ dir, address: 'a' }) })
 * await agent.start()
 * agent.doc.getMap('state').set('k', 1)
 * const notes = await agent.openRoom('notes')
 * notes.close()
 * await agent.stop()
 * ```
 */
import * as Y from 'yjs'
import { Failure, toFailure } from '../errors.ts'
import { limitValues } from '../maps/index.ts'
import type { DataFolder } from '../store/data-folder.ts'
import { nodeTimers, type Timers } from '../timers.ts'
import { checkDoc } from '../yjs-copy.ts'
import { newWriter, Room } from './room.ts'
import { RoomLease } from './room-lease.ts'
import { checkRoomName, MAX_ROOMS } from './room-name.ts'
import { Rooms } from './rooms.ts'
import { Runtime, type RuntimeOptions } from './runtime.ts'
import { type AgentStatus, describeAgent, describePeers, type PeerStatus } from './status.ts'
import { TransportHold } from './transport-hold.ts'

export type { Problem } from './problem.ts'

/**
 * Milliseconds that a room without users stays open. A page that is loaded anew is back in two, a
 * y-websocket client that lost its connection in three. Longer keeps documents in memory that
 * nobody reads; shorter reads them from disk again.
 */
const IDLE_ROOM_MS = 10_000

export interface AgentOptions extends RuntimeOptions {
  /** The shared document; default a new one. Its client id must belong to this agent alone. */
  readonly doc?: Y.Doc
  /** Where the document is kept, and who remembers its writer id; default: nowhere and nobody. */
  readonly data?: DataFolder
  /** UTF-8 bytes of a value's JSON that may be written to its document; default 8 MiB, at most 15. */
  readonly maxValueBytes?: number
  /**
   * Called once when the data folder was removed, moved or replaced: what is written from then on
   * is in memory alone, `flushed` rejects, and nothing more is published.
   */
  readonly onGone?: (failure: Failure) => void
  /** Called after each event of its gossip, whatever it was about. */
  readonly onStep?: () => void
  /** When rooms without users are closed; default: by Node's timers. */
  readonly timers?: Timers
}

export class Agent {
  readonly doc: Y.Doc
  readonly swarm: string
  /** The room of the document. */
  readonly room: Room
  /** What it takes part with: rooms that are made elsewhere can be attached to it. */
  readonly runtime: Runtime
  readonly #options: AgentOptions
  readonly #rooms: Rooms
  readonly #hold: TransportHold
  #isStopped = false

  /** Throws a Failure (invalid_argument) where `doc` is of another copy of Yjs. */
  constructor(options: AgentOptions) {
    if (options.doc !== undefined) checkDoc(options.doc)
    this.#options = options
    this.runtime = new Runtime({ ...options, isPatient: true })
    this.#hold = new TransportHold(options.transport)
    this.swarm = this.runtime.swarm
    this.doc = options.doc ?? new Y.Doc()
    if (options.doc === undefined) this.doc.clientID = newWriter()
    const { data, maxValueBytes, onProblem, onGone, onStep } = options
    if (maxValueBytes !== undefined) limitValues(this.doc, maxValueBytes)
    this.room = new Room({
      name: this.swarm,
      doc: this.doc,
      isBystander: true,
      ...(data && { data }),
      ...(onProblem && { onProblem }),
      ...(onGone && { onGone }),
      ...(onStep && { onStep }),
    })
    this.#rooms = new Rooms({
      most: MAX_ROOMS,
      idleMs: IDLE_ROOM_MS,
      timers: options.timers ?? nodeTimers,
      open: (name) => this.#open(name),
      join: (room) => this.#join(room),
      onProblem: (failure) => onProblem?.({ type: 'store', failure }),
    })
  }

  /** Our address; empty before `start`. */
  get address(): string {
    return this.runtime.address
  }

  /**
   * Loads the document, opens the transport, resolves the peers and makes the first round. Where
   * the transport cannot be opened yet (no daemon, a slow pilotctl) the document is served all the
   * same, `runtime.waitsFor` says why, and opening is tried again and again. An agent or a provider
   * that is leaving the transport is waited for. Rejects with a Failure that no waiting mends, and
   * when none of the given peers exists.
   */
  async start(): Promise<void> {
    await this.#hold.take()
    try {
      await this.runtime.open()
    } catch (error) {
      this.#hold.free()
      throw error
    }
    try {
      await this.room.load(this.address)
      this.room.join(this.runtime)
      await this.runtime.start()
    } catch (error) {
      await Promise.allSettled([this.stop()])
      throw error
    }
  }

  /**
   * Pushes what is fresh, waits a moment for it to leave, and closes the transport, which another
   * may then open again. May be called twice.
   */
  stop(): Promise<void> {
    this.#isStopped = true
    return this.#hold.leave(() => this.#stop())
  }

  async #stop(): Promise<void> {
    await this.runtime.close()
    await this.#rooms.close()
    await this.room.close()
  }

  /**
   * A lease of the room of that name, which is opened where it is not open. It is kept beside the
   * agent's own document, where that is kept, and shared until the last of its leases is closed
   * and a while has passed, or the agent stops. Rejects with a Failure: `invalid_argument` for a
   * name that cannot be used, `busy` when too many rooms are in use, and when the disk refuses.
   */
  async openRoom(name: string): Promise<RoomLease> {
    if (!this.runtime.isStarted && !this.runtime.waitsFor) {
      throw new Failure('closed', `room "${name}": the agent is not running`, {
        hint: 'start the agent first',
      })
    }
    if (name === this.swarm) return new RoomLease(this.room, () => undefined)
    return this.#rooms.lease(checkRoomName(name))
  }

  /** Closes the room of that name where it has no users, so that another can share it by its runtime. */
  async vacateRoom(name: string): Promise<void> {
    await this.#rooms.vacate(name)
  }

  /**
   * Resolves when all that was written or received so far is on disk, at once without a store.
   * Rejects with a Failure when the disk refuses; reading goes on, and writing when it recovers.
   */
  async flushed(): Promise<void> {
    await this.room.flushed()
  }

  /** A round now, not at its time. */
  push(): void {
    this.runtime.take({ type: 'round' })
  }

  /** Asks a peer for what it has; it is heard when it answers. */
  ask(): void {
    this.runtime.take({ type: 'pull', document: this.swarm })
  }

  /** Whom it knows. */
  peers(): readonly PeerStatus[] {
    return describePeers(this.room)
  }

  /** Who it is, what it has, whom it knows. Counts all keys. */
  status(): AgentStatus {
    return describeAgent(this.room, this.runtime)
  }

  async #open(name: string): Promise<Room> {
    this.#checkFree(name)
    const { data, onProblem } = this.#options
    const store = data?.storeOf?.(name)
    const doc = new Y.Doc({ guid: name })
    doc.clientID = newWriter()
    const room = new Room({
      name,
      doc,
      isBystander: true,
      ...(store && { data: { store } }),
      ...(onProblem && { onProblem }),
    })
    try {
      await room.load(this.address)
      await this.runtime.freed(name)
      this.#join(room)
    } catch (error) {
      await room.close()
      // Our own disk: a client that asked for the room has done nothing wrong.
      const { code, message, hint } = toFailure(error)
      throw new Failure(code, message, { hint, cause: error, isLocal: true })
    }
    return room
  }

  #join(room: Room): void {
    // Of an agent that was stopped meanwhile nothing is to stay open.
    if (this.#isStopped) throw new Failure('closed', `room "${room.name}": the agent was stopped`)
    this.#checkFree(room.name)
    room.join(this.runtime)
  }

  #checkFree(name: string): void {
    if (!this.runtime.isTaken(name)) return
    throw new Failure('already_exists', `room "${name}" is shared by a provider of this agent`, {
      hint: 'use the document of that provider, or choose another name',
    })
  }
}
