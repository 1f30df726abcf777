/**
 * The clients of one room. What changes in its document and its awareness, by whomever, goes to
 * all of them, encoded once. It listens only while it has clients.
 *
 * ```js
 * const hub = new Hub(room)
 * hub.join(client)                    // from now on client.send(frame) is called
 * hub.accept(update, client)          // the others get it
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
import { awarenessFrame, reading, step1Frame, step2Frame, updateFrame } from './frames.ts'
import type { BridgeLimits } from './limits.ts'

/** A room as the bridge sees it. */
export interface ServedRoom {
  readonly doc: Y.Doc
  /** Made when first read. */
  readonly awareness: Awareness
  /**
   * Merges a client's V1 update, checked as one from the network is; throws a Rejection, and then
   * nothing has changed. `origin` is that of the transaction.
   */
  accept(update: Uint8Array, origin: unknown): void
  /** Called once, when the last client has left; another one makes the bridge open the room again. */
  close?(): void | Promise<void>
}

export interface ServedRooms {
  /**
   * Rejects with a Failure. Clients are told not to come back where the name cannot be used or
   * they may not have the room (`invalid_argument`, `not_found`, `permission_denied`), and to try
   * again after any other, and after trouble of this side (`isLocal`): too many rooms, a disk.
   */
  open(name: string): Promise<ServedRoom>
}

/** A client as a room sees it. Neither of these throws. */
export interface HubClient {
  send(frame: Uint8Array): void
  /** The room is gone. */
  dismiss(): void
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
  /** Ends listening; undefined while it does not. */
  #unlisten: (() => void) | undefined
  /** The update being merged, and who sent it. */
  #accepting: { readonly update: Uint8Array; readonly from: HubClient } | undefined

  /** Throws a Failure (invalid_argument) where its document is of another copy of Yjs. */
  constructor(room: ServedRoom) {
    checkDoc(room.doc)
    this.#room = room
  }

  /** From now on `client` gets what changes. */
  join(client: HubClient): void {
    this.#clients.add(client)
    this.#unlisten ??= this.#listen()
  }

  leave(client: HubClient): void {
    this.#clients.delete(client)
    if (this.#clients.size > 0) return
    this.#unlisten?.()
    this.#unlisten = undefined
  }

  #listen(): () => void {
    const { doc, awareness } = this.#room
    // Whatever other listeners throw, clients get what was changed.
    const endWhole = emitToAll(awareness)
    doc.on('update', this.#onUpdate)
    doc.on('destroy', this.#onDestroy)
    awareness.on('update', this.#onAwareness)
    return () => {
      doc.off('update', this.#onUpdate)
      doc.off('destroy', this.#onDestroy)
      awareness.off('update', this.#onAwareness)
      endWhole()
    }
  }

  /** Gives the room back: nobody is there any more. */
  async close(): Promise<void> {
    await this.#room.close?.()
  }

  /** What a client may say of awareness; release it when the client leaves. */
  guard(limits: BridgeLimits): AwarenessGuard {
    return new AwarenessGuard(this.#room.awareness, this.#owners, limits)
  }

  /** Throws a Rejection, and then nothing has changed. */
  accept(update: Uint8Array, from: HubClient): void {
    // A copy: what waits for its predecessors must not keep the socket's buffer alive.
    const copy = new Uint8Array(update)
    this.#accepting = { update: copy, from }
    try {
      this.#room.accept(copy, from)
    } finally {
      this.#accepting = undefined
    }
  }

  /** Applies what a guard let through. Throws what listeners throw, when all is done. */
  acceptAwareness(update: Uint8Array, from: HubClient): void {
    applyAwarenessUpdate(this.#room.awareness, update, from)
  }

  /** Asks for what the document lacks. */
  question(): Uint8Array {
    return step1Frame(Y.encodeStateVector(this.#room.doc))
  }

  /** What one with this state vector lacks. Throws a BadFrame. */
  answer(vector: Uint8Array): Uint8Array {
    const known = reading('state vector', () => Y.decodeStateVector(vector))
    // Encoded anew, so that what Yjs reads is sound.
    return step2Frame(Y.encodeStateAsUpdate(this.#room.doc, Y.encodeStateVector(known)))
  }

  /** All awareness states; undefined where there are none. */
  states(): Uint8Array | undefined {
    return this.#awarenessOf([...this.#room.awareness.getStates().keys()])
  }

  /** States that cannot be told are left out; undefined where none is left. */
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
    // What had waited for this one comes with it, and its sender may lack that.
    const isSame = accepting !== undefined && equalFlat(update, accepting.update)
    const frame = updateFrame(update)
    for (const client of [...this.#clients]) {
      if (!isSame || client !== accepting.from) client.send(frame)
    }
  }

  // To its sender too: y-websocket clients take silence for a dead connection.
  readonly #onAwareness = ({ added, updated, removed }: Changes): void => {
    const frame = this.#awarenessOf([...added, ...updated, ...removed])
    if (frame) for (const client of [...this.#clients]) client.send(frame)
  }

  readonly #onDestroy = (): void => {
    for (const client of [...this.#clients]) client.dismiss()
  }
}
