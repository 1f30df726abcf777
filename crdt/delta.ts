/**
 * A delta: a part of a document's history, named rather than encoded. It says which clocks of which
 * writers, and which deletes. So deltas that wait for one peer merge at the cost of a few
 * comparisons, bytes are made only when they are sent, and they have the document's newest form
 * (what was deleted since travels without content).
 *
 * ```js
 * const delta = mergeDeltas([first, second])
 * const update = encodeDelta(doc, delta)      // a plain V1 update
 * ```
 */
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import {
  countRuns,
  type DeleteSet,
  emptyDeletes,
  encodeDeletes,
  hasDeletes,
  subtractDeletes,
} from './deletes.ts'
import * as yjsInner from './yjs-inner.ts'

/** Writer → clock: how far each writer is known. */
export type Clocks = ReadonlyMap<number, number>

/** Clocks of one writer from `from` (inclusive) to `to` (exclusive). */
export interface ClockRun {
  readonly from: number
  readonly to: number
}

export interface Delta {
  readonly structs: ReadonlyMap<number, ClockRun>
  readonly deletes: DeleteSet
}

export const emptyDelta = (): Delta => ({ structs: new Map(), deletes: emptyDeletes() })

export const isEmptyDelta = (delta: Delta): boolean =>
  delta.structs.size === 0 && !hasDeletes(delta.deletes)

/**
 * Merges deltas. A hole between two runs of one writer is included: this document holds it, and an
 * update with holes would have to wait at the receiver.
 */
export const mergeDeltas = (deltas: readonly Delta[]): Delta => {
  if (deltas.length === 1) return deltas[0]!
  const structs = new Map<number, ClockRun>()
  for (const delta of deltas) {
    for (const [writer, run] of delta.structs) {
      const other = structs.get(writer)
      structs.set(
        writer,
        other ? { from: Math.min(run.from, other.from), to: Math.max(run.to, other.to) } : run,
      )
    }
  }
  return { structs, deletes: Y.mergeDeleteSets(deltas.map((delta) => delta.deletes)) }
}

/** What is in `all` and not in `sent`, whose structs are the first of those of their writers. */
export const subtractDelta = (all: Delta, sent: Delta): Delta => {
  const structs = new Map<number, ClockRun>()
  for (const [writer, { from, to }] of all.structs) {
    const next = sent.structs.get(writer)?.to ?? from
    if (next < to) structs.set(writer, { from: next, to })
  }
  return { structs, deletes: subtractDeletes(all.deletes, sent.deletes) }
}

/** Does `outer` hold everything that `inner` holds? */
export const coversDelta = (outer: Delta, inner: Delta): boolean => {
  for (const [writer, run] of inner.structs) {
    const other = outer.structs.get(writer)
    if (!other || other.from > run.from || other.to < run.to) return false
  }
  return !hasDeletes(subtractDeletes(inner.deletes, outer.deletes))
}

/** What a transaction that has ended has changed. */
export const deltaOfTransaction = (transaction: Y.Transaction): Delta => {
  const structs = new Map<number, ClockRun>()
  for (const [writer, to] of transaction.afterState) {
    const from = transaction.beforeState.get(writer) ?? 0
    if (to > from) structs.set(writer, { from, to })
  }
  // A copy, because Yjs goes on using the transaction's own set.
  return { structs, deletes: Y.mergeDeleteSets([transaction.deleteSet]) }
}

/** What a peer that has `clocks` and `deletes` lacks of a document in state `own`. */
export const deltaSince = (
  own: { readonly clocks: Clocks; readonly deletes: DeleteSet },
  clocks: Clocks,
  deletes: DeleteSet,
): Delta => {
  const structs = new Map<number, ClockRun>()
  for (const [writer, to] of own.clocks) {
    const from = clocks.get(writer) ?? 0
    if (to > from) structs.set(writer, { from, to })
  }
  return { structs, deletes: subtractDeletes(own.deletes, deletes) }
}

type Struct = Y.Item | Y.GC

/** First and last index of the writer's structs that hold the clocks of `run`. */
const structIndexes = (structs: readonly Struct[], run: ClockRun): [number, number] => {
  const list = structs as Struct[]
  return [Y.findIndexSS(list, run.from), Y.findIndexSS(list, run.to - 1)]
}

/** How many structs and runs of deletes the encoded delta has. */
export const countEntries = (doc: Y.Doc, delta: Delta): number => {
  let entries = countRuns(delta.deletes)
  for (const [writer, run] of delta.structs) {
    const structs = yjsInner.storedStructs(doc, writer)
    if (!structs) continue
    const [first, last] = structIndexes(structs, run)
    entries += last - first + 1
  }
  // Each writer counts as one entry in both parts.
  return entries + delta.structs.size + delta.deletes.clients.size
}

/**
 * The first `length` clocks of a struct, as Yjs would split it. The struct in the document stays
 * whole.
 */
const startOf = (struct: Struct, length: number): Struct => {
  if (length >= struct.length) return struct
  if (!(struct instanceof Y.Item)) return new Y.GC(struct.id, length)
  const content = struct.content.copy()
  content.splice(length)
  return yjsInner.looseItem(struct, struct.id, content)
}

/**
 * Encodes the delta as a V1 update.
 *
 * The layout is that of Yjs: the number of writers; for each, from the highest id (which lets Yjs
 * integrate fastest), the number of structs, the writer, the first clock and the structs; then the
 * delete set.
 */
export const encodeDelta = (doc: Y.Doc, delta: Delta): Uint8Array => {
  const encoder = new Y.UpdateEncoderV1()
  const rest = encoder.restEncoder
  const runs = [...delta.structs].sort((a, b) => b[0] - a[0])
  encoding.writeVarUint(rest, runs.length)
  for (const [writer, run] of runs) {
    const structs = yjsInner.storedStructs(doc, writer)
    if (!structs) throw new TypeError(`delta of writer ${writer}, which is not in the document`)
    const [first, last] = structIndexes(structs, run)
    encoding.writeVarUint(rest, last - first + 1)
    encoder.writeClient(writer)
    encoding.writeVarUint(rest, run.from)
    for (let i = first; i <= last; i++) {
      const struct = structs[i]!
      const { clock } = struct.id
      startOf(struct, run.to - clock).write(encoder, Math.max(0, run.from - clock))
    }
  }
  // A snapshot without clocks is the delete set and a single 0.
  const deletes = encodeDeletes(delta.deletes)
  encoding.writeUint8Array(rest, deletes.subarray(0, deletes.length - 1))
  return encoder.toUint8Array()
}
