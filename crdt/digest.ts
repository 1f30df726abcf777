/**
 * Digests: 128 bits of SHA-256 as 32 hex digits. Long enough that two states or updates with the
 * same digest cannot be found (2^64 tries), short enough to be part of every round.
 *
 * ```ts
 * digestSnapshot(Y.snapshot(doc), platform)      // '8e7b06643f18cbb5cdba46c0e03107da'
 * ```
 */
import * as Y from 'yjs'
import type { Platform } from './platform.ts'

const DIGEST_BYTES = 16

export const DIGEST_PATTERN: RegExp = /^[0-9a-f]{32}$/

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export const digestBytes = (bytes: Uint8Array, platform: Platform): string => {
  const hash = platform.sha256(bytes)
  let digest = ''
  for (let i = 0; i < DIGEST_BYTES; i++) digest += HEX[hash[i]!]
  return digest
}

/**
 * The digest of a document's state: its state vector **and** its delete set, which the vector does
 * not cover. `Y.encodeSnapshot` sorts writers and merges ranges, so replicas with the same structs
 * and deletes have one digest, in whatever order these came. `Y.encodeStateAsUpdate` would not do:
 * it depends on the order of arrival.
 */
export const digestSnapshot = (snapshot: Y.Snapshot, platform: Platform): string =>
  digestBytes(Y.encodeSnapshot(snapshot), platform)
