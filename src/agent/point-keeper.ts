/**
 * Takes a former state of an agent's document every hour in which it changed, and brings back what
 * such a state had.
 *
 * ```ts
 * const keeper = new PointKeeper({ doc, points, maxBytes, flushed, timers, onProblem })
 * keeper.start()
 * await keeper.restoreAt(Date.now() - 7_200_000, { prefix: 'task:' })
 * ```
 */
import { setImmediate } from 'node:timers/promises'
import * as Y from 'yjs'
import { mergeOwnState } from '../../crdt/index.ts'
import { Failure, toFailure } from '../errors.ts'
import { type FormerOptions, type FormerResult, restoreFormer } from '../maps/index.ts'
import { POINT_EVERY_MS, type Points } from '../store/points.ts'
import type { Timers } from '../timers.ts'

/**
 * Milliseconds between two looks at the clock, and from the start to the first one: a program that
 * soon ends takes no point. A look costs nothing.
 */
const LOOK_MS = 60_000

export interface PointKeeperOptions {
  readonly doc: Y.Doc
  readonly points: Points
  /** Bytes of all points. 0: none are taken by themselves. */
  readonly maxBytes: number
  /** Resolves when the document is on disk; rejects if the data folder is gone. */
  readonly flushed: () => Promise<void>
  readonly timers: Timers
  /** Unix milliseconds. Default: the clock of this host. */
  readonly now?: () => number
  readonly onProblem: (failure: Failure) => void
}

/** What was brought back, and the time of the point that was used, in Unix milliseconds. */
export interface RestoredPoint extends FormerResult {
  readonly at: number
}

export class PointKeeper {
  readonly #options: PointKeeperOptions
  readonly #now: () => number
  readonly #onUpdate = (): void => {
    this.#hasChanged = true
    this.#lookLater()
  }
  /** Since the last point. */
  #hasChanged = false
  /** When the last point was taken or tried; undefined before the first look. */
  #lastAt: number | undefined
  #cancel: (() => void) | undefined
  #looking: Promise<void> | undefined
  #isStopped = false

  constructor(options: PointKeeperOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** To be called when the document is loaded. What was loaded may be newer than the last point. */
  start(): void {
    const { doc } = this.#options
    this.#hasChanged = Y.decodeStateVector(Y.encodeStateVector(doc)).size > 0
    doc.on('update', this.#onUpdate)
    if (this.#hasChanged) this.#lookLater()
  }

  /** Resolves when nothing is being written. May be called twice. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#options.doc.off('update', this.#onUpdate)
    this.#cancel?.()
    this.#cancel = undefined
    await this.#looking
  }

  /** Stores the state as it is now, if it has changed since the last point. Rejects with a Failure. */
  async take(): Promise<void> {
    if (!this.#hasChanged) return
    const { doc, points, maxBytes, flushed } = this.#options
    await flushed()
    const now = this.#now()
    this.#hasChanged = false
    this.#lastAt = now
    try {
      await points.take(doc, now, maxBytes)
    } catch (error) {
      this.#hasChanged = true
      throw error
    }
  }

  /** Writes what the newest point at or before `time` had, and stores the present state before that. */
  async restoreAt(time: number, options: FormerOptions): Promise<RestoredPoint> {
    const { doc, points, flushed, onProblem } = this.#options
    const point = await points.at(time, onProblem)
    if (!point) {
      const asked = new Date(time).toISOString()
      throw new Failure('not_found', `there is no former state of ${asked} or before`, {
        hint: 'run points to see all of them',
      })
    }
    const former = new Y.Doc()
    try {
      mergeOwnState(former, point.update, undefined)
      if (!options.dryRun) await this.take()
      const result = await restoreFormer(doc, former, options, () => setImmediate())
      await flushed()
      return { at: point.at, ...result }
    } finally {
      former.destroy()
    }
  }

  /** As long as nothing changes no timer runs. */
  #lookLater(): void {
    const { maxBytes } = this.#options
    if (
      maxBytes === 0 ||
      this.#isStopped ||
      this.#cancel !== undefined ||
      this.#looking !== undefined
    )
      return
    this.#cancel = this.#options.timers.after(LOOK_MS, () => {
      this.#cancel = undefined
      this.#looking = this.#look().finally(() => {
        this.#looking = undefined
        if (this.#hasChanged) this.#lookLater()
      })
    })
  }

  /** A failure is reported, and tried again an hour later. */
  async #look(): Promise<void> {
    if (!this.#hasChanged) return
    try {
      this.#lastAt ??= (await this.#options.points.list()).at(-1)?.at ?? Number.NEGATIVE_INFINITY
      // If the clock was set back the last point lies in the future: then one is due, too.
      if (Math.abs(this.#now() - this.#lastAt) < POINT_EVERY_MS) return
      await this.take()
    } catch (error) {
      this.#lastAt = this.#now()
      this.#options.onProblem(toFailure(error))
    }
  }
}
