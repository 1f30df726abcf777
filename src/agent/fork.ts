/**
 * What is done when another is found to write under our writer id: a folder was restored from a copy,
 * or two documents bear one id. First it is found out from where on the two differ; then what was
 * written here since becomes that of a new id, and the other's is merged beside it. Nothing is lost.
 *
 * ```ts
 * const fork = new Fork({ doc, replica, identity, persistence, newWriter, wake, onFailure })
 * fork.begin(published)          // the document was loaded
 * fork.meet()                    // `own_clock` was refused
 * ```
 */
import type * as Y from 'yjs'
import type { Replica } from '../../crdt/index.ts'
import { type Failure, toFailure } from '../errors.ts'
import { followRename, mergeCounts, partsOf } from '../maps/index.ts'
import type { Identity } from '../store/identity.ts'
import type { Persistence } from '../store/persistence.ts'

export interface ForkOptions {
  readonly doc: Y.Doc
  readonly replica: Replica
  /** Who remembers the writer id. */
  readonly identity: Identity | undefined
  readonly persistence: Persistence | undefined
  /** An id that no other has, where there is nobody to remember it. */
  readonly newWriter: () => number
  /** Has gossip look at what has become of the replica. */
  readonly wake: () => void
  readonly onFailure: (failure: Failure) => void
}

export class Fork {
  readonly #options: ForkOptions
  #isBusy = false
  /** Own clocks below it were with peers before this start: they are the same for all. */
  #safe = 0
  #hasBegun = false
  /** What the own writer had added to counters at the start. */
  #parts: ReturnType<typeof partsOf> = []

  constructor(options: ForkOptions) {
    this.#options = options
  }

  /**
   * The document was loaded, with a writer id of before of which peers have been shown the clocks below
   * `published`: all others are withheld until one has shown that nobody else writes under it. From `fresh` on no
   * peer can have been shown any.
   */
  begin(published: number, fresh: number = this.#options.replica.ownClock): void {
    const { doc, replica } = this.#options
    this.#hasBegun = true
    this.#safe = published
    this.#parts = partsOf(doc, doc.clientID)
    replica.withhold({ from: published, fresh })
  }

  /**
   * The document is shared for the first time. Where it was written before nobody here knows who else
   * has done so under its writer id.
   */
  join(): void {
    if (!this.#hasBegun && this.#options.replica.ownClock > 0)
      this.begin(0, Number.POSITIVE_INFINITY)
    this.#hasBegun = true
  }

  /** A peer has structs of our writer that we did not write. */
  async meet(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    const { replica, wake, onFailure } = this.#options
    try {
      // Nothing can be renamed in a transaction, in which we may have been called.
      await Promise.resolve()
      replica.recover()
      const clock = replica.fork
      // From where on is to be seen: a peer is asked for all that may differ.
      if (clock !== undefined) await this.#part(clock)
      else if (!replica.withheld) {
        replica.withhold({ from: this.#safe, fresh: Number.POSITIVE_INFINITY })
        wake()
      }
    } catch (error) {
      onFailure(toFailure(error))
    } finally {
      this.#isBusy = false
    }
  }

  /** What was written here from that clock on becomes another writer's. */
  async #part(clock: number): Promise<void> {
    const { doc, replica, identity, persistence, newWriter, wake } = this.#options
    const { clientID: old } = doc
    const writer = identity?.next(replica.clocks) ?? newWriter()
    const rename = (): void =>
      replica.rename(clock, writer, () => followRename(doc, old, clock, writer))
    if (persistence) persistence.rewrite(rename)
    else rename()
    // What was added from there on the other has not.
    const shared = this.#parts.filter((part) => part.clock < clock)
    mergeCounts(doc, shared, old)
    this.#safe = 0
    this.#parts = []
    wake()
    // The old id is given up when nothing is left on disk that was written here under it.
    await persistence?.flushed()
    await identity?.mustChange(replica.clocks, writer)
  }
}
