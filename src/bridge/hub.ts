/**
 * The clients of one room. Each change of its document or awareness is encoded once and sent to all
 * of them. It listens to the room only while it has clients.
 *
 * ```js
 * const hub = new Hub(room)
 * hub.join(client)                    // from now on client.send(frame) is called
 * hub.accept(update, client)          // sends it to the others
 * hub.leave(client)
 * ```
 */
import { equalFlat } from 'lib0/array'
import { type Awareness, applyAwarenessUpdate } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { encodeUpdate, type UpdateEntry } from '../agent/awareness/awareness-update.ts'
import { stateJson } from '../agent/awareness/own-state.ts'
import { emitToAll } from '../agent/awareness/safe-events.ts'
import { checkDoc } from '../yjs-copy.ts'
import { AwarenessGuard } from './awareness-guard.ts'
import {
  awarenessFrame,
  messageOf,
  reading,
  step1Frame,
  step2Frame,
  updateFrame,
} from './frames.ts'
import type { BridgeLimits } from './limits.ts'

/** A room as the bridge sees it. */
export interface ServedRoom {
  readonly doc: Y.Doc
  /** Created when it is first read. */
  readonly awareness: Awareness
  /** May no client write to it? Default false. */
  readonly isReadOnly?: boolean
  /**
   * Merges a V1 update of a client after the checks for updates of peers. Throws a Rejection, and
   * then nothing has changed. `origin` is the origin of the transaction.
   */
  accept(update: Uint8Array, origin: unknown): void
  /** Called once, when the last client has left. The next client opens the room again. */
  close?(): void | Promise<void>
}

export interface ServedRooms {
  /**
   * Rejects with a Failure. The close code says whether clients reconnect: not if the name is invalid
   * or the room is not for them (`invalid_argument`, `not_found`, `permission_denied`), but after any
   * other code and after a failure of this side (`isLocal`), such as too many rooms or a full disk.
   */
  open(name: string): Promise<ServedRoom>
}

/** Frames for several clients, ready for the wire. */
export interface Broadcast {
  readonly bytes: Uint8Array
  readonly frames: number
  /** Bytes of the frames alone. */
  readonly frameBytes: number
}

/** A client as a room sees it. Its methods must not throw. */
export interface HubClient {
  send(frame: Uint8Array): void
  broadcast(messages: Broadcast): void
  /** Called when the room is gone. */
  dismiss(): void
}

/** A frame that waits to be sent to all clients but one. */
interface Queued {
  readonly message: Uint8Array
  readonly frameBytes: number
  readonly except: HubClient | undefined
}

/**
 * Milliseconds between two writes to the clients; what changes meanwhile is written together. A write
 * costs the system some 15 microseconds for each client, however long it is: most of what a busy room
 * costs. A screen shows a frame each 16 ms; half of that is added to a keystroke in a busy room.
 */
const GATHER_MS = 16

const join = (queued: readonly Queued[]): Broadcast => {
  const [first] = queued
  const bytes =
    queued.length === 1 && first ? first.message : Buffer.concat(queued.map((one) => one.message))
  let frameBytes = 0
  for (const one of queued) frameBytes += one.frameBytes
  return { bytes, frames: queued.length, frameBytes }
}

interface Changes {
  readonly added: readonly number[]
  readonly updated: readonly number[]
  readonly removed: readonly number[]
}

export class Hub {
  readonly #room: ServedRoom
  readonly #clients = new Set<HubClient>()
  readonly #owners = new Map<number, AwarenessGuard>()
  #queue: Queued[] = []
  #timer: NodeJS.Timeout | undefined
  /** When the queue was written last. */
  #writtenAt = Number.NEGATIVE_INFINITY
  /** Stops listening to the room; undefined while it does not listen. */
  #unlisten: (() => void) | undefined
  /** The update that is being merged, and its sender. */
  #accepting: { readonly update: Uint8Array; readonly from: HubClient } | undefined

  /** Throws a Failure (invalid_argument) if its document is of another copy of Yjs. */
  constructor(room: ServedRoom) {
    checkDoc(room.doc)
    this.#room = room
  }

  /** From now on changes are sent to `client`. */
  join(client: HubClient): void {
    this.#clients.add(client)
    this.#unlisten ??= this.#listen()
  }

  leave(client: HubClient): void {
    this.#clients.delete(client)
    if (this.#clients.size > 0) return
    this.flush()
    this.#unlisten?.()
    this.#unlisten = undefined
  }

  /** Writes what waits to the clients. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const queue = this.#queue
    if (queue.length === 0) return
    this.#queue = []
    this.#writtenAt = performance.now()
    const senders = new Set(queue.map(({ except }) => except))
    let shared: Broadcast | undefined
    for (const client of [...this.#clients]) {
      if (senders.has(client)) {
        const others = queue.filter(({ except }) => except !== client)
        if (others.length > 0) client.broadcast(join(others))
      } else {
        shared ??= join(queue)
        client.broadcast(shared)
      }
    }
  }

  /** Sends it to all clients but one: now, or with what follows if the last write was just now. */
  #broadcast(frame: Uint8Array, except?: HubClient): void {
    this.#queue.push({ message: messageOf(frame), frameBytes: frame.length, except })
    if (this.#timer !== undefined) return
    const wait = this.#writtenAt + GATHER_MS - performance.now()
    if (wait <= 0) this.flush()
    else this.#timer = setTimeout(() => this.flush(), wait)
  }

  #listen(): () => void {
    const { doc, awareness } = this.#room
    // Clients must get the change even if another listener throws.
    const restoreEmit = emitToAll(awareness)
    doc.on('update', this.#onUpdate)
    doc.on('destroy', this.#onDestroy)
    awareness.on('update', this.#onAwareness)
    return () => {
      doc.off('update', this.#onUpdate)
      doc.off('destroy', this.#onDestroy)
      awareness.off('update', this.#onAwareness)
      restoreEmit()
    }
  }

  /** Closes the room, which has no clients any more. */
  async close(): Promise<void> {
    await this.#room.close?.()
  }

  /** May no client write? */
  get isReadOnly(): boolean {
    return this.#room.isReadOnly ?? false
  }

  /** A guard for the awareness of one client. Release it when the client leaves. */
  guard(limits: BridgeLimits): AwarenessGuard {
    return new AwarenessGuard(this.#room.awareness, this.#owners, limits)
  }

  /** Throws a Rejection, and then nothing has changed. */
  accept(update: Uint8Array, from: HubClient): void {
    // A copy, since an update that waits for predecessors would keep the socket's buffer alive.
    const copy = new Uint8Array(update)
    this.#accepting = { update: copy, from }
    try {
      this.#room.accept(copy, from)
    } finally {
      this.#accepting = undefined
    }
  }

  /** Applies an update that a guard has checked. Throws, at the end, what a listener threw. */
  acceptAwareness(update: Uint8Array, from: HubClient): void {
    applyAwarenessUpdate(this.#room.awareness, update, from)
  }

  /** Sync step 1: requests what the document lacks. */
  step1(): Uint8Array {
    return step1Frame(Y.encodeStateVector(this.#room.doc))
  }

  /** Sync step 2: what a client with this state vector lacks. Throws a BadFrame. */
  step2(vector: Uint8Array): Uint8Array {
    const known = reading('state vector', () => Y.decodeStateVector(vector))
    // Encoded again, so that Yjs reads valid bytes.
    return step2Frame(Y.encodeStateAsUpdate(this.#room.doc, Y.encodeStateVector(known)))
  }

  /** All awareness states; undefined if there are none. */
  states(): Uint8Array | undefined {
    return this.#awarenessOf([...this.#room.awareness.getStates().keys()])
  }

  /** Leaves out states that cannot be sent. Undefined if none is left. */
  #awarenessOf(clients: readonly number[]): Uint8Array | undefined {
    const { awareness } = this.#room
    const entries: UpdateEntry[] = []
    for (const client of clients) {
      const known = awareness.meta.get(client)
      const json = stateJson(awareness, client)
      if (known && json !== undefined) entries.push({ client, clock: known.clock, json })
    }
    return entries.length > 0 ? awarenessFrame(encodeUpdate(entries)) : undefined
  }

  readonly #onUpdate = (update: Uint8Array): void => {
    const accepting = this.#accepting
    // Updates that waited for this one are merged with it, and its sender may lack them.
    const isSame = accepting !== undefined && equalFlat(update, accepting.update)
    this.#broadcast(updateFrame(update), isSame ? accepting.from : undefined)
  }

  // Also to its sender: a y-websocket client that receives nothing reconnects.
  readonly #onAwareness = ({ added, updated, removed }: Changes): void => {
    const frame = this.#awarenessOf([...added, ...updated, ...removed])
    if (frame) this.#broadcast(frame)
  }

  readonly #onDestroy = (): void => {
    this.flush()
    for (const client of [...this.#clients]) client.dismiss()
  }
}
