/**
 * One use of an agent's room: the room stays open at least until all of its leases are closed.
 *
 * ```ts
 * const notes = await agent.openRoom('notes')
 * notes.doc.getText('text').insert(0, 'hello')
 * await notes.flushed()
 * notes.close()
 * ```
 */
import type { Awareness } from 'y-protocols/awareness'
import type * as Y from 'yjs'
import { Failure } from '../errors.ts'
import type { DocumentStatus } from '../gossip/index.ts'
import type { Room } from './room.ts'
import type { Runtime } from './runtime.ts'

export class RoomLease {
  readonly #room: Room
  readonly #onClose: () => void
  #isClosed = false

  /** `onClose` is called once. */
  constructor(room: Room, onClose: () => void) {
    this.#room = room
    this.#onClose = onClose
  }

  get name(): string {
    return this.#room.name
  }

  /** The same for all leases of the room. Do not write to it after `close`. */
  get doc(): Y.Doc {
    return this.#room.doc
  }

  /** Who is there; the same for all leases of the room. It is made when it is first read. */
  get awareness(): Awareness {
    return this.#room.awareness
  }

  /** How far the document is. */
  get status(): DocumentStatus {
    return this.#room.status
  }

  /** Through whom the room is shared; undefined when it is not shared any more. */
  get runtime(): Runtime | undefined {
    return this.#room.runtime
  }

  /**
   * Merges a V1 update, checked like one of the network: throws a Rejection, and then nothing has
   * changed. `origin` is that of the transaction. Throws a Failure (closed) after `close`.
   */
  accept(update: Uint8Array, origin: unknown): void {
    if (this.#isClosed) throw new Failure('closed', `room "${this.name}": this lease is closed`)
    this.#room.accept(update, origin)
  }

  /**
   * Resolves when all that was written or received so far is on disk, at once without a store.
   * Rejects with a Failure when the disk refuses.
   */
  flushed(): Promise<void> {
    return this.#room.flushed()
  }

  /** Gives the lease back. What was written is kept. May be called twice. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onClose()
  }
}
