/**
 * Node's platform for thousands of nodes in one process. All nodes pack and unpack the same
 * updates, so results of DEFLATE are kept for the next node. The results are the same but the work
 * is not: a simulation does not show processor time.
 *
 * ```ts
 * new Replica(doc, createSharedPlatform())
 * ```
 */
import type { Platform } from '../../crdt/index.ts'
import { dropOldest } from '../gossip/oldest.ts'
import { nodePlatform } from '../platform.ts'

/** Results kept. Few updates are under way at one time; each takes its length twice. */
const MAX_KEPT = 32

/** Keeps the newest results of `make`, by its arguments. */
const remember = (make: (bytes: Uint8Array, more: number) => Uint8Array) => {
  const kept = new Map<string, Uint8Array>()
  return (bytes: Uint8Array, more: number): Uint8Array => {
    const { buffer, byteOffset, length } = bytes
    const key = `${more} ${Buffer.from(buffer, byteOffset, length).toString('latin1')}`
    let made = kept.get(key)
    if (!made) {
      made = make(bytes, more)
      kept.set(key, made)
      dropOldest(kept, MAX_KEPT)
    }
    return made
  }
}

/** Callers must not change the returned bytes: other nodes get the same ones. */
export const createSharedPlatform = (): Platform => {
  const deflate = remember((bytes) => nodePlatform.deflate(bytes))
  const inflate = remember((bytes, maxBytes) => nodePlatform.inflate(bytes, maxBytes))
  return {
    sha256: nodePlatform.sha256,
    deflate: (bytes) => deflate(bytes, 0),
    inflate: (bytes, maxBytes) => inflate(bytes, maxBytes),
  }
}
