/**
 * One use of an agent's room. The room stays open until all its leases are closed.
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

  /** The document of the room, the same for all leases. Do not write to it after `close`. */
  get doc(): Y.Doc {
    return this.#room.doc
  }

  /** The awareness of the room, the same for all leases. Created when it is first read. */
  get awareness(): Awareness {
    return this.#room.awareness
  }

  /** Is the room only read here? */
  get isReadOnly(): boolean {
    return this.#room.isReadOnly
  }

  /** What gossip knows of the document. */
  get status(): DocumentStatus {
    return this.#room.status
  }

  /** The runtime that shares the room; undefined once it is not shared any more. */
  get runtime(): Runtime | undefined {
    return this.#room.runtime
  }

  /**
   * Merges a V1 update after the checks for updates of peers. Throws a Rejection, and then nothing has
   * changed. `origin` is the origin of the transaction. Throws a Failure (closed) after `close`.
   */
  accept(update: Uint8Array, origin: unknown): void {
    if (this.#isClosed) throw new Failure('closed', `room "${this.name}": this lease is closed`)
    this.#room.accept(update, origin)
  }

  /**
   * Resolves when everything written or received so far is on disk, at once without a store. Rejects
   * with a Failure if the disk fails.
   */
  flushed(): Promise<void> {
    return this.#room.flushed()
  }

  /** Gives the lease back. The document is stored as before. May be called twice. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onClose()
  }
}
