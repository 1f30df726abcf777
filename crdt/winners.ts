/**
 * Completes a delta so that no key vanishes where it is merged. A map entry that was
 * overwritten is deleted, also when it lost to a concurrent write. Whoever gets the entry with
 * its delete, but not the one that won, would show nothing under a key that never was without
 * a value. So the winner goes with it; a peer that lacks more than that lets the update wait.
 *
 * ```js
 * encodeDelta(doc, withWinners(doc, delta))
 * ```
 */
import * as Y from 'yjs'
import { type DeleteSet, emptyDeletes, hasDeletes, mergeDeletes } from './deletes.ts'
import { type ClockRun, type Delta, mergeDeltas } from './delta.ts'

type Struct = Y.Item | Y.GC

/** The structs of one writer that hold clocks from `from` up to `to`. */
function* structsOf(doc: Y.Doc, writer: number, { from, to }: ClockRun): Generator<Struct> {
  const structs = doc.store.clients.get(writer) as Struct[] | undefined
  if (!structs || from >= Y.getState(doc.store, writer)) return
  for (let i = Y.findIndexSS(structs, from); i < structs.length; i++) {
    const struct = structs[i]!
    if (struct.id.clock >= to) return
    yield struct
  }
}

/** The entry that is under the key of `struct` now, if that is another one. */
const winnerOver = (struct: Struct): Y.Item | undefined => {
  if (!(struct instanceof Y.Item) || !struct.deleted || struct.parentSub === null) return undefined
  const parent = struct.parent
  if (!(parent instanceof Y.AbstractType)) return undefined
  const winner = parent._map.get(struct.parentSub)
  return winner === struct ? undefined : winner
}

/**
 * The delta, with the winners over all that is deleted in it. A winner that comes in can bring
 * more with it (the clocks between it and the rest of its writer's run), so those are looked at too.
 */
export const withWinners = (doc: Y.Doc, delta: Delta): Delta => {
  let complete = delta
  for (let next = addWinners(doc, complete); next !== complete; next = addWinners(doc, next)) {
    complete = next
  }
  return complete
}

const addWinners = (doc: Y.Doc, delta: Delta): Delta => {
  const added = new Map<number, ClockRun>()
  const deleted: DeleteSet[] = []
  const look = (struct: Struct): void => {
    const winner = winnerOver(struct)
    if (!winner) return
    const { client, clock } = winner.id
    const run = delta.structs.get(client)
    if (run && run.from <= clock && clock < run.to) return
    const more = added.get(client)
    added.set(client, {
      from: Math.min(clock, more?.from ?? clock),
      to: Math.max(clock + winner.length, more?.to ?? 0),
    })
    if (!winner.deleted) return
    const deletes = emptyDeletes()
    deletes.clients.set(client, [{ clock, len: winner.length }])
    deleted.push(deletes)
  }
  for (const [writer, run] of delta.structs) {
    for (const struct of structsOf(doc, writer, run)) look(struct)
  }
  if (hasDeletes(delta.deletes)) {
    for (const [writer, runs] of delta.deletes.clients) {
      for (const { clock, len } of runs) {
        for (const struct of structsOf(doc, writer, { from: clock, to: clock + len })) look(struct)
      }
    }
  }
  if (added.size === 0) return delta
  return mergeDeltas([delta, { structs: added, deletes: mergeDeletes(deleted) }])
}
