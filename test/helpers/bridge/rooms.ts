/**
 * Rooms for the bridge without an agent: a document, a replica that checks updates, and awareness.
 *
 * ```ts
 * const rooms = new TestRooms()
 * const bridge = new Bridge({ rooms, port: 0 })
 * rooms.room('notes').doc.getMap('m').set('k', 1)
 * ```
 */
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { Replica } from '../../../crdt/index.ts'
import type { ServedRoom, ServedRooms } from '../../../src/bridge/index.ts'
import { Failure } from '../../../src/errors.ts'
import { nodePlatform } from '../../../src/platform.ts'

class TestRoom implements ServedRoom {
  readonly doc = new Y.Doc()
  readonly replica = new Replica(this.doc, nodePlatform)
  #awareness: Awareness | undefined

  get awareness(): Awareness {
    if (!this.#awareness) {
      this.#awareness = new Awareness(this.doc)
      this.#awareness.setLocalState(null)
    }
    return this.#awareness
  }

  accept(update: Uint8Array): void {
    this.replica.apply(update)
  }
}

export class TestRooms implements ServedRooms {
  readonly #rooms = new Map<string, TestRoom>()
  readonly opened: string[] = []
  /** `open` waits for it. */
  gate: Promise<void> = Promise.resolve()

  room(name: string): TestRoom {
    const room = this.#rooms.get(name) ?? new TestRoom()
    this.#rooms.set(name, room)
    return room
  }

  async open(name: string): Promise<ServedRoom> {
    this.opened.push(name)
    await this.gate
    if (name === 'forbidden') throw new Failure('invalid_argument', `room "${name}" is no room`)
    if (name === 'full') throw new Failure('too_large', 'there are 3 rooms, and no more')
    return this.room(name)
  }

  destroy(): void {
    for (const { doc } of this.#rooms.values()) doc.destroy()
  }
}
