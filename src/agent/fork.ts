/**
 * Repairs a document when another agent writes under the same writer id, because a data folder was
 * copied or two documents share an id. It finds the clock from which on the two differ, gives the
 * later local changes a new id, and merges those of the other agent. No change is lost.
 *
 * ```ts
 * const fork = new Fork({ doc, replica, identity, persistence, newWriter, wake, onFailure })
 * fork.begin(published)          // the document was loaded
 * fork.meet()                    // `own_clock` was refused
 * ```
 */
import * as Y from 'yjs'
import type { Replica } from '../../crdt/index.ts'
import { type Failure, toFailure } from '../errors.ts'
import { GrowingPause } from '../gossip/index.ts'
import { followRename, mergeCounts, partsOf } from '../maps/index.ts'
import type { Identity } from '../store/identity.ts'
import type { Persistence } from '../store/persistence.ts'

export interface ForkOptions {
  readonly doc: Y.Doc
  readonly replica: Replica
  /** Stores the writer id. */
  readonly identity: Identity | undefined
  readonly persistence: Persistence | undefined
  /** Makes a new id if there is no `identity`. */
  readonly newWriter: () => number
  /** Makes gossip look at the changed replica. */
  readonly wake: () => void
  readonly onFailure: (failure: Failure) => void
}

export class Fork {
  readonly #options: ForkOptions
  #isBusy = false
  /** Anyone can send structs under our id, so neither happens as often as they come. */
  readonly #renames = new GrowingPause()
  readonly #suspicions = new GrowingPause()
  /** Peers had the own clocks below this before the start, so they are the same everywhere. */
  #safe = 0
  #hasBegun = false
  /** What the own writer had added to each counter at the start. */
  #parts: ReturnType<typeof partsOf> = []

  constructor(options: ForkOptions) {
    this.#options = options
  }

  /**
   * The document was loaded with the writer id of an earlier start. Clocks below `published` were sent
   * to peers then. The others are withheld until a peer shows that no other agent writes under the
   * id. No peer can know clocks from `fresh` on.
   */
  begin(published: number, fresh: number = this.#options.replica.ownClock): void {
    const { doc, replica } = this.#options
    this.#hasBegun = true
    this.#safe = published
    this.#parts = partsOf(doc, doc.clientID)
    replica.withhold({ from: published, fresh })
  }

  /**
   * The document is shared for the first time. If it was written before, another agent may have
   * written under the same id.
   */
  join(): void {
    if (!this.#hasBegun && this.#options.replica.ownClock > 0)
      this.begin(0, Number.POSITIVE_INFINITY)
    this.#hasBegun = true
  }

  /** A peer has structs of the own writer that were not written here. */
  async meet(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    const { replica, wake, onFailure } = this.#options
    try {
      // This may run in a transaction, in which nothing can be renamed.
      await Promise.resolve()
      replica.recover()
      const clock = replica.fork
      // The first clock that differs is not known yet: everything that may differ is pulled from a peer.
      // A fork that is still there after a pause is met again with the next round.
      if (clock !== undefined) {
        if (this.#renames.take(Date.now())) await this.#part(clock)
      } else if (!replica.withheld && this.#suspicions.take(Date.now())) {
        replica.withhold({ from: this.#safe, fresh: Number.POSITIVE_INFINITY })
        wake()
      }
    } catch (error) {
      onFailure(toFailure(error))
    } finally {
      this.#isBusy = false
    }
  }

  /** Gives the local changes from that clock on to a new writer id. */
  async #part(clock: number): Promise<void> {
    const { doc, replica, identity, persistence, newWriter, wake } = this.#options
    const { clientID: old } = doc
    const writer = identity?.next(replica.clocks) ?? newWriter()
    const rename = (): void =>
      replica.rename(clock, writer, () => followRename(doc, old, clock, writer))
    if (persistence) persistence.rewrite(rename)
    else rename()
    // The other agent does not have what was added from that clock on.
    const shared = this.#parts.filter((part) => part.clock < clock)
    mergeCounts(doc, shared, Y.createID(old, clock))
    this.#safe = 0
    this.#parts = []
    wake()
    // The old id is given up once no local change under it is left on disk.
    await persistence?.flushed()
    await identity?.mustChange(replica.clocks, writer)
  }
}
