/**
 * What an update needs besides itself so that no key vanishes where it is merged.
 *
 * A map entry that was overwritten is deleted, also when it lost to a concurrent write. Whoever
 * merges such an entry, or such a delete, without the entry that won, shows nothing under a key
 * that never was without a value. Yjs knows no such dependency, so the update says it: which
 * clocks of which writers the receiver must have, from before or from updates that it merges in
 * the same transaction.
 *
 * ```js
 * const needs = needsOf(doc, delta)      // writer → clock; empty nearly always
 * ```
 */
import * as Y from 'yjs'
import type { ClockRun, Clocks, Delta } from './delta.ts'
import { type StoredStruct, structsOf } from './structs.ts'

/** The entry that is under the key of `struct` now, if that is another one. */
const winnerOver = (struct: StoredStruct): Y.Item | undefined => {
  if (!(struct instanceof Y.Item) || !struct.deleted || struct.parentSub === null) return undefined
  const parent = struct.parent
  if (!(parent instanceof Y.AbstractType)) return undefined
  const winner = parent._map.get(struct.parentSub)
  return winner === struct ? undefined : winner
}

/** The clocks of the winners over all that is deleted in `delta`, but for those in the delta itself. */
export const needsOf = (doc: Y.Doc, delta: Delta): Clocks => {
  const needs = new Map<number, number>()
  const look = (writer: number, run: ClockRun): void => {
    for (const struct of structsOf(doc, writer, run)) {
      const winner = winnerOver(struct)
      if (!winner) continue
      const { client, clock } = winner.id
      const own = delta.structs.get(client)
      if (own && own.from <= clock && clock < own.to) continue
      needs.set(client, Math.max(needs.get(client) ?? 0, clock + winner.length))
    }
  }
  for (const [writer, run] of delta.structs) look(writer, run)
  for (const [writer, runs] of delta.deletes.clients) {
    for (const { clock, len } of runs) look(writer, { from: clock, to: clock + len })
  }
  return needs
}

/** For each writer the highest of its clocks. */
export const highestClocks = (all: readonly Clocks[]): Clocks => {
  const clocks = new Map<number, number>()
  for (const one of all) {
    for (const [writer, clock] of one) {
      clocks.set(writer, Math.max(clock, clocks.get(writer) ?? 0))
    }
  }
  return clocks
}
