/**
 * What an update needs besides itself, so that no key vanishes when it is merged.
 *
 * An overwritten map entry is deleted, also if it lost to a concurrent write. A peer that merges
 * such an entry, or its delete, without the entry that won would show nothing under a key that
 * always had a value. Yjs has no such dependency, so the update names it: the clocks that the
 * receiver must have, or get in the same transaction.
 *
 * ```js
 * const needs = needsOf(doc, delta)      // writer → clock; nearly always empty
 * ```
 */
import * as Y from 'yjs'
import type { ClockRun, Clocks, Delta } from './delta.ts'
import { structsOf } from './structs.ts'
import * as yjsInner from './yjs-inner.ts'

/** The entry that is under the key of `struct` now, if it is another one. */
const winnerOver = (struct: yjsInner.StoredStruct): Y.Item | undefined => {
  if (!(struct instanceof Y.Item) || !struct.deleted || struct.parentSub === null) return undefined
  const parent = struct.parent
  if (!(parent instanceof Y.AbstractType)) return undefined
  const winner = yjsInner.entryItem(parent, struct.parentSub)
  return winner === struct ? undefined : winner
}

/**
 * The clocks of the entries that replaced what is deleted in `delta`, except those in the delta
 * itself.
 */
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

/** The highest clock of each writer. */
export const highestClocks = (all: readonly Clocks[]): Clocks => {
  const clocks = new Map<number, number>()
  for (const one of all) {
    for (const [writer, clock] of one) {
      clocks.set(writer, Math.max(clock, clocks.get(writer) ?? 0))
    }
  }
  return clocks
}
