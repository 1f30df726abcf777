/**
 * Sets of deleted clocks, as Yjs keeps them: for each writer the runs `{clock, len}`, sorted and
 * merged. Yjs can unite sets; gossip also needs their difference, to send exactly the deletes that
 * a peer lacks.
 *
 * ```ts
 * const lacks = subtractDeletes(ours, decodeDeletes(bytes))
 * if (hasDeletes(lacks)) send(encodeDeletes(lacks))
 * ```
 */
import * as Y from 'yjs'

/** Yjs exports the functions on delete sets but not their type. */
export type DeleteSet = ReturnType<typeof Y.createDeleteSet>
type Run = { clock: number; len: number }

const NO_CLOCKS: Map<number, number> = new Map()

export const emptyDeletes = (): DeleteSet => Y.createDeleteSet()

export const hasDeletes = (deletes: DeleteSet): boolean => deletes.clients.size > 0

/** Unites the sets in a new one. */
export const mergeDeletes = (sets: readonly DeleteSet[]): DeleteSet => Y.mergeDeleteSets([...sets])

/** Counts the runs of all writers. */
export const countRuns = (deletes: DeleteSet): number => {
  let runs = 0
  for (const list of deletes.clients.values()) runs += list.length
  return runs
}

const subtractRuns = (from: readonly Run[], taken: readonly Run[]): Run[] => {
  const rest: Run[] = []
  let t = 0
  for (const run of from) {
    let clock = run.clock
    const end = run.clock + run.len
    while (t < taken.length && taken[t]!.clock + taken[t]!.len <= clock) t++
    for (let i = t; i < taken.length && taken[i]!.clock < end && clock < end; i++) {
      const hole = taken[i]!
      if (hole.clock > clock) rest.push({ clock, len: hole.clock - clock })
      clock = Math.max(clock, hole.clock + hole.len)
    }
    if (clock < end) rest.push({ clock, len: end - clock })
  }
  return rest
}

/** What is in `all` and not in `known`; both must be sorted and merged. */
export const subtractDeletes = (all: DeleteSet, known: DeleteSet): DeleteSet => {
  const rest = emptyDeletes()
  for (const [writer, runs] of all.clients) {
    const left = subtractRuns(runs, known.clients.get(writer) ?? [])
    if (left.length > 0) rest.clients.set(writer, left as never)
  }
  return rest
}

/** Yjs's own encoding (that of a snapshot without clocks). */
export const encodeDeletes = (deletes: DeleteSet): Uint8Array =>
  Y.encodeSnapshot(Y.createSnapshot(deletes, NO_CLOCKS))

/**
 * Inverse of `encodeDeletes`; the result is sorted and merged whatever the bytes say. Throws on
 * damage.
 */
export const decodeDeletes = (bytes: Uint8Array): DeleteSet =>
  Y.mergeDeleteSets([Y.decodeSnapshot(bytes).ds])
