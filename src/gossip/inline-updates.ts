/**
 * Selects the fresh changes that a push carries inline. What is too long, or too old to be named, is
 * announced by the digest instead, and peers pull it.
 *
 * ```ts
 * const { update, isWhole } = inline.updateFor(peer.address, document, since, room)
 * ```
 */
import {
  type Delta,
  emptyDelta,
  fitsChunk,
  isEmptyDelta,
  type PackedUpdate,
  type Replica,
} from '../../crdt/index.ts'
import type { Fanouts } from './fanouts.ts'
import type { OpenDocument } from './open-document.ts'
import { lengthOf, type Packing } from './packing.ts'
import type { Rumors } from './rumors.ts'

/**
 * Times the inline limit that a delta may be estimated at before it is encoded: the estimate counts
 * runs of deletes at four times their least length.
 */
const ESTIMATE_FACTOR = 4

/** An address that no peer has, so that no change is known to it. */
const NO_PEER = ''

export interface InlineUpdate {
  readonly update?: PackedUpdate
  /** What the update holds. */
  readonly delta: Delta
  /** Does it hold everything that is fresh? */
  readonly isWhole: boolean
}

export const NO_UPDATE: InlineUpdate = { delta: emptyDelta(), isWhole: true }

export class InlineUpdates {
  readonly #packing: Packing
  readonly #fanouts: () => Fanouts
  /** Several peers get the same delta, which is encoded and compressed once. */
  readonly #packed = new WeakMap<Delta, PackedUpdate>()
  readonly #short = new WeakMap<Delta, boolean>()

  constructor(packing: Packing, fanouts: () => Fanouts) {
    this.#packing = packing
    this.#fanouts = fanouts
  }

  /** Does a push carry everything since that number inline? */
  fits(document: OpenDocument, since: number): boolean {
    return this.updateFor(NO_PEER, document, since, Number.POSITIVE_INFINITY).isWhole
  }

  /**
   * What a push carries of the changes since that number: all of them or, if they are too long
   * together, the short ones. So chunks of a long answer that just came hold up no short change.
   */
  updateFor(to: string, document: OpenDocument, since: number, room: number): InlineUpdate {
    const { replica, rumors } = document
    const all = rumors.deltaSince(since, to)
    if (!all) return { delta: emptyDelta(), isWhole: false }
    if (isEmptyDelta(all)) return { delta: all, isWhole: true }
    const maxBytes = this.#maxBytes(rumors, since)
    let delta = all
    let packed = this.#pack(replica, all, room, maxBytes)
    if (!packed) {
      delta = rumors.deltaSince(since, to, (one) => this.#isShort(replica, one)) ?? emptyDelta()
      packed = this.#pack(replica, delta, room, maxBytes)
    }
    if (!packed) return { delta, isWhole: false }
    const told = this.#recipients(rumors, since, to)
    const update = { ...packed, ...(told.length > 0 && { told }) }
    return { update, delta, isWhole: delta === all }
  }

  /** Is the change short enough that many like it fit into a push? */
  #isShort(replica: Replica, delta: Delta): boolean {
    let isShort = this.#short.get(delta)
    if (isShort === undefined) {
      isShort = fitsChunk(replica.doc, delta, this.#fanouts().inlineBytes)
      this.#short.set(delta, isShort)
    }
    return isShort
  }

  /** Bytes of V1 up to which the changes since that number are sent inline. */
  #maxBytes(rumors: Rumors, since: number): number {
    const { inlineBytes, ownInlineBytes, batchInlineBytes } = this.#fanouts()
    if (rumors.isOwnSince(since)) return ownInlineBytes
    return Math.max(inlineBytes, Math.min(batchInlineBytes, inlineBytes * rumors.countSince(since)))
  }

  /** In a small swarm: who else gets the changes, so that the peer need not pass them on. */
  #recipients(rumors: Rumors, since: number, to: string): string[] {
    return this.#fanouts().isSmall ? rumors.recipientsSince(since, to) : []
  }

  #pack(replica: Replica, delta: Delta, room: number, maxBytes: number): PackedUpdate | undefined {
    if (isEmptyDelta(delta)) return undefined
    let packed = this.#packed.get(delta)
    if (!packed) {
      // A delta that is far too long is not encoded just to find that out.
      if (!fitsChunk(replica.doc, delta, ESTIMATE_FACTOR * maxBytes)) return undefined
      packed = this.#packing.pack(replica, delta)
      this.#packed.set(delta, packed)
    }
    const fits =
      packed.length <= maxBytes &&
      lengthOf(packed) <= room &&
      this.#packing.hasFewEntries(replica, delta, packed.length)
    return fits ? packed : undefined
  }
}
