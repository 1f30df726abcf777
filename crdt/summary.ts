/**
 * What a replica knows, in the form in which it asks a peer for the rest.
 *
 * ```js
 * const known = readSummary(encodeSummary(clocks, deletes))
 * ```
 */
import * as Y from 'yjs'
import { countRuns, type DeleteSet, decodeDeletes, encodeDeletes } from './deletes.ts'
import type { Clocks } from './delta.ts'
import type { Known, Summary } from './outcome.ts'
import { Refusal } from './refusal.ts'

/** Bytes. A delete set up to this length travels with the vector that asks; a longer one is left out, and the answer then carries all deletes. */
const DELETES_WITH_VECTOR = 4096

export const encodeSummary = (clocks: Clocks, deletes: DeleteSet): Summary => {
  const vector = Y.encodeStateVector(new Map(clocks))
  // Two bytes are the least that a run takes: no need to encode what is certainly too long.
  if (countRuns(deletes) * 2 > DELETES_WITH_VECTOR) return { vector }
  const encoded = encodeDeletes(deletes)
  return encoded.length > DELETES_WITH_VECTOR ? { vector } : { vector, deletes: encoded }
}

/** Decodes a peer's; throws a Refusal. */
export const readSummary = ({ vector, deletes }: Summary): Known => {
  try {
    return {
      clocks: Y.decodeStateVector(vector),
      deletes: deletes === undefined ? undefined : decodeDeletes(deletes),
    }
  } catch (error) {
    throw new Refusal('malformed', `not a state vector: ${(error as Error).message}`, error)
  }
}
