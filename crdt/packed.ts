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
import { decodeUpdate } from './decoded.ts'
import { digestBytes } from './digest.ts'
import { LIMITS, type Limits } from './limits.ts'
import type { PackedUpdate } from './message.ts'
import type { EncodedUpdate } from './outcome.ts'
import type { Platform } from './platform.ts'
import { Rejection } from './rejection.ts'

/** Bytes. DEFLATE gains nothing for shorter updates and takes time. */
export const MIN_DEFLATE_BYTES = 512

/**
 * How many times longer than deflated an update may be before its structs are counted. Values can
 * deflate to nothing, but counting them costs decoding the update once more.
 */
const MAX_UNCOUNTED_RATIO = 32

/**
 * Structs and runs of deletes for each deflated byte. They differ from one another at least in a
 * clock or a key, which takes more than a byte; millions of equal ones are no honest program's. A
 * larger value lets a short message cost as much more memory, some 250 bytes each.
 */
const MAX_ENTRIES_PER_BYTE = 4

/** The same for an update however short. */
const MIN_ENTRIES = 1_000

/** Throws a Rejection if a deflated update has more structs than its length may bring. */
const checkEntries = (bytes: Uint8Array, deflated: number, limits: Limits): void => {
  if (bytes.length <= deflated * MAX_UNCOUNTED_RATIO) return
  const entries = MIN_ENTRIES + deflated * MAX_ENTRIES_PER_BYTE
  try {
    decodeUpdate(bytes, { ...limits, entries: Math.min(entries, limits.entries) })
  } catch (error) {
    // The inspection finds everything else.
    if (error instanceof Rejection && error.reason === 'too_many') throw error
  }
}

/** May these bytes travel deflated? What a document has must be able to travel, whoever wrote it. */
const isDeflatable = (bytes: Uint8Array, deflated: number): boolean => {
  try {
    checkEntries(bytes, deflated, LIMITS)
    return true
  } catch {
    return false // the reason does not matter: it travels as it is
  }
}

/** Packs V1 bytes whose digest is known; deflates them if that makes them shorter. */
export const packUpdate = (update: EncodedUpdate, platform: Platform): PackedUpdate => {
  const { bytes, digest } = update
  const needs = update.needs.size > 0 && { needs: update.needs }
  if (bytes.length >= MIN_DEFLATE_BYTES) {
    const deflated = platform.deflate(bytes)
    if (deflated.length < bytes.length && isDeflatable(bytes, deflated.length)) {
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
  let raw: Uint8Array
  try {
    raw = fromBase64(packed.data)
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
  if (packed.encoding !== 'v1') checkEntries(bytes, raw.length, limits)
  return bytes
}
