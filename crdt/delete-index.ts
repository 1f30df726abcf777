/**
 * The deleted clocks of a document, kept up to date from its transactions. `Y.snapshot` walks all
 * structs for the same answer.
 *
 * ```ts
 * const index = DeleteIndex.of(doc)
 * index.add(7, 10, 2)
 * index.runsOf(7)        // [{ clock: 10, len: 2 }]
 * ```
 */
import * as Y from 'yjs'
import { countRuns, type DeleteSet, emptyDeletes } from './deletes.ts'
import { firstIndex } from './search.ts'

export interface Run {
  clock: number
  len: number
}

const NO_RUNS: readonly Run[] = []

/** Index of the first run that ends after `clock`; the number of runs if none does. */
export const firstRunAfter = (runs: readonly Run[], clock: number): number =>
  firstIndex(runs.length, (at) => runs[at]!.clock + runs[at]!.len > clock)

/** Adds `[from, to)` to sorted runs that do not touch, in place. Returns how many more they are. */
const insertRun = (runs: Run[], from: number, to: number): number => {
  // A run that ends just where the new one begins is merged with it, too.
  const first = firstRunAfter(runs, from - 1)
  let last = first
  let start = from
  let end = to
  for (; last < runs.length && runs[last]!.clock <= to; last++) {
    const { clock, len } = runs[last]!
    start = Math.min(start, clock)
    end = Math.max(end, clock + len)
  }
  const merged = { clock: start, len: end - start }
  if (last === first + 1) runs[first] = merged
  else runs.splice(first, last - first, merged)
  return 1 - (last - first)
}

export class DeleteIndex {
  readonly #set: DeleteSet
  #runs: number

  constructor(set: DeleteSet = emptyDeletes()) {
    this.#set = set
    this.#runs = countRuns(set)
  }

  /** Walks all structs of the document. */
  static of(doc: Y.Doc): DeleteIndex {
    return new DeleteIndex(Y.createDeleteSetFromStructStore(doc.store))
  }

  /** All of them. It changes with the next `add`, so it must not be kept. */
  get set(): DeleteSet {
    return this.#set
  }

  /** How many runs there are. */
  get runs(): number {
    return this.#runs
  }

  runsOf(writer: number): readonly Run[] {
    return this.#set.clients.get(writer) ?? NO_RUNS
  }

  /** Takes O(log n) steps for n runs of the writer, and moves those behind the new one. */
  add(writer: number, clock: number, len: number): void {
    const runs = this.#set.clients.get(writer) as Run[] | undefined
    if (runs) this.#runs += insertRun(runs, clock, clock + len)
    else {
      this.#set.clients.set(writer, [{ clock, len }] as never)
      this.#runs++
    }
  }
}
