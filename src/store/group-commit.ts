/**
 * Collects waiting updates and commits them in groups, so that many share one flush. A task runs
 * between them: after all updates that were appended before it, and before all later ones.
 *
 * ```ts
 * const queue = new GroupCommit({ commit: (updates) => writeAndFlush(updates), describe })
 * await queue.append(update)        // in the next group
 * await queue.run(() => beginLog()) // alone
 * ```
 */
import { Failure } from '../errors.ts'
import { MAX_PAYLOAD_BYTES, RECORD_BYTES } from './record.ts'

/**
 * Maximum of bytes in one flush, unless a single update is longer. More would delay the first updates
 * of a group for the sake of the last ones.
 */
export const COMMIT_BYTES: number = 4 * 1024 * 1024

export interface GroupCommitOptions {
  /** Makes the updates durable, in order. Called once at a time. */
  readonly commit: (updates: readonly Uint8Array[]) => Promise<void>
  /** Makes the Failure of `append` and `run` from what `commit` or a task threw. */
  readonly describe: (error: unknown) => Failure
}

interface Job {
  readonly work: Uint8Array | (() => Promise<void>)
  readonly resolve: () => void
  readonly reject: (failure: Failure) => void
}

export class GroupCommit {
  readonly #options: GroupCommitOptions
  readonly #jobs: Job[] = []
  #isWorking = false
  #work: Promise<void> = Promise.resolve()
  #appended = 0
  #commits = 0

  constructor(options: GroupCommitOptions) {
    this.#options = options
  }

  /** The number of updates that were made durable. */
  get appended(): number {
    return this.#appended
  }

  /** The number of groups that they were committed in. */
  get commits(): number {
    return this.#commits
  }

  /**
   * Resolves when the update is durable. If its group fails, all updates that wait behind it are
   * rejected too, since they may build on it. Throws a TypeError for a value that is not an update.
   */
  append(update: Uint8Array): Promise<void> {
    if (!(update instanceof Uint8Array) || update.length === 0) {
      throw new TypeError('append takes an update: a Uint8Array that is not empty')
    }
    if (update.length > MAX_PAYLOAD_BYTES) {
      const message = `an update of ${update.length} bytes; at most ${MAX_PAYLOAD_BYTES} can be kept`
      return Promise.reject(new Failure('too_large', message))
    }
    return this.#enqueue(update)
  }

  /** Runs a task in its turn. If it fails, only its own promise rejects. */
  run(task: () => Promise<void>): Promise<void> {
    return this.#enqueue(task)
  }

  /** Resolves when nothing waits. Never rejects. */
  idle(): Promise<void> {
    return this.#work
  }

  #enqueue(work: Job['work']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ work, resolve, reject })
      if (!this.#isWorking) this.#work = this.#workOff()
    })
  }

  async #workOff(): Promise<void> {
    this.#isWorking = true
    await null // updates that are appended in this turn of the event loop form one group
    while (this.#jobs.length > 0) {
      const updates = this.#nextGroup()
      const jobs = this.#jobs.splice(0, Math.max(1, updates.length))
      try {
        const task = jobs[0]?.work
        if (typeof task === 'function') await task()
        else await this.#commit(updates)
        for (const { resolve } of jobs) resolve()
      } catch (error) {
        const failure = this.#options.describe(error)
        const lost = updates.length > 0 ? [...jobs, ...this.#takeUpdates()] : jobs
        for (const { reject } of lost) reject(failure)
      }
    }
    this.#isWorking = false
  }

  async #commit(updates: readonly Uint8Array[]): Promise<void> {
    await this.#options.commit(updates)
    this.#appended += updates.length
    this.#commits++
  }

  /** The updates at the head of the queue that form a group; none if a task is next. */
  #nextGroup(): Uint8Array[] {
    const updates: Uint8Array[] = []
    let bytes = 0
    for (const { work } of this.#jobs) {
      if (typeof work === 'function') break
      bytes += RECORD_BYTES + work.length
      if (updates.length > 0 && bytes > COMMIT_BYTES) break
      updates.push(work)
    }
    return updates
  }

  /** Removes all updates from the queue, and leaves the tasks. */
  #takeUpdates(): Job[] {
    const jobs = this.#jobs.splice(0)
    this.#jobs.push(...jobs.filter(({ work }) => typeof work === 'function'))
    return jobs.filter(({ work }) => typeof work !== 'function')
  }
}
