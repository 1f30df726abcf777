/**
 * Where the updates of one document are kept so that nothing acknowledged is lost. A store
 * knows bytes and Yjs updates, and nothing of gossip, writers or keys.
 *
 * ```ts
 * const store: Store = new LogStore({ dir })
 * const { problems, held } = restore(doc, await store.load())
 * doc.on('update', (update) => store.append(update).then(acknowledge, tellAndRepair))
 * if (store.needsCompaction()) await store.compact(doc)
 * await store.close()
 * ```
 *
 * The contract, which the suite in `pilot-gossip/testing` checks:
 *
 * - One store object, of one process, has a folder at a time: `load` locks it, and rejects with
 *   `already_exists` and who has it while another is open there, in this process or another of
 *   this host, by whatever path. `close` gives it back, also while it loads, and so does a `load`
 *   that fails. A folder that is removed or replaced meanwhile is not written to.
 * - `load` comes first and once; `append` and `compact` before it has resolved throw a TypeError. It gives back
 *   each update whose `append` was acknowledged, as long as its bytes can be read, in the order
 *   of the calls. An update that was not acknowledged may be there too, whole or not at all.
 *   What cannot be read is told in `problems` and never just dropped. (LevelDB drops the end of
 *   a damaged journal without telling the store: the one exception, see `level/level-store.ts`.)
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
import { mergeOwn } from '../../crdt/index.ts'
import { Failure } from '../errors.ts'
import type { Moment, Sizes } from './compaction.ts'

export interface Store {
  /** Reads all that is kept; changes nothing but to set damaged bytes aside and to tidy up. */
  load(): Promise<Loaded>
  /** Keeps one V1 update. */
  append(update: Uint8Array): Promise<void>
  /**
   * Is it time to compact? Also when damage was found, so that it is left behind; sooner where
   * the owner says that nobody has written for a while. It stays true when `compact` fails: the
   * owner waits before it tries again.
   */
  needsCompaction(moment?: Moment): boolean
  /** Replaces what is stored by the state of the document; see the contract above. */
  compact(doc: Y.Doc): Promise<void>
  /** How much it holds, and has written. */
  stats(): StoreStats
  /** Waits for what was begun; nothing is taken afterwards. May be called twice. */
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
   * before readable ones, or a whole file, cannot be read; they are set aside. `missing`: a
   * file or an update that must have been there is not. `unreadable`: the system refuses to read
   * a file; it is kept, and used as soon as it can be read. `untidy`: something could not be set
   * aside or removed.
   */
  readonly type: 'torn' | 'damaged' | 'missing' | 'unreadable' | 'untidy'
  /** Name of the file in the folder. */
  readonly file: string
  /** How many bytes of it are concerned. */
  readonly bytes: number
  readonly failure: Failure
}

export interface StoreStats extends Sizes {
  /** Since `load`: acknowledged updates, and the flushes they took. */
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
  /** Updates whose predecessors cannot be read: they can be merged when a peer brings those. */
  readonly held: readonly Uint8Array[]
}

/**
 * Applies what was loaded. An update that Yjs does not take (its checksum was right, so somebody
 * stored nonsense) is left out and told; one that lacks its predecessors is held back whole.
 */
export const restore = (doc: Y.Doc, loaded: Loaded, origin?: unknown): Restored => {
  const problems = [...loaded.problems]
  let held: Uint8Array[] = []
  const attempt = (what: string, bytes: Uint8Array, apply: () => void): void => {
    try {
      apply()
    } catch (error) {
      const failure = new Failure(
        'damaged',
        `${what} of the store is not an update that Yjs can read`,
        {
          hint: 'keep the agent running: peers send back what was lost',
          cause: error,
        },
      )
      problems.push({ type: 'damaged', file: '', bytes: bytes.length, failure })
    }
  }
  const { state, updates } = loaded
  if (state) attempt('the state', state, () => Y.applyUpdateV2(doc, state, origin))
  for (let start = 0; start < updates.length; start += MAX_UPDATES_AT_ONCE) {
    const apply = (): void => {
      for (const [index, update] of updates.slice(start, start + MAX_UPDATES_AT_ONCE).entries()) {
        attempt(`update ${start + index}`, update, () => {
          if (!mergeOwn(doc, update, origin)) held.push(update)
        })
      }
    }
    Y.transact(doc, apply, origin, false)
  }
  // What one waited for may have come behind it.
  for (let before = -1; held.length > 0 && held.length !== before; ) {
    before = held.length
    held = held.filter((update) => !mergeOwn(doc, update, origin))
  }
  return { problems, held }
}
