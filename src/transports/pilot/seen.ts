/**
 * The files of an inbox that were looked at and left where they are, so that each is read
 * once: a file of others again only when it changes, a half-written one until it is whole.
 *
 * ```ts
 * const seen = new Seen()
 * if (!seen.leaveAgain(name, stamp)) seen.leave(name, stamp, isPartial(await read(name)))
 * const names = seen.only(await readdir(dir)) // those worth a look
 * ```
 */
import { isSame, type Stamp } from './file.ts'

/** Milliseconds without a change after which what does not parse is taken for damaged: a guess, well above the slowest write. */
const PARTIAL_SETTLE_MS = 30_000

/** Files that do not parse, looked at between polls: a daemon writes a few at a time. The others wait for the poll. */
const MAX_PARTIAL = 64

/**
 * Milliseconds after which a file of others is finished. 1.7.2 names files by the
 * millisecond and may overwrite one, with ours too, but not after that millisecond.
 */
const FOREIGN_SETTLE_MS = 2000

interface Left {
  readonly stamp: Stamp
  /** does it not parse yet? */
  readonly isPartial: boolean
  /** our monotonic clock when this stamp was first seen, in milliseconds */
  readonly since: number
  /** not looked at again until the watcher tells of it */
  readonly isSettled: boolean
}

export class Seen {
  /** At most as many as the folder holds files: names that are gone are dropped at each listing. */
  #left = new Map<string, Left>()

  /** Forgets all but these names. Returns those that are new or may still change, in their order. */
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

  /** Names that do not parse yet, and have not been given up: at most 64. */
  partial(): string[] {
    const names: string[] = []
    for (const [name, { isPartial, isSettled }] of this.#left) {
      if (isPartial && !isSettled) names.push(name)
      if (names.length === MAX_PARTIAL) break
    }
    return names
  }

  /** Leaves a file that has not changed since it was left; false where it has, and must be read. */
  leaveAgain(name: string, stamp: Stamp): boolean {
    const left = this.#left.get(name)
    if (!left || !isSame(left.stamp, stamp)) return false
    this.leave(name, stamp, left.isPartial)
    return true
  }

  /** Remembers a file that stays, and by its age whether it still needs looks. */
  leave(name: string, stamp: Stamp, isPartial: boolean): void {
    const now = performance.now()
    const left = this.#left.get(name)
    const since = left && isSame(left.stamp, stamp) ? left.since : now
    const age = Math.max(now - since, Date.now() - Number(stamp.mtimeNs / 1_000_000n))
    const isSettled = age >= (isPartial ? PARTIAL_SETTLE_MS : FOREIGN_SETTLE_MS)
    this.#left.set(name, { stamp, isPartial, since, isSettled })
  }

  /** Remembers a file that needs no look until it changes. */
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
