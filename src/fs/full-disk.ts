/**
 * Starts an agent or a map, and tries again while the disk is full: it needs space for a lock and a
 * log, and only a person or another program can free it.
 *
 * ```ts
 * const map = await onceThereIsRoom(() => start(), { onFull: (failure) => report(failure) })
 * ```
 */
import { setTimeout } from 'node:timers/promises'
import { type Failure, toFailure } from '../errors.ts'

/** Milliseconds between two starts. A start opens some files. */
const RETRY_MS = 2_000

const NEVER = new Promise<never>(() => undefined)

export interface FullDiskOptions {
  /** Called each time the disk is full. */
  readonly onFull: (failure: Failure) => void
  /** Once it resolves, the wait ends and rejects with the failure. */
  readonly abandoned?: Promise<unknown> | undefined
}

/** Resolves to the result of `start`. Rejects as `start` does, except for `disk_full`. */
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
