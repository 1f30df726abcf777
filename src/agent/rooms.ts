/**
 * The further rooms of an agent. A room is open while it has users and some seconds longer, since
 * most users come back. Opening a room that is closing waits for the end of that. A room whose
 * content could not be stored stays open.
 *
 * ```ts
 * const rooms = new Rooms({ most: 100, idleMs: 10_000, timers, open, join, onProblem })
 * const lease = await rooms.lease('notes')
 * lease.close()
 * await rooms.close()
 * ```
 */
import { Failure, toFailure } from '../errors.ts'
import type { Timers } from '../timers.ts'
import type { Room } from './room.ts'
import { RoomLease } from './room-lease.ts'

export interface RoomsOptions {
  /** Maximum of open rooms, including idle ones. */
  readonly most: number
  /** Milliseconds that a room without users stays open. */
  readonly idleMs: number
  readonly timers: Timers
  /** Loads a room without sharing it. Rejects with a Failure. */
  readonly open: (name: string) => Promise<Room>
  /** Shares the room. Throws a Failure if a room of that name is shared already. */
  readonly join: (room: Room) => void
  /** Called for a failure that no caller waits for, such as that of a disk. */
  readonly onProblem: (failure: Failure) => void
}

class Entry {
  readonly name: string
  readonly opening: Promise<Room>
  users = 0
  /** Cancels the timer that will close the room. */
  cancel: (() => void) | undefined
  /** Set while the room closes; resolves to whether it is closed. */
  closing: Promise<boolean> | undefined

  constructor(name: string, opening: Promise<Room>) {
    this.name = name
    this.opening = opening
  }
}

export class Rooms {
  readonly #options: RoomsOptions
  /** Rooms without users are in the order in which they lost the last one. */
  readonly #entries = new Map<string, Entry>()
  #isClosed = false

  constructor(options: RoomsOptions) {
    this.#options = options
  }

  /**
   * Opens the room of that name, or takes a further lease of it. Rejects with a Failure: `busy` if
   * the maximum of rooms have users, `closed` after `close`, and the failures of `open` and `join`.
   */
  async lease(name: string): Promise<RoomLease> {
    const entry = await this.#enter(name)
    try {
      const room = await entry.opening
      if (this.#isClosed) throw this.#closed(name)
      if (!room.runtime) this.#options.join(room)
      return new RoomLease(room, () => this.#leave(entry))
    } catch (error) {
      this.#leave(entry)
      throw error
    }
  }

  /** Closes the room of that name if it has no users. */
  async vacate(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry?.users === 0) await this.#end(entry)
  }

  /** Closes all rooms, even those with users. */
  async close(): Promise<void> {
    this.#isClosed = true
    const all = [...this.#entries.values()]
    await Promise.all(
      all.map(async (entry) => {
        entry.cancel?.()
        await entry.closing
        if (this.#entries.get(entry.name) !== entry) return
        const [opened] = await Promise.allSettled([entry.opening])
        if (opened.status === 'fulfilled') await this.#shut(opened.value)
      }),
    )
    this.#entries.clear()
  }

  /** The entry of that name, with one more user. */
  async #enter(name: string): Promise<Entry> {
    const { most } = this.#options
    for (;;) {
      if (this.#isClosed) throw this.#closed(name)
      const known = this.#entries.get(name)
      if (known?.closing) {
        await known.closing
        continue
      }
      if (!known && this.#entries.size >= most) {
        await this.#makePlace(name)
        continue
      }
      const entry = known ?? this.#add(name)
      entry.users++
      entry.cancel?.()
      entry.cancel = undefined
      return entry
    }
  }

  #add(name: string): Entry {
    const entry = new Entry(name, this.#options.open(name))
    this.#entries.set(name, entry)
    entry.opening.catch(() => this.#entries.delete(name))
    return entry
  }

  /** Closes the room that has had no users for longest. Rejects with `busy` if all have users. */
  async #makePlace(name: string): Promise<void> {
    for (const entry of [...this.#entries.values()])
      if (entry.users === 0 && (await this.#end(entry))) return
    throw new Failure('busy', `room "${name}": ${this.#options.most} rooms are in use already`, {
      hint: 'close one of them, or try again later',
    })
  }

  #leave(entry: Entry): void {
    entry.users--
    if (entry.users > 0 || this.#isClosed || this.#entries.get(entry.name) !== entry) return
    this.#entries.delete(entry.name)
    this.#entries.set(entry.name, entry)
    this.#endLater(entry)
  }

  #endLater(entry: Entry): void {
    const { idleMs, timers } = this.#options
    entry.cancel = timers.after(idleMs, () => {
      entry.cancel = undefined
      void this.#endIfKept(entry)
    })
  }

  /** A room without a store stays open until its place is needed, unless it is empty. */
  async #endIfKept(entry: Entry): Promise<void> {
    const room = await entry.opening
    if (entry.users === 0 && (room.isKept || room.replica.version === 0)) await this.#end(entry)
  }

  /** Resolves to whether the room is closed. */
  #end(entry: Entry): Promise<boolean> {
    if (this.#isClosed) return Promise.resolve(false)
    entry.cancel?.()
    entry.cancel = undefined
    entry.closing ??= this.#close(entry).finally(() => {
      entry.closing = undefined
    })
    return entry.closing
  }

  async #close(entry: Entry): Promise<boolean> {
    const room = await entry.opening
    try {
      await room.flushed()
      room.leave()
      // Nothing changes the document now, so the whole of it is on disk after this.
      await room.flushed()
    } catch (error) {
      this.#keepOpen(entry, room, toFailure(error))
      return false
    }
    await this.#shut(room)
    this.#entries.delete(entry.name)
    return true
  }

  /** The disk failed, so the content is in memory only. The room stays shared and is closed later. */
  #keepOpen(entry: Entry, room: Room, failure: Failure): void {
    this.#options.onProblem(failure)
    try {
      if (!room.runtime && !this.#isClosed) this.#options.join(room)
    } catch (error) {
      // Another room of that name is shared now. This one waits for the disk.
      this.#options.onProblem(toFailure(error))
    }
    if (!this.#isClosed) this.#endLater(entry)
  }

  async #shut(room: Room): Promise<void> {
    try {
      await room.close()
    } catch (error) {
      this.#options.onProblem(toFailure(error))
    }
    room.doc.destroy()
  }

  #closed(name: string): Failure {
    return new Failure('closed', `room "${name}": the agent was stopped`)
  }
}
