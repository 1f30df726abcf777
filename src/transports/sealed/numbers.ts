/**
 * The numbers of sealed messages: each is used once, and taken once. The first eight bytes are the
 * sender's start, the last four count its messages. Clocks of different agents are never compared.
 *
 * ```ts
 * const own = new Numbers(Date.now)
 * const theirs = new TakenNumbers()
 * theirs.take('bob', own.next())      // true, and false for the same number again
 * ```
 */
import { randomBytes } from 'node:crypto'
import { NUMBER_BYTES } from './envelope.ts'

/** Bytes of a start: milliseconds of the sender's own clock, then random ones. */
const START_BYTES = 8
const CLOCK_BYTES = 6

const MAX_COUNT = 2 ** 32 - 1

export class Numbers {
  readonly #now: () => number
  #start = Buffer.alloc(START_BYTES)
  #count = MAX_COUNT

  /** `now`: Unix milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  next(): Buffer {
    if (this.#count === MAX_COUNT) this.#begin()
    const number = Buffer.alloc(NUMBER_BYTES)
    this.#start.copy(number)
    number.writeUInt32BE(this.#count++, START_BYTES)
    return number
  }

  #begin(): void {
    this.#start = randomBytes(START_BYTES)
    this.#start.writeUIntBE(Math.max(0, this.#now()) % 2 ** (8 * CLOCK_BYTES), 0, CLOCK_BYTES)
    this.#count = 0
  }
}

/** Messages of one start that may overtake each other. A sender has some ten on the way at a time. */
const WINDOW = 1_024

/** Starts of a sender that are known: those of a day of restarts. An older one is not taken again. */
const MAX_STARTS = 64

/** Senders at most. A window takes up to 40 kB, but only members get here. */
const MAX_SENDERS = 10_000

/** The numbers of one start that were taken: all up to `below`, and some of the last ones. */
class Window {
  #highest = -1
  readonly #taken = new Set<number>()

  take(count: number): boolean {
    if (count <= this.#highest - WINDOW || this.#taken.has(count)) return false
    if (count > this.#highest) {
      // What has left the window is refused by its age alone.
      const oldest = count - WINDOW
      if (oldest >= this.#highest) this.#taken.clear()
      else for (let at = this.#highest - WINDOW; at <= oldest; at++) this.#taken.delete(at)
      this.#highest = count
    }
    this.#taken.add(count)
    return true
  }
}

export class TakenNumbers {
  readonly #senders = new Map<string, Map<string, Window>>()

  /** False if a message with this number was taken from that sender, or may have been. */
  take(sender: string, number: Buffer): boolean {
    const start = number.toString('hex', 0, START_BYTES)
    const windows = this.#windowsOf(sender)
    let window = windows.get(start)
    if (!window) {
      if (windows.size >= MAX_STARTS) {
        const [lowest] = [...windows.keys()].sort()
        if (start < lowest!) return false
        windows.delete(lowest!)
      }
      window = new Window()
      windows.set(start, window)
    }
    return window.take(number.readUInt32BE(START_BYTES))
  }

  #windowsOf(sender: string): Map<string, Window> {
    const known = this.#senders.get(sender)
    if (known) return known
    if (this.#senders.size >= MAX_SENDERS) {
      const [oldest] = this.#senders.keys()
      this.#senders.delete(oldest!)
    }
    const windows = new Map<string, Window>()
    this.#senders.set(sender, windows)
    return windows
  }
}
