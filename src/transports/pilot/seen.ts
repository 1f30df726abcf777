/**
 * The files of an inbox that were read and left in place, so that each is read once. A foreign file
 * is read again only if it changes, a partial one until it is complete.
 *
 * ```ts
 * const seen = new Seen()
 * if (!seen.leaveAgain(name, stamp)) seen.leave(name, stamp, isPartial(await read(name)))
 * const names = seen.only(await readdir(dir)) // those worth a visit
 * ```
 */
import { isSame, type Stamp } from './file.ts'

/** Milliseconds without a change after which a partial file counts as damaged: a guess, well above the slowest write. */
const PARTIAL_SETTLE_MS = 30_000

/** Partial files visited between polls: a daemon writes a few at a time. The others wait for the poll. */
const MAX_PARTIAL = 64

/**
 * Milliseconds after which a foreign file is final. 1.7.2 names files by the millisecond and may
 * overwrite one, also with a message for us, but only within that millisecond.
 */
const FOREIGN_SETTLE_MS = 2000

interface Left {
  readonly stamp: Stamp
  /** does it not parse yet? */
  readonly isPartial: boolean
  /** when this stamp was first seen, in milliseconds of a monotonic clock */
  readonly since: number
  /** not visited again until the watcher reports it */
  readonly isSettled: boolean
}

export class Seen {
  /** At most as many as the folder holds files: each listing drops the names that are gone. */
  #left = new Map<string, Left>()

  /** Forgets all other names. Returns those that are new or may still change, in the given order. */
  only(names: readonly string[]): string[] {
    const before = this.#left
    this.#left = new Map()
    const open: string[] = []
    for (const name of names) {
      const left = before.get(name)
      if (left) this.#left.set(name, left)
      if (!left?.isSettled) open.push(name)
    }
    return open
  }

  /** The names of partial files that may still become complete, at most 64. */
  partial(): string[] {
    const names: string[] = []
    for (const [name, { isPartial, isSettled }] of this.#left) {
      if (isPartial && !isSettled) names.push(name)
      if (names.length === MAX_PARTIAL) break
    }
    return names
  }

  /** Leaves a file that has not changed since it was left. Returns false if it has changed, and must be read. */
  leaveAgain(name: string, stamp: Stamp): boolean {
    const left = this.#left.get(name)
    if (!left || !isSame(left.stamp, stamp)) return false
    this.leave(name, stamp, left.isPartial)
    return true
  }

  /** Remembers a file that stays; its age decides whether it is visited again. */
  leave(name: string, stamp: Stamp, isPartial: boolean): void {
    const now = performance.now()
    const left = this.#left.get(name)
    const since = left && isSame(left.stamp, stamp) ? left.since : now
    const age = Math.max(now - since, Date.now() - Number(stamp.mtimeNs / 1_000_000n))
    const isSettled = age >= (isPartial ? PARTIAL_SETTLE_MS : FOREIGN_SETTLE_MS)
    this.#left.set(name, { stamp, isPartial, since, isSettled })
  }

  /** Remembers a file that is not visited again until it changes. */
  settle(name: string, stamp: Stamp): void {
    this.#left.set(name, { stamp, isPartial: false, since: 0, isSettled: true })
  }

  forget(name: string): void {
    this.#left.delete(name)
  }

  clear(): void {
    this.#left.clear()
  }
}
