/**
 * An agent: it takes part in a swarm with a document that is named like the swarm, and opens
 * further rooms on request.
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
import { type FormerOptions, limitValues } from '../maps/index.ts'
import type { DataFolder } from '../store/data-folder.ts'
import { POINT_BYTES, type Point } from '../store/points.ts'
import { nodeTimers, type Timers } from '../timers.ts'
import { sealedOf } from '../transports/sealed/sealed-transport.ts'
import type { Secrets } from '../transports/sealed/secret.ts'
import { checkDoc } from '../yjs-copy.ts'
import { PointKeeper, type RestoredPoint } from './point-keeper.ts'
import { newWriter, Room } from './room.ts'
import { RoomLease } from './room-lease.ts'
import { checkRoomName, MAX_ROOMS } from './room-name.ts'
import { Rooms } from './rooms.ts'
import { Runtime, type RuntimeOptions } from './runtime.ts'
import { type AgentStatus, describeAgent, describePeers, type PeerStatus } from './status.ts'
import { TransportHold } from './transport-hold.ts'

export type { Problem } from './problem.ts'

/**
 * Milliseconds that a room without users stays open. A page that reloads is back within two seconds,
 * a y-websocket client that lost its connection within three. A longer time keeps unused documents in
 * memory; a shorter one reads them from disk again.
 */
const IDLE_ROOM_MS = 10_000

export interface AgentOptions extends RuntimeOptions {
  /** The shared document; default: a new one. No other program may use its client id. */
  readonly doc?: Y.Doc
  /** The data folder, from `dataFolder`. Default: the document is in memory only. */
  readonly data?: DataFolder
  /**
   * Seals all messages, so that nobody without it reads or writes anything: a text of 22 characters or
   * more, the same for all agents of the swarm, or the newest and the former one. Default: the swarm is
   * open to everybody who can send to its agents.
   */
  readonly secret?: Secrets
  /** Maximum of a value's JSON in UTF-8 bytes; default 8 MiB, at most 15 MiB. */
  readonly maxValueBytes?: number
  /**
   * Maximum of bytes of former states in the data folder (see `points`); default 64 MiB. 0: none are
   * stored.
   */
  readonly pointBytes?: number
  /**
   * Called once when the data folder was removed, moved or replaced. Later changes are in memory
   * only, `flushed` rejects, and nothing more is sent to peers.
   */
  readonly onGone?: (failure: Failure) => void
  /** Called after each event of gossip that may concern its document. */
  readonly onStep?: () => void
  /** The timers that close rooms without users; default: those of Node. */
  readonly timers?: Timers
}

export class Agent {
  readonly doc: Y.Doc
  readonly swarm: string
  /** The room of the document. */
  readonly room: Room
  /** What connects the agent to its swarm. Other rooms can be attached to it. */
  readonly runtime: Runtime
  readonly #options: AgentOptions
  readonly #rooms: Rooms
  readonly #hold: TransportHold
  readonly #points: PointKeeper | undefined
  #isStopped = false

  /** Throws a Failure (invalid_argument) if `doc` is of another copy of Yjs. */
  constructor(options: AgentOptions) {
    if (options.doc !== undefined) checkDoc(options.doc)
    this.#options = options
    const transport = sealedOf(options.transport, options.secret, options.swarm)
    this.runtime = new Runtime({
      ...options,
      transport,
      network: options.transport,
      isPatient: true,
    })
    this.#hold = new TransportHold(transport)
    this.swarm = this.runtime.swarm
    this.doc = options.doc ?? new Y.Doc()
    if (options.doc === undefined) this.doc.clientID = newWriter()
    const { data, maxValueBytes, onProblem, onGone, onStep } = options
    if (maxValueBytes !== undefined) limitValues(this.doc, maxValueBytes)
    this.room = new Room({
      name: this.swarm,
      doc: this.doc,
      isBystander: true,
      isReadOnly: options.readOnly ?? false,
      ...(data && { data }),
      ...(onProblem && { onProblem }),
      ...(onGone && { onGone }),
      ...(onStep && { onStep }),
    })
    this.#points =
      data?.points &&
      new PointKeeper({
        doc: this.doc,
        points: data.points,
        maxBytes: options.pointBytes ?? POINT_BYTES,
        flushed: () => this.flushed(),
        timers: options.timers ?? nodeTimers,
        onProblem: (failure) => onProblem?.({ type: 'store', failure }),
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

  /** The own address; empty before `start`. */
  get address(): string {
    return this.runtime.address
  }

  /**
   * Loads the document, opens the transport, resolves the peers and starts the first round. If the
   * transport cannot be opened yet (no daemon, a slow pilotctl), the agent works without peers, keeps
   * trying, and `runtime.waitsFor` says why. Waits for an agent or a provider that is leaving the
   * transport. Rejects with a Failure that does not pass, and if none of the given peers exists.
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
      this.#points?.start()
      this.room.join(this.runtime)
      await this.runtime.start()
    } catch (error) {
      await Promise.allSettled([this.stop()])
      throw error
    }
  }

  /**
   * Pushes fresh changes, waits up to 2 seconds for them to leave, and closes the transport, which
   * can then be opened again. May be called twice.
   */
  stop(): Promise<void> {
    this.#isStopped = true
    return this.#hold.leave(() => this.#stop())
  }

  async #stop(): Promise<void> {
    await this.runtime.close()
    await this.#rooms.close()
    await this.#points?.stop()
    await this.room.close()
  }

  /**
   * Opens the room of that name, or takes a further lease of it. With a data folder, the room is
   * stored there. It closes some seconds after its last lease, or when the agent stops. Rejects with
   * a Failure: `invalid_argument` for an invalid name, `busy` if too many rooms are in use, and with
   * that of a disk that fails.
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

  /** Closes the room of that name if it has no users, so that a provider can share it. */
  async vacateRoom(name: string): Promise<void> {
    await this.#rooms.vacate(name)
  }

  /**
   * Resolves when everything written or received so far is on disk, at once without a data folder.
   * Rejects with a Failure if the disk fails. Reads go on, and writes work again when the disk does.
   */
  async flushed(): Promise<void> {
    await this.room.flushed()
  }

  /** Starts a round now. */
  push(): void {
    this.runtime.take({ type: 'round' })
  }

  /** Pulls from a peer. Its answer is an event of its own. */
  ask(): void {
    this.runtime.take({ type: 'pull', document: this.swarm })
  }

  /** The peers that may have the document. */
  peers(): readonly PeerStatus[] {
    return describePeers(this.room)
  }

  /**
   * Takes nothing from that name or address from now on, and sends nothing there. What it wrote
   * stays. Counts until the agent stops: give it in `banned`, too. Rejects with the Failure of a name
   * that has no address.
   */
  async ban(peer: string): Promise<void> {
    await this.runtime.ban(peer)
  }

  /** The addresses from which nothing is taken, and to which nothing is sent. */
  get banned(): readonly string[] {
    return this.runtime.access.banned
  }

  /**
   * The former states in the data folder, oldest first: one for each hour of the last day and each day
   * of the last month in which the document changed. Rejects with a Failure.
   */
  async points(): Promise<readonly Point[]> {
    return (await this.#options.data?.points?.list()) ?? []
  }

  /** Stores a former state now, unless nothing has changed since the last one. Rejects with a Failure. */
  async takePoint(): Promise<void> {
    await this.#keeper().take()
  }

  /**
   * Writes again what the document had at the newest point at or before `time` (Unix milliseconds),
   * and resolves when that is on disk: deleted keys come back, overwritten ones get their former
   * value. The present state is stored as a point before. Rejects with a Failure: `not_found` if there
   * is no such point, `permission_denied` if the agent is read-only.
   */
  async restoreAt(time: number, options: FormerOptions = {}): Promise<RestoredPoint> {
    return this.#keeper().restoreAt(time, options)
  }

  #keeper(): PointKeeper {
    if (this.#points) return this.#points
    throw new Failure('invalid_argument', 'this agent has no data folder, so no former states', {
      hint: 'start it with a data folder',
    })
  }

  /** Its address, its document and its peers. Counts all keys, so it takes time for large maps. */
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
      isReadOnly: this.#options.readOnly ?? false,
      ...(store && { data: { store } }),
      ...(onProblem && { onProblem }),
    })
    try {
      await room.load(this.address)
      await this.runtime.freed(name)
      this.#join(room)
    } catch (error) {
      await room.close()
      // The disk of this host fails: a client that opens the room is not to blame.
      const { code, message, hint } = toFailure(error)
      throw new Failure(code, message, { hint, cause: error, isLocal: true })
    }
    return room
  }

  #join(room: Room): void {
    // The agent may have been stopped meanwhile: then the room must not stay open.
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
