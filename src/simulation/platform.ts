/**
 * Node's platform for thousands of nodes in one process: as they all pack and unpack the same
 * updates, what DEFLATE gives for some bytes is kept for the next one who asks. The result is the
 * same; the work of a node is not, so a simulation says nothing about processor time.
 *
 * ```ts
 * new Replica(doc, createSharedPlatform())
 * ```
 */
import type { Platform } from '../../crdt/index.ts'
import { dropOldest } from '../gossip/oldest.ts'
import { nodePlatform } from '../platform.ts'

/** Results kept. Updates under way at one time are few; each costs its own length twice. */
const MAX_KEPT = 32

/** Keeps the newest results of `make`, by the bytes that it was given and `more`. */
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

/** Nobody may change what it returns: others get the same bytes. */
export const createSharedPlatform = (): Platform => {
  const deflate = remember((bytes) => nodePlatform.deflate(bytes))
  const inflate = remember((bytes, maxBytes) => nodePlatform.inflate(bytes, maxBytes))
  return {
    sha256: nodePlatform.sha256,
    deflate: (bytes) => deflate(bytes, 0),
    inflate: (bytes, maxBytes) => inflate(bytes, maxBytes),
  }
}
