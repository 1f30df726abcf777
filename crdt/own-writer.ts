/**
 * Checks the structs of the document's own writer in an update. If they are not those written here,
 * another copy of the data folder, or another document with the same id, goes on under this writer.
 * The remaining content of clocks that both have is compared.
 *
 * ```js
 * checkOwn(doc, decodeUpdate(bytes, LIMITS), withheld)      // throws a ForkRejection
 * ```
 */
import * as Y from 'yjs'
import type { DecodedUpdate, Struct } from './decoded.ts'
import { Rejection } from './rejection.ts'
import type { OwnRange } from './withheld.ts'
import * as yjsInner from './yjs-inner.ts'

export class ForkRejection extends Rejection {
  /** The first own clock that another copy has used; undefined if it is unknown. */
  readonly fork: number | undefined

  constructor(message: string, fork: number | undefined) {
    super('own_clock', message)
    this.fork = fork
  }
}

const isGone = (struct: yjsInner.StoredStruct): boolean =>
  !(struct instanceof Y.Item) || struct.deleted || struct.content instanceof Y.ContentDeleted

const isSameId = (a: Y.ID | null, b: Y.ID | null): boolean => Y.compareIDs(a, b)

/** What an item follows at `clock`. */
const originAt = ({ id, origin }: Y.Item, clock: number): Y.ID | null =>
  clock > id.clock ? Y.createID(id.client, clock - 1) : origin

/** The name of a root type, or the id of the parent item. */
const parentOf = ({ parent }: Y.Item): string | Y.ID | null => {
  if (!(parent instanceof Y.AbstractType)) return parent as string | Y.ID | null
  return yjsInner.holderOf(parent)?.id ?? Y.findRootTypeKey(parent)
}

const isSameParent = (a: Y.Item, b: Y.Item): boolean => {
  const [one, other] = [parentOf(a), parentOf(b)]
  if (one === null || other === null) return true
  if (typeof one === 'string' || typeof other === 'string') return one === other
  return isSameId(one, other)
}

/** The encoded content of `length` clocks from `clock` on. */
const contentOf = ({ id, content, length: all }: Y.Item, clock: number, length: number) => {
  const encoder = new Y.UpdateEncoderV1()
  let part = content
  if (length < all) {
    part = content.copy()
    if (clock > id.clock) part = part.splice(clock - id.clock)
    if (length < part.getLength()) part.splice(length)
  }
  encoder.writeInfo(content.getRef())
  part.write(encoder, 0)
  return encoder.toUint8Array()
}

const isSameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i])

/**
 * How many of `length` clocks from `clock` on are the same in both. What is deleted in one counts
 * as the same.
 */
const countSame = (
  ours: yjsInner.StoredStruct,
  theirs: yjsInner.StoredStruct,
  clock: number,
  length: number,
): number => {
  if (isGone(ours) || isGone(theirs)) return length
  const [a, b] = [ours as Y.Item, theirs as Y.Item]
  const origin = originAt(b, clock)
  const isPlaced =
    isSameId(originAt(a, clock), origin) &&
    isSameId(a.rightOrigin, b.rightOrigin) &&
    // An item with an origin has no parent of its own: it is that of the origin.
    (origin !== null ||
      b.rightOrigin !== null ||
      (isSameParent(a, b) && a.parentSub === b.parentSub))
  if (!isPlaced) return 0
  if (isSameBytes(contentOf(a, clock, length), contentOf(b, clock, length))) return length
  let same = 0
  while (same < length && isSameBytes(contentOf(a, clock + same, 1), contentOf(b, clock + same, 1)))
    same++
  return same
}

/** The first clock from `from` up to `to` at which an own struct of the update differs. */
const findDifference = (
  structs: readonly yjsInner.StoredStruct[],
  theirs: yjsInner.StoredStruct,
  from: number,
  to: number,
): number | undefined => {
  for (let clock = from; clock < to; ) {
    const ours = structs[Y.findIndexSS(structs as Y.Item[], clock)]!
    const end = Math.min(to, ours.id.clock + ours.length)
    const same = countSame(ours, theirs, clock, end - clock)
    if (clock + same < end) return clock + same
    clock = end
  }
  return undefined
}

const isOwn =
  (writer: number) =>
  (struct: Struct): struct is yjsInner.StoredStruct =>
    struct.id.client === writer && !(struct instanceof Y.Skip)

/**
 * Throws a ForkRejection if the update holds structs or deletes of the document's writer that this
 * document did not write. `range` says which own clocks another copy may have used, and from which
 * on none was sent to a peer; absent: any may have been used, and all were sent.
 */
export const checkOwn = (
  doc: Y.Doc,
  { structs, deletes }: DecodedUpdate,
  range: OwnRange | undefined,
): void => {
  const { clientID: writer, store } = doc
  const known = Y.getState(store, writer)
  const isWithheld = range?.writer === writer
  const from = isWithheld ? range.from : 0
  const fresh = isWithheld ? Math.min(range.fresh, known) : known
  const own = yjsInner.storedStructs(doc, writer) ?? []
  for (const struct of structs.filter(isOwn(writer))) {
    const end = struct.id.clock + struct.length
    if (end <= from) continue
    const start = Math.max(from, struct.id.clock)
    const common = Math.min(end, fresh, known)
    const different = findDifference(own, struct, start, common)
    if (different === undefined && end <= fresh) continue
    const fork = different ?? Math.max(start, fresh)
    const message = `structs of our own writer ${writer} from clock ${fork} up to clock ${end}`
    // The peer left out earlier clocks, so it has those of the other copy, too.
    const isSure = different !== undefined || isWithheld
    throw new ForkRejection(message, isSure ? Math.min(fork, known) : undefined)
  }
  for (const { clock, len } of deletes.clients.get(writer) ?? []) {
    const end = clock + len
    if (end <= Math.min(fresh, known)) continue
    const message = `deletes of our own writer ${writer} up to clock ${end}`
    throw new ForkRejection(
      message,
      isWithheld ? Math.min(Math.max(clock, fresh), known) : undefined,
    )
  }
}
