/**
 * Records: how updates lie in a file one after another, so that each is known to be whole, and
 * reading finds its way again after a damaged one.
 *
 * ```
 * marker (8) | CRC32 of all that follows (4) | length of the payload (4) | kind (1) | payload
 * ```
 *
 * Numbers are little-endian. The CRC finds damage, not malice: who may write to the folder may
 * write what he likes.
 */
import { crc32 } from 'node:zlib'
import { MARKER_BYTES } from './head.ts'

/** What a payload is: a V1 update, or a whole state as a V2 update. */
export type RecordKind = 1 | 2
export const UPDATE_V1: RecordKind = 1
export const STATE_V2: RecordKind = 2

const CRC_AT = MARKER_BYTES
const LENGTH_AT = CRC_AT + 4
const KIND_AT = LENGTH_AT + 4

/** Bytes of a record besides its payload. */
export const RECORD_BYTES: number = KIND_AT + 1

/** Bytes. Far above any document that Yjs can hold in memory; the length field could tell 4 GiB. */
export const MAX_PAYLOAD: number = 2 ** 30

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** The records one after another. */
export const encodeRecords = (
  marker: Uint8Array,
  kind: RecordKind,
  payloads: readonly Uint8Array[],
): Uint8Array => {
  const total = payloads.reduce((sum, { length }) => sum + RECORD_BYTES + length, 0)
  const bytes = new Uint8Array(total)
  const view = viewOf(bytes)
  let at = 0
  for (const payload of payloads) {
    const end = at + RECORD_BYTES + payload.length
    bytes.set(marker, at)
    view.setUint32(at + LENGTH_AT, payload.length, true)
    view.setUint8(at + KIND_AT, kind)
    bytes.set(payload, at + RECORD_BYTES)
    view.setUint32(at + CRC_AT, crc32(bytes.subarray(at + LENGTH_AT, end)), true)
    at = end
  }
  return bytes
}

export interface Span {
  readonly from: number
  readonly to: number
}

export interface Scan {
  /** Payloads of the kind that was asked for, in order; views into the bytes. */
  readonly payloads: readonly Uint8Array[]
  /** Bytes before a readable record that belong to none. */
  readonly damage: readonly Span[]
  /** Where the last readable record ends; what follows is a torn tail. */
  readonly end: number
}

/** Reads all records from `start`; bounded by the bytes, whatever they say. */
export const scanRecords = (
  bytes: Uint8Array,
  start: number,
  marker: Uint8Array,
  kind: RecordKind,
): Scan => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const view = viewOf(bytes)
  /** Where the record at `at` ends; undefined where there is none. */
  const endOf = (at: number): number | undefined => {
    if (
      at + RECORD_BYTES > bytes.length ||
      buffer.compare(marker, 0, MARKER_BYTES, at, at + MARKER_BYTES) !== 0
    )
      return undefined
    const end = at + RECORD_BYTES + view.getUint32(at + LENGTH_AT, true)
    if (end > bytes.length || view.getUint8(at + KIND_AT) !== kind) return undefined
    const sum = crc32(bytes.subarray(at + LENGTH_AT, end))
    return sum === view.getUint32(at + CRC_AT, true) ? end : undefined
  }
  const payloads: Uint8Array[] = []
  const damage: Span[] = []
  let good = Math.min(start, bytes.length)
  for (let at = good; at !== -1 && at < bytes.length; ) {
    const end = endOf(at)
    if (end === undefined) {
      at = buffer.indexOf(marker, at + 1)
      continue
    }
    if (at > good) damage.push({ from: good, to: at })
    payloads.push(bytes.subarray(at + RECORD_BYTES, end))
    good = end
    at = end
  }
  return { payloads, damage, end: good }
}
