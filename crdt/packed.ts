/**
 * Packs updates for a message: deflated if that makes them shorter, and with length and digest,
 * which prove them undamaged before Yjs sees a byte.
 *
 * ```js
 * const packed = packUpdate(replica.encode(delta), platform)
 * const bytes = unpackUpdate(packed, platform)      // throws a Rejection
 * ```
 */
import { fromBase64, toBase64 } from 'lib0/buffer'
import { digestBytes } from './digest.ts'
import { LIMITS, type Limits } from './limits.ts'
import type { PackedUpdate } from './message.ts'
import type { EncodedUpdate } from './outcome.ts'
import type { Platform } from './platform.ts'
import { Rejection } from './rejection.ts'

/** Bytes. DEFLATE gains nothing for shorter updates and takes time. */
export const MIN_DEFLATE_BYTES = 512

/** Packs V1 bytes whose digest is known; deflates them if that makes them shorter. */
export const packUpdate = (update: EncodedUpdate, platform: Platform): PackedUpdate => {
  const { bytes, digest } = update
  const needs = update.needs.size > 0 && { needs: update.needs }
  if (bytes.length >= MIN_DEFLATE_BYTES) {
    const deflated = platform.deflate(bytes)
    if (deflated.length < bytes.length) {
      return {
        data: toBase64(deflated),
        encoding: 'v1+deflate',
        length: bytes.length,
        digest,
        ...needs,
      }
    }
  }
  return { data: toBase64(bytes), encoding: 'v1', length: bytes.length, digest, ...needs }
}

/** The V1 bytes, after length and digest have been checked; throws a Rejection. */
export const unpackUpdate = (
  packed: PackedUpdate,
  platform: Platform,
  limits: Limits = LIMITS,
): Uint8Array => {
  if (packed.length > limits.updateBytes) {
    throw new Rejection(
      'too_large',
      `update of ${packed.length} bytes, at most ${limits.updateBytes} are allowed`,
    )
  }
  let bytes: Uint8Array
  try {
    const raw = fromBase64(packed.data)
    bytes = packed.encoding === 'v1' ? raw : platform.inflate(raw, packed.length)
  } catch (error) {
    throw new Rejection('damaged', `update cannot be unpacked: ${(error as Error).message}`, error)
  }
  if (bytes.length !== packed.length) {
    throw new Rejection(
      'damaged',
      `update has ${bytes.length} bytes, not ${packed.length} as announced`,
    )
  }
  const digest = digestBytes(bytes, platform)
  if (digest !== packed.digest) {
    throw new Rejection('damaged', `update has digest ${digest}, not ${packed.digest} as announced`)
  }
  return bytes
}
