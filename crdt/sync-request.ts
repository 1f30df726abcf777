/**
 * Encodes a replica's state as a request for what it lacks.
 *
 * ```js
 * const state = decodeSyncRequest(encodeSyncRequest(clocks, deletes))
 * ```
 */
import * as Y from 'yjs'
import { countRuns, type DeleteSet, decodeDeletes, encodeDeletes } from './deletes.ts'
import type { Clocks } from './delta.ts'
import type { SyncRequest } from './outcome.ts'
import type { PeerState } from './peer-state.ts'
import { Rejection } from './rejection.ts'

/**
 * Bytes. A longer delete set is left out of the request, and the answer then carries all deletes.
 */
export const MAX_DELETES_BYTES = 4096

export const encodeSyncRequest = (clocks: Clocks, deletes: DeleteSet): SyncRequest => {
  const vector = Y.encodeStateVector(new Map(clocks))
  // A run takes two bytes at least, so a long set need not be encoded.
  if (countRuns(deletes) * 2 > MAX_DELETES_BYTES) return { vector }
  const encoded = encodeDeletes(deletes)
  return encoded.length > MAX_DELETES_BYTES ? { vector } : { vector, deletes: encoded }
}

/** Decodes a peer's request; throws a Rejection. */
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
