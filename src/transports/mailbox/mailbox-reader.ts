/**
 * Reads a mailbox while it is open: messages for us are handed on and removed, and files that are not
 * messages are put aside. Each time the mailbox is opened it gets a new reader, so that work of the
 * last one does not go on in the next.
 *
 * ```ts
 * const reader = new MailReader({ box, lock, pollMs: 2_000, hooks })
 * await reader.leave(5_000)     // the receiver ends for good
 * await reader.close()
 * ```
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { deferred } from '../../deferred.ts'
import { Failure, systemCodeOf, toFailure } from '../../errors.ts'
import type { Lock } from '../../fs/lock.ts'
import { Folder } from '../../fs/watched-folder.ts'
import { within } from '../../within.ts'
import { accepted, deliver, MAX_BATCH, MAX_BATCH_BYTES } from '../delivery.ts'
import type { Incoming, TransportHooks } from '../transport.ts'
import type { Box } from './box.ts'
import { inFolder, takeBox } from './mailbox-folder.ts'
import { parseName, readMessage } from './message-file.ts'

/** Files read or removed at a time. More only hold more in memory. */
const MAX_READS = 32

/** A file that is a message. */
interface Found extends Incoming {
  readonly name: string
}

/** As many of the names, from the first on, as one batch may hold in bytes; at least one. */
const nextBatch = (names: readonly string[]): readonly string[] => {
  let bytes = 0
  const end = names.findIndex((name, i) => {
    bytes += parseName(name)?.bytes ?? 0
    return i > 0 && bytes > MAX_BATCH_BYTES
  })
  return end < 0 ? names : names.slice(0, end)
}

export interface MailReaderOptions {
  readonly box: Box
  readonly lock: Lock
  /** Milliseconds. */
  readonly pollMs: number
  readonly hooks: TransportHooks
}

export class MailReader {
  readonly #box: Box
  readonly #lock: Lock
  readonly #hooks: TransportHooks
  readonly #folder: Folder
  #isOver = false
  /** The look under way. */
  #looking: Promise<void> | undefined
  #leaving: Promise<void> | undefined
  /** Ends the wait of `leave`. */
  #endLeave: (() => void) | undefined
  /** Files that stay: they are not for us, or cannot be removed. */
  readonly #passed = new Set<string>()
  /** Files that could not be read: they are tried again, but reported once. */
  readonly #unread = new Set<string>()

  /** Starts to read at once. The box must exist and its lock must be ours. */
  constructor({ box, lock, pollMs, hooks }: MailReaderOptions) {
    this.#box = box
    this.#lock = lock
    this.#hooks = hooks
    this.#folder = new Folder({
      dir: box.inbox,
      pollMs,
      look: (names) => {
        this.#looking = this.#look(names)
        return this.#looking
      },
      onMissing: () => this.#remake(),
      onProblem: hooks.onProblem,
    })
  }

  /**
   * Rejects further messages, and hands over those that have arrived: for `handOverMs` at most, and
   * none if that is 0. The promise never rejects.
   */
  leave(handOverMs: number): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    this.#leaving ??= this.#leave(handOverMs)
    return this.#leaving
  }

  /** Waits for a running `receive`, for a second at most. The folder and waiting messages stay. */
  async close(): Promise<void> {
    this.#isOver = true
    this.#endLeave?.()
    await this.#leaving
    await this.#folder.close()
  }

  async #leave(handOverMs: number): Promise<void> {
    try {
      await this.#folder.close(0)
      await this.#lock.hold() // another may have it if the folder was removed
      await this.#box.shut()
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') this.#hooks.onProblem(toFailure(error))
      return
    }
    if (handOverMs <= 0 || this.#isOver) return
    const closed = deferred<void>()
    this.#endLeave = () => closed.resolve()
    await within(handOverMs, Promise.race([this.#handOver(), closed.promise]))
  }

  /**
   * Hands over what has arrived, until the inbox can be removed: a sender that looked up the folder
   * before it was shut may still put its message there. Never rejects.
   */
  async #handOver(): Promise<void> {
    try {
      await Promise.allSettled([this.#looking])
      while (!this.#isOver && !(await this.#box.removeInbox())) {
        const names = (await readdir(this.#box.inbox)).filter((name) => !this.#stays(name))
        if (names.length === 0) return
        await this.#consumeAll(names.sort())
      }
    } catch (error) {
      if (systemCodeOf(error) !== 'ENOENT') this.#hooks.onProblem(toFailure(error))
    }
  }

  /** Is it a file that another look would leave where it lies? */
  #stays(name: string): boolean {
    return this.#passed.has(name) || this.#unread.has(name)
  }

  async #remake(): Promise<void> {
    const { path } = this.#box
    await inFolder(path, () => takeBox(this.#box, this.#lock))
    this.#hooks.onProblem(
      new Failure('not_found', `the mailbox folder "${path}" was removed and is created again`, {
        hint: 'find out what removed it: the messages that waited in it are lost',
      }),
    )
  }

  async #look(names: readonly string[]): Promise<void> {
    try {
      await this.#lock.hold() // another may have it if the folder was removed
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return // the box is gone: onMissing comes next
      throw error
    }
    await this.#consumeAll(names)
    if (this.#isOver) return
    const present = new Set(names)
    for (const kept of [this.#passed, this.#unread]) {
      for (const name of kept) if (!present.has(name)) kept.delete(name)
    }
    if (this.#box.isToSweep) await this.#box.sweep()
  }

  /** Reads in parallel, hands on in the order in which they were sent, and removes what was handed on. */
  async #consumeAll(present: readonly string[]): Promise<void> {
    const names = present.filter((name) => !this.#passed.has(name))
    for (let at = 0; at < names.length && !this.#isOver; ) {
      const next = nextBatch(names.slice(at, at + MAX_BATCH))
      at += next.length
      const found: Found[] = []
      for (let i = 0; i < next.length; i += MAX_READS) {
        const read = next.slice(i, i + MAX_READS).map((name) => this.#read(name))
        for (const one of await Promise.all(read)) if (one && this.#isOurs(one)) found.push(one)
      }
      const batch = found.map(({ from, text }) => ({ from, text }))
      const taken = await deliver(this.#hooks, batch, names.length - at, () => this.#isOver)
      for (let i = 0; i < taken; i += MAX_READS) {
        const files = found.slice(i, Math.min(taken, i + MAX_READS))
        await Promise.all(files.map(({ name }) => this.#remove(name)))
      }
    }
  }

  /** The message in a file. Puts the file aside if it is not a message. */
  async #read(name: string): Promise<Found | undefined> {
    const named = parseName(name)
    let text: string | undefined
    try {
      if (named) text = await readMessage(join(this.#box.inbox, name), named.bytes)
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return undefined
      if (!this.#unread.has(name)) this.#hooks.onProblem(toFailure(error))
      this.#unread.add(name)
      return undefined
    }
    if (this.#isOver) return undefined
    if (!named || text === undefined) {
      await this.#putAside(name)
      return undefined
    }
    return { name, from: named.from, text }
  }

  /** A message that is not for us stays, and the receiver is asked once. */
  #isOurs({ name, text }: Found): boolean {
    const isOurs = accepted(this.#hooks, text)
    if (!isOurs) this.#passed.add(name)
    return isOurs
  }

  async #remove(name: string): Promise<void> {
    this.#folder.noteRemoved(name)
    await this.#take(name, () => this.#box.remove(name))
  }

  async #putAside(name: string): Promise<void> {
    await this.#take(name, () => this.#box.putAside(name))
    this.#hooks.onProblem(
      new Failure('invalid_argument', `"${name}" is not a message and was moved aside`, {
        hint: `look at "${this.#box.asideOf(name)}", and remove it`,
      }),
    )
  }

  /** Takes a file out of new/. If that fails, it stays and is not read again. */
  async #take(name: string, take: () => Promise<void>): Promise<void> {
    try {
      await take()
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return
      this.#passed.add(name)
      this.#hooks.onProblem(toFailure(error))
    }
  }
}
