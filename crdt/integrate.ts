/**
 * Merges a complete decoded update as `Y.applyUpdate` does, without decoding its bytes again. The
 * structs become part of the document, so an update can be merged once only.
 *
 * ```js
 * const update = decodeUpdate(bytes, LIMITS)
 * integrate(doc, update, origin)
 * ```
 */
import * as Y from 'yjs'
import { type DecodedUpdate, StateDecoder, type Struct } from './decoded.ts'
import { deleteItem, integrateOver } from './deep-delete.ts'
import { type DeleteSet, emptyDeletes } from './deletes.ts'
import { encodeDelta } from './delta.ts'
import { type Inspection, inspectUpdate } from './inspect.ts'
import { LIMITS, type Limits } from './limits.ts'
import { checkOwnDoc } from './own-doc.ts'
import { Places } from './place.ts'
import { Rejection } from './rejection.ts'
import * as yjsInner from './yjs-inner.ts'

/** The structs of one writer, in order of clock, and how far they have been merged. */
interface Row {
  readonly structs: readonly Struct[]
  /** Index of the next one. */
  next: number
  readonly end: number
}

/** An update without structs and deletes. */
const NOTHING = new Uint8Array([0, 0])

const rowsOf = (structs: readonly Struct[]): Map<number, Row> => {
  const rows = new Map<number, Row>()
  for (let start = 0; start < structs.length; ) {
    const { client } = structs[start]!.id
    let end = start + 1
    while (end < structs.length && structs[end]!.id.client === client) end++
    rows.set(client, { structs, next: start, end })
    start = end
  }
  return rows
}

/**
 * The part of an item that is new belongs where the part that is known is: its writer has only gone
 * on. Yjs takes the place that the update names, and fails if the known part has been collected.
 */
const goOn = ({ doc }: Y.Transaction, item: Y.Item, known: number): void => {
  const { client, clock } = item.id
  const structs = yjsInner.storedStructs(doc, client)!
  const left = structs[Y.findIndexSS(structs as Y.Item[], clock + known - 1)]!
  item.parent = left instanceof Y.Item ? left.parent : null
  item.parentSub = left instanceof Y.Item ? left.parentSub : null
}

/** Merges the next struct of `row`, or returns the writer whose structs must come first. */
const mergeNext = (transaction: Y.Transaction, row: Row, places: Places): number | undefined => {
  const { doc } = transaction
  const struct = row.structs[row.next]!
  const { client, clock } = struct.id
  const known = Y.getState(doc.store, client) - clock
  if (!(struct instanceof Y.Skip) && known < struct.length) {
    if (known < 0) throw new RangeError(`writer ${client} misses what comes before clock ${clock}`)
    if (struct instanceof Y.Item) {
      const parent: unknown = struct.parent
      if (typeof parent === 'string') struct.parent = doc.get(parent)
    }
    const before = struct.getMissing(transaction, doc.store)
    if (before !== null) return before
    if (struct instanceof Y.Item && known > 0) goOn(transaction, struct, known)
    if (struct instanceof Y.Item)
      integrateOver(transaction, struct, () => {
        if (known === 0) places.integrate(struct)
        else struct.integrate(transaction, known)
      })
    else struct.integrate(transaction, known)
  }
  row.next++
  return undefined
}

/** Does the document have all structs that `deletes` refers to? */
const hasAll = (doc: Y.Doc, deletes: DeleteSet): boolean => {
  for (const [writer, runs] of deletes.clients) {
    const known = Y.getState(doc.store, writer)
    for (const { clock, len } of runs) if (clock + len > known) return false
  }
  return true
}

/** The parts of a run that are not deleted yet. */
const freshParts = (structs: readonly (Y.Item | Y.GC)[], from: number, end: number) => {
  const parts: { clock: number; len: number }[] = []
  for (let i = Y.findIndexSS(structs as Y.Item[], from); i < structs.length; i++) {
    const { id, length, deleted } = structs[i]!
    if (id.clock >= end) break
    if (deleted) continue
    const clock = Math.max(from, id.clock)
    parts.push({ clock, len: Math.min(end, id.clock + length) - clock })
  }
  return parts
}

const deleteStruct = (transaction: Y.Transaction, struct: Y.Item | Y.GC): void => {
  if (struct instanceof Y.Item) deleteItem(transaction, struct)
}

/**
 * Deletes one struct after the other: encoding the deletes for `Y.applyUpdate` would cost as much
 * as a small update. Yjs gets them only if some structs are missing, to keep them until those come.
 */
const deleteAll = (transaction: Y.Transaction, deletes: DeleteSet): void => {
  const { doc, origin } = transaction
  if (!hasAll(doc, deletes)) {
    Y.applyUpdate(doc, encodeDelta(doc, { structs: new Map(), deletes }), origin)
    return
  }
  for (const [writer, runs] of deletes.clients) {
    const structs = yjsInner.storedStructs(doc, writer)!
    for (const { clock, len } of runs) {
      const struct = structs[Y.findIndexSS(structs, clock)]!
      // In maps a run is mostly one struct, which need not be split.
      if (struct.id.clock === clock && struct.length === len) {
        deleteStruct(transaction, struct)
        continue
      }
      const fresh = emptyDeletes()
      fresh.clients.set(writer, freshParts(structs, clock, clock + len))
      Y.iterateDeletedStructs(transaction, fresh, (part) => deleteStruct(transaction, part))
    }
  }
}

/** Merges only the deletes. */
export const applyDeletes = (
  doc: Y.Doc,
  { deletes }: Pick<DecodedUpdate, 'deletes'>,
  origin: unknown,
): void => Y.transact(doc, (transaction) => deleteAll(transaction, deletes), origin, false)

/**
 * Merges `update` in a transaction of `origin`, or in the one that is running. Throws a RangeError
 * if the update is incomplete, which an inspection rules out. Throws a Rejection (too_costly) if it
 * takes too many comparisons (see `place.ts`): its first structs are merged then, and its deletes
 * are not. An update that is sent again continues there.
 */
export const integrate = (
  doc: Y.Doc,
  update: DecodedUpdate,
  origin: unknown,
  maxComparisons = Number.POSITIVE_INFINITY,
): void => {
  const merge = (transaction: Y.Transaction): void => {
    const rows = rowsOf(update.structs)
    const places = new Places(transaction, maxComparisons)
    // The highest writer comes first, as in Yjs: that is the cheapest order for concurrent structs.
    const writers = [...rows.keys()].sort((a, b) => b - a)
    for (const writer of writers) {
      const stack = [writer]
      for (let row = rows.get(writer)!; row.next < row.end; row = rows.get(stack.at(-1)!)!) {
        const before = mergeNext(transaction, row, places)
        if (before === undefined) {
          if (stack.length > 1) stack.pop()
          continue
        }
        const other = rows.get(before)
        if (!other || other.next === other.end) {
          throw new RangeError(`the update needs more of writer ${before}`)
        }
        if (stack.push(before) > rows.size) throw new RangeError('writers wait in a circle')
      }
    }
    // Yjs then checks whether updates that wait inside the document (from a damaged store) can be
    // merged.
    if (yjsInner.hasPending(doc)) Y.applyUpdate(doc, NOTHING, origin)
    deleteAll(transaction, update.deletes)
  }
  Y.transact(doc, merge, origin, false)
}

/** What our own store holds was accepted before: how much it is does not matter. */
const OWN_LIMITS: Limits = { ...LIMITS, entries: Number.POSITIVE_INFINITY }

/**
 * Merges a V1 update of our own store. Throws a Rejection (too_costly) if it takes more than
 * `maxComparisons` with concurrent items: its first structs are merged then. Returns false, and
 * changes nothing, while its predecessors are missing: `Y.applyUpdate` would merge its deletes, and
 * what they replaced would vanish. Accepts what would be rejected from a peer, because it was in the document before. Throws what
 * Yjs throws.
 */
export const mergeOwn = (
  doc: Y.Doc,
  bytes: Uint8Array,
  origin: unknown,
  maxComparisons = Number.POSITIVE_INFINITY,
): boolean => {
  checkOwnDoc(doc)
  let seen: Inspection
  try {
    seen = inspectUpdate(doc, bytes, OWN_LIMITS)
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    Y.applyUpdate(doc, bytes, origin)
    return true
  }
  if (seen.missing.size > 0) return false
  integrate(doc, seen.update, origin, maxComparisons)
  return true
}

/**
 * Merges the state of our own store, a V2 update. Bare Yjs takes the square of the number of values
 * that one key was given without knowing of others. Throws what Yjs throws, and a Rejection as
 * `mergeOwn` does.
 */
export const mergeOwnState = (
  doc: Y.Doc,
  bytes: Uint8Array,
  origin: unknown,
  maxComparisons = Number.POSITIVE_INFINITY,
): void => {
  checkOwnDoc(doc)
  const { structs, ds: deletes } = Y.decodeUpdateV2(bytes, StateDecoder)
  try {
    integrate(doc, { structs, deletes }, origin, maxComparisons)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    // Structs whose predecessors are missing wait inside the document, as in the one that wrote it.
    Y.applyUpdateV2(doc, bytes, origin, StateDecoder)
  }
}
