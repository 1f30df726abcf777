/**
 * Starts what needs a disk, again and again while the disk is full: without a lock and a log
 * nothing can be kept, and room is made by somebody else.
 *
 * ```ts
 * const map = await onceThereIsRoom(() => start(), { onFull: (failure) => report(failure) })
 * ```
 */
import { setTimeout } from 'node:timers/promises'
import { type Failure, toFailure } from '../errors.ts'

/** Milliseconds between two starts. A start costs some files. */
const RETRY_MS = 2_000

const NEVER = new Promise<never>(() => undefined)

export interface FullDiskOptions {
  /** Told each time the disk has no room. */
  readonly onFull: (failure: Failure) => void
  /** Resolves when nobody waits any more: then it rejects with the failure. */
  readonly abandoned?: Promise<unknown> | undefined
}

/** What `start` resolves to. Rejects with what it rejects with, but for a full disk (`disk_full`). */
export const onceThereIsRoom = async <T>(
  start: () => Promise<T>,
  { onFull, abandoned = NEVER }: FullDiskOptions,
): Promise<T> => {
  for (;;) {
    try {
      return await start()
    } catch (error) {
      const failure = toFailure(error)
      if (failure.code !== 'disk_full') throw failure
      onFull(failure)
      const isOver = abandoned.then(() => true)
      if (await Promise.race([setTimeout(RETRY_MS, false), isOver])) throw failure
    }
  }
}
