/**
 * Stores the updates of one document, so that no acknowledged update is lost. A store knows bytes
 * and Yjs updates, but not gossip, writers or keys.
 *
 * ```ts
 * const store: Store = new LogStore({ dir })
 * const { problems, held } = restore(doc, await store.load())
 * doc.on('update', (update) => store.append(update).then(acknowledge, reportAndRepair))
 * if (store.needsCompaction()) await store.compact(doc)
 * await store.close()
 * ```
 *
 * The contract, which the suite in `pilot-gossip/testing` checks:
 *
 * - One store of one process has a folder at a time. `load` locks it, and rejects with
 *   `already_exists` and the owner while another store is open there, in this process or another
 *   one of this host, by any path. `close` unlocks it, also during `load`, and so does a `load` that
 *   fails. A folder that is removed or replaced while in use is not written to.
 * - `load` is called first and once; `append` and `compact` throw a TypeError before it has resolved.
 *   It returns each acknowledged update whose bytes can be read, in the order of the calls. An
 *   update that was not acknowledged may be there too, whole or not at all. Data that cannot be
 *   read is reported in `problems`, never dropped silently. (The one exception: LevelDB drops the
 *   end of a damaged journal without a report, see `level/level-store.ts`.)
 * - `append` resolves when the update is on disk and survives a power failure. Updates that wait at
 *   the same time are written with one flush. The bytes must not change until it has settled.
 * - If the disk fails (full, read-only), `append` rejects with a Failure, and so do all appends that
 *   wait, since they may build on the lost one. Acknowledged updates stay readable, and later appends
 *   work as soon as the disk does. The owner then appends again everything that was rejected, or
 *   `Y.encodeStateAsUpdate(doc, lastAcknowledged)`, before anything newer: an update needs its
 *   predecessors. A `compact` that succeeds repairs the same.
 * - `compact` replaces the stored data by the state of `doc`, which must contain everything that was
 *   appended and is read before `compact` returns its promise. Updates that are appended meanwhile
 *   are kept. Old files are removed only after the new one was read back and compared (state vector
 *   and deletes). It rejects with a Failure, and then nothing is lost. A call during a compaction
 *   returns the promise of that one.
 * - `close` waits for what was begun and may be called twice. After it, `append` and `compact` reject
 *   with `closed`.
 */
import * as Y from 'yjs'
import { LIMITS, mergeOwn, mergeOwnState, Rejection, stateToUpdate } from '../../crdt/index.ts'
import { Failure } from '../errors.ts'
import type { Moment, Sizes } from './compaction.ts'

export interface Store {
  /** Reads all stored data. Moves damaged bytes aside and removes useless files. */
  load(): Promise<Loaded>
  /** Stores one V1 update. */
  append(update: Uint8Array): Promise<void>
  /**
   * Is it time to compact? Also true after damage was found, and sooner if the owner says that there
   * were no writes for a while. Stays true if `compact` fails: the owner waits before it retries.
   */
  needsCompaction(moment?: Moment): boolean
  /** Replaces the stored data by the state of the document; see the contract above. */
  compact(doc: Y.Doc): Promise<void>
  /** How much it stores and has written. */
  stats(): StoreStats
  /** Waits for what was begun, and unlocks the folder. May be called twice. */
  close(): Promise<void>
}

export interface Loaded {
  /** The state as one V2 update, older than all `updates`. Undefined before the first compaction. */
  readonly state: Uint8Array | undefined
  /** V1 updates in the order in which they were appended. */
  readonly updates: readonly Uint8Array[]
  readonly problems: readonly StoreProblem[]
}

export interface StoreProblem {
  /**
   * `torn`: the end was not written completely; the next append cuts it off. `damaged`: bytes before
   * readable ones, or a whole file, cannot be read; they are moved aside. `missing`: an expected file
   * or update is not there. `unreadable`: the system refuses to read a file; it is kept, and used as
   * soon as it can be read. `untidy`: something could not be moved aside or removed.
   */
  readonly type: 'torn' | 'damaged' | 'missing' | 'unreadable' | 'untidy'
  /** The name of the file in the folder. */
  readonly file: string
  /** The number of affected bytes. */
  readonly bytes: number
  readonly failure: Failure
}

export interface StoreStats extends Sizes {
  /** Updates that were acknowledged since `load`, and the flushes that they took. */
  readonly appended: number
  readonly commits: number
}

/**
 * Updates that are applied in one transaction: 4 us each instead of 20. At its end Yjs merges
 * neighbouring items one by one, copying what they hold each time: 20,000 hot writes in one took
 * 5 s and 1.7 GB, and take 0.4 s so.
 */
const MAX_UPDATES_AT_ONCE = 1_000

export interface Restored {
  readonly problems: readonly StoreProblem[]
  /** Updates whose predecessors cannot be read. They can be merged once a peer brings those. */
  readonly held: readonly Uint8Array[]
}

/** Comparisons with concurrent items that loading may take; see `mergeOwn`. */
export interface LoadBudget {
  /** For each thousand updates. What takes more is tried again at the end. */
  readonly first: number
  /** For the state, and for all that is tried again. */
  readonly last: number
}

/**
 * Some 15 ns a comparison: 0.15 s for a thousand updates, 15 s for what is tried again. That is a
 * hundred times what one update of a peer may take, because what was merged in many steps comes back
 * in one. A larger value lets a forged or damaged store delay a start longer.
 */
const LOAD_BUDGET: LoadBudget = { first: LIMITS.comparisons, last: 100 * LIMITS.comparisons }

const isTooCostly = (error: unknown): boolean =>
  error instanceof Rejection && error.reason === 'too_costly'

/**
 * Applies loaded data. An update that Yjs refuses is left out and reported: its checksum was right, so
 * it was invalid when it was stored. An update that lacks predecessors is held back whole. One that
 * would take too long is reported and held back, too: each start goes on with it, and the rest loads.
 */
export const restore = (
  doc: Y.Doc,
  loaded: Loaded,
  origin?: unknown,
  budget = LOAD_BUDGET,
): Restored => {
  const problems = [...loaded.problems]
  let held: Uint8Array[] = []
  let costly: { readonly what: string; readonly update: Uint8Array }[] = []
  const report = (bytes: number, message: string, hint: string, cause?: unknown): void => {
    const failure = new Failure('damaged', message, { hint, cause })
    problems.push({ type: 'damaged', file: '', bytes, failure })
  }
  const attempt = (what: string, bytes: Uint8Array, apply: () => void): void => {
    try {
      apply()
    } catch (error) {
      if (isTooCostly(error)) costly.push({ what, update: bytes })
      else
        report(
          bytes.length,
          `${what} of the store is not an update that Yjs can read`,
          'keep the agent running: peers send back what was lost',
          error,
        )
    }
  }
  /** Merges an update, or holds it back. */
  const merge = (what: string, update: Uint8Array, max: number): void =>
    attempt(what, update, () => {
      if (!mergeOwn(doc, update, origin, max)) held.push(update)
    })
  const mergeHeld = (): void => {
    // The predecessors of a held update may have come after it.
    for (let before = -1; held.length > 0 && held.length !== before; ) {
      before = held.length
      const waiting = held
      held = []
      for (const update of waiting) merge('an update', update, budget.first)
    }
  }

  const { state, updates } = loaded
  if (state) attempt('the state', state, () => mergeOwnState(doc, state, origin, budget.last))
  // It is kept as any other update.
  costly = costly.map(({ what }) => ({ what, update: stateToUpdate(state!) }))
  for (let start = 0; start < updates.length; start += MAX_UPDATES_AT_ONCE) {
    const apply = (): void => {
      for (const [index, update] of updates.slice(start, start + MAX_UPDATES_AT_ONCE).entries())
        merge(`update ${start + index}`, update, budget.first)
    }
    Y.transact(doc, apply, origin, false)
  }
  mergeHeld()
  if (costly.length > 0) {
    const again = costly
    costly = []
    const apply = (): void => {
      for (const { what, update } of again) merge(what, update, budget.last)
    }
    Y.transact(doc, apply, origin, false)
    mergeHeld()
  }
  for (const { what, update } of costly) {
    report(
      update.length,
      `${what} of the store would take too long to merge`,
      'it is kept, and each start goes on with it: peers send back what they have of it',
    )
    held.push(update)
  }
  return { problems, held }
}
