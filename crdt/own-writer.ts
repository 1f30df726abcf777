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
import { countSame } from './same-struct.ts'
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
    const same = countSame({ struct: ours, clock }, { struct: theirs, clock }, end - clock)
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
