/**
 * Where the updates of one document are kept so that nothing acknowledged is lost. A store
 * knows bytes and Yjs updates, and nothing of gossip, writers or keys.
 *
 * ```ts
 * const store: Store = new LogStore({ dir })
 * const problems = restore(doc, await store.load())
 * doc.on('update', (update) => store.append(update).then(acknowledge, tellAndRepair))
 * if (store.needsCompaction()) await store.compact(doc)
 * await store.close()
 * ```
 *
 * The contract, which `test/store-contract.ts` runs over every implementation:
 *
 * - One store object, of one process, has a folder at a time. The store does not see to that
 *   itself: the owner holds the lock (see `identity.ts`) from before `load` until after `close`.
 * - `load` comes first and once; `append` and `compact` before it has resolved throw a TypeError. It gives back
 *   each update whose `append` was acknowledged, as long as its bytes can be read, in the order
 *   of the calls. An update that was not acknowledged may be there too, whole or not at all.
 *   What cannot be read is told in `problems` and never just dropped.
 * - `append` resolves when the update is on disk, beyond a cut of the power. Updates that wait
 *   at the same time are written together with one flush. The bytes must not be changed until
 *   it has settled.
 * - When the disk refuses (full, read-only), `append` rejects with a Failure, and so does every
 *   append that waits then, for it may build on the one that was lost. What was acknowledged
 *   stays readable, and later appends work again as soon as the disk does. The owner then
 *   appends again all that was rejected, or `Y.encodeStateAsUpdate(doc, lastAcknowledged)`,
 *   before or with anything newer: an update is of no use without those before it. A
 *   `compact` that succeeds repairs the same.
 * - `compact` replaces what is stored by the state of `doc`, which must hold everything that was
 *   appended, and is read before `compact` returns its promise. What is appended meanwhile is
 *   kept. The old files go only when the new one was read back and found equal (state vector
 *   and deletes). It rejects with a Failure, and then nothing is lost; called while one runs,
 *   it is that one.
 * - After `close` (which waits for what was begun, and may be called twice) `append` and
 *   `compact` reject with `closed`.
 */
import * as Y from 'yjs'
import { Failure } from '../errors.ts'

export interface Store {
  /** Reads all that is kept; changes nothing but to set damaged bytes aside and to tidy up. */
  load(): Promise<Loaded>
  /** Keeps one V1 update. */
  append(update: Uint8Array): Promise<void>
  /**
   * Is it time to compact? Also when damage was found, so that it is left behind. It stays true
   * when `compact` fails: the owner waits before it tries again.
   */
  needsCompaction(): boolean
  compact(doc: Y.Doc): Promise<void>
  stats(): StoreStats
  close(): Promise<void>
}

export interface Loaded {
  /** The state as one V2 update, where the store was ever compacted; older than all `updates`. */
  readonly state: Uint8Array | undefined
  /** V1 updates in the order in which they were appended. */
  readonly updates: readonly Uint8Array[]
  readonly problems: readonly StoreProblem[]
}

export interface StoreProblem {
  /**
   * `torn`: the end was not written whole; it is cut off by the next append. `damaged`: bytes
   * before readable ones, or a whole file, cannot be read; a copy is set aside. `missing`: a
   * file that must have been there is not. `untidy`: something could not be set aside or removed.
   */
  readonly type: 'torn' | 'damaged' | 'missing' | 'untidy'
  /** Name of the file in the folder. */
  readonly file: string
  /** How many bytes of it are concerned. */
  readonly bytes: number
  readonly failure: Failure
}

export interface StoreStats {
  /** Bytes of the compacted state; 0 where there is none. */
  readonly stateBytes: number
  /** Bytes and updates that came after it. */
  readonly logBytes: number
  readonly logUpdates: number
  /** Since `load`: acknowledged updates, and the flushes they took. */
  readonly appended: number
  readonly commits: number
}

/**
 * Applies what was loaded in one transaction: 4 us an update instead of 20. An update that
 * Yjs does not take (its checksum was right, so somebody stored nonsense) is left out and told.
 * Updates whose predecessors were damaged wait in the document until a peer brings those.
 */
export const restore = (doc: Y.Doc, loaded: Loaded, origin?: unknown): readonly StoreProblem[] => {
  const problems = [...loaded.problems]
  const attempt = (what: string, bytes: Uint8Array, apply: () => void): void => {
    try {
      apply()
    } catch (error) {
      const failure = new Failure('internal', `${what} of the store is no update Yjs can read`, {
        hint: 'The rest was used; what is lost comes back from the peers.',
        cause: error,
      })
      problems.push({ type: 'damaged', file: '', bytes: bytes.length, failure })
    }
  }
  const { state, updates } = loaded
  Y.transact(
    doc,
    () => {
      if (state) attempt('the state', state, () => Y.applyUpdateV2(doc, state, origin))
      for (const [index, update] of updates.entries()) {
        attempt(`update ${index}`, update, () => Y.applyUpdate(doc, update, origin))
      }
    },
    origin,
    false,
  )
  return problems
}
