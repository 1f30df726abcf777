/**
 * Node's part of `crdt`: hashing and compression by `node:crypto` and `node:zlib`.
 *
 * ```ts
 * new Replica(doc, nodePlatform)
 * ```
 */
import { hash } from 'node:crypto'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import type { Platform } from '../crdt/index.ts'

/** Of 590 KB, level 1 takes 5 ms and leaves 62 %, level 6 takes 20 ms and leaves 56 %: time is dearer. */
const DEFLATE_LEVEL = 1

export const nodePlatform: Platform = {
  // In one step it takes half the time of a hash object, which a small update would notice.
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  deflate: (bytes) => deflateRawSync(bytes, { level: DEFLATE_LEVEL }),
  // Node wants at least 1; an update of 0 bytes is refused later by its length.
  inflate: (bytes, maxBytes) => inflateRawSync(bytes, { maxOutputLength: Math.max(1, maxBytes) }),
}
