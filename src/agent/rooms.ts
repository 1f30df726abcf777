/**
 * The rooms of an agent beside its own: each is open while it has users, and a while longer, as
 * most users come back. A room that is opened while it closes waits for the end of the closing.
 * No room is closed whose content is not on disk: where the disk refuses it stays open.
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
  /** Rooms at a time, the idle ones too. */
  readonly most: number
  /** Milliseconds that a room without users stays open. */
  readonly idleMs: number
  readonly timers: Timers
  /** A room as it was kept, not shared yet. Rejects with a Failure. */
  readonly open: (name: string) => Promise<Room>
  /** Shares the room. Throws a Failure where another shares a room of that name. */
  readonly join: (room: Room) => void
  /** Called for trouble that no caller waits for: a disk that refuses. */
  readonly onProblem: (failure: Failure) => void
}

class Entry {
  readonly name: string
  readonly opening: Promise<Room>
  users = 0
  /** Cancels the timer that closes it. */
  cancel: (() => void) | undefined
  /** While it is being closed: resolves to whether it is closed. */
  closing: Promise<boolean> | undefined

  constructor(name: string, opening: Promise<Room>) {
    this.name = name
    this.opening = opening
  }
}

export class Rooms {
  readonly #options: RoomsOptions
  /** Those without users stand in the order in which they lost their last one. */
  readonly #entries = new Map<string, Entry>()
  #isClosed = false

  constructor(options: RoomsOptions) {
    this.#options = options
  }

  /**
   * A lease of the room of that name, which is opened where it is not open. Rejects with a
   * Failure: `busy` when as many rooms as there may be have users, `closed` after `close`, and what
   * `open` and `join` report.
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

  /** Closes the room of that name where it has no users. Resolves when that is done. */
  async vacate(name: string): Promise<void> {
    const entry = this.#entries.get(name)
    if (entry?.users === 0) await this.#end(entry)
  }

  /** Closes all rooms, whoever uses them. */
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

  /** The entry of that name, with one user more. */
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

  /** Closes the room that has been without users for longest. Rejects with `busy` where all have users. */
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

  /** What only this process has stays until its place is needed. */
  async #endIfKept(entry: Entry): Promise<void> {
    const room = await entry.opening
    if (entry.users === 0 && (room.isKept || room.replica.version === 0)) await this.#end(entry)
  }

  /** Resolves to whether it is closed. */
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
      // From here on nothing changes the document: when this resolves all of it is on disk.
      await room.flushed()
    } catch (error) {
      this.#keepOpen(entry, room, toFailure(error))
      return false
    }
    await this.#shut(room)
    this.#entries.delete(entry.name)
    return true
  }

  /** The disk refuses: the content is in memory alone, so the room is shared on, and closed later. */
  #keepOpen(entry: Entry, room: Room, failure: Failure): void {
    this.#options.onProblem(failure)
    try {
      if (!room.runtime && !this.#isClosed) this.#options.join(room)
    } catch (error) {
      // Somebody else shares that name meanwhile: what is here waits for the disk.
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
