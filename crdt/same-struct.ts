/**
 * Compares two structs as what their writers wrote: the content of each clock, and where it was put.
 *
 * ```js
 * countSame({ struct: ours, clock: 4 }, { struct: theirs, clock: 4 }, 3)      // 3 if all are the same
 * ```
 */
import * as Y from 'yjs'
import * as yjsInner from './yjs-inner.ts'

/** A struct, and one of its clocks. */
export interface Spot {
  readonly struct: yjsInner.StoredStruct
  readonly clock: number
}

/** How ids are named, if one of two structs was renamed. */
export interface Naming {
  /** Ids of structs. */
  readonly id: (id: Y.ID) => Y.ID
  /** Keys of maps, which may be named after a writer. */
  readonly key: (key: string | null) => string | null
  /** JSON values and elements, which may contain ids. */
  readonly value: (value: unknown) => unknown
}

const SAME_NAMES: Naming = { id: (id) => id, key: (key) => key, value: (value) => value }

const isGone = (struct: yjsInner.StoredStruct): boolean =>
  !(struct instanceof Y.Item) || struct.deleted || struct.content instanceof Y.ContentDeleted

/** What an item follows at `clock`. */
const originAt = ({ id, origin }: Y.Item, clock: number): Y.ID | null =>
  clock > id.clock ? Y.createID(id.client, clock - 1) : origin

/** The name of a root type, or the id of the parent item. */
const parentOf = ({ parent }: Y.Item): string | Y.ID | null => {
  if (!(parent instanceof Y.AbstractType)) return parent as string | Y.ID | null
  return yjsInner.holderOf(parent)?.id ?? Y.findRootTypeKey(parent)
}

/** The encoded content of `length` clocks from `clock` on. */
const contentOf = (
  { id, content, length: all }: Y.Item,
  clock: number,
  length: number,
  { value }: Naming,
): Uint8Array => {
  const encoder = new Y.UpdateEncoderV1()
  let part = content
  if (length < all) {
    part = content.copy()
    if (clock > id.clock) part = part.splice(clock - id.clock)
    if (length < part.getLength()) part.splice(length)
  }
  if (part instanceof Y.ContentAny) part = new Y.ContentAny(part.arr.map(value))
  encoder.writeInfo(content.getRef())
  part.write(encoder, 0)
  return encoder.toUint8Array()
}

const isSameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/**
 * How many of `length` clocks, from a clock of each on, are the same in both. What is deleted in one
 * counts as the same. `naming` gives the names that `a` has in `b`.
 */
export const countSame = (
  a: Spot,
  b: Spot,
  length: number,
  naming: Naming = SAME_NAMES,
): number => {
  if (isGone(a.struct) || isGone(b.struct)) return length
  const [one, other] = [a.struct as Y.Item, b.struct as Y.Item]
  const isSameId = (id: Y.ID | null, of: Y.ID | null): boolean =>
    Y.compareIDs(id && naming.id(id), of)
  const isSameParent = (): boolean => {
    const [parent, of] = [parentOf(one), parentOf(other)]
    if (parent === null || of === null) return true
    if (typeof parent === 'string' || typeof of === 'string') return parent === of
    return isSameId(parent, of)
  }
  const origin = originAt(other, b.clock)
  const isPlaced =
    isSameId(originAt(one, a.clock), origin) &&
    isSameId(one.rightOrigin, other.rightOrigin) &&
    // An item with an origin has no parent of its own: it is that of the origin.
    (origin !== null ||
      other.rightOrigin !== null ||
      (isSameParent() && naming.key(one.parentSub) === other.parentSub))
  if (!isPlaced) return 0
  const isSame = (from: number, count: number): boolean =>
    isSameBytes(
      contentOf(one, a.clock + from, count, naming),
      contentOf(other, b.clock + from, count, SAME_NAMES),
    )
  if (isSame(0, length)) return length
  let same = 0
  while (same < length && isSame(same, 1)) same++
  return same
}

/**
 * Are the clocks from `id` on, as far as `length`, a copy of those from `copied` on? `naming` gives
 * the names that `copied` has in the copy. A clock that one of them lacks is none.
 */
export const isCopy = (
  doc: Y.Doc,
  copied: Y.ID,
  id: Y.ID,
  length: number,
  naming: Naming,
): boolean => {
  const structsOf = ({ client, clock }: Y.ID): readonly yjsInner.StoredStruct[] | undefined =>
    Y.getState(doc.store, client) >= clock + length
      ? yjsInner.storedStructs(doc, client)
      : undefined
  const [ours, theirs] = [structsOf(copied), structsOf(id)]
  if (!ours || !theirs) return false
  for (let at = 0; at < length; ) {
    const spot = (structs: readonly yjsInner.StoredStruct[], clock: number): Spot => ({
      struct: structs[Y.findIndexSS(structs as Y.Item[], clock)]!,
      clock,
    })
    const [a, b] = [spot(ours, copied.clock + at), spot(theirs, id.clock + at)]
    const left = ({ struct, clock }: Spot): number => struct.id.clock + struct.length - clock
    const count = Math.min(length - at, left(a), left(b))
    if (countSame(a, b, count, naming) < count) return false
    at += count
  }
  return true
}
