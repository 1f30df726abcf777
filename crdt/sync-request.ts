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
import type { PeerState, SyncRequest } from './outcome.ts'
import { Rejection } from './rejection.ts'

/** Bytes. A delete set up to this length travels with the vector that asks; a longer one is left out, and the answer then carries all deletes. */
const MAX_DELETES_BYTES = 4096

export const encodeSyncRequest = (clocks: Clocks, deletes: DeleteSet): SyncRequest => {
  const vector = Y.encodeStateVector(new Map(clocks))
  // Two bytes are the least that a run takes: no need to encode what is certainly too long.
  if (countRuns(deletes) * 2 > MAX_DELETES_BYTES) return { vector }
  const encoded = encodeDeletes(deletes)
  return encoded.length > MAX_DELETES_BYTES ? { vector } : { vector, deletes: encoded }
}

/** Decodes a peer's; throws a Rejection. */
export const decodeSyncRequest = ({ vector, deletes }: SyncRequest): PeerState => {
  try {
    return {
      clocks: Y.decodeStateVector(vector),
      deletes: deletes === undefined ? undefined : decodeDeletes(deletes),
    }
  } catch (error) {
    throw new Rejection('malformed', `not a state vector: ${(error as Error).message}`, error)
  }
}
