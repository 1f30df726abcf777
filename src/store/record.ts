/**
 * Records: the format of updates in a file. A checksum shows that each is complete, and reading goes
 * on after a damaged one.
 *
 * ```
 * marker (8) | CRC32 of all that follows (4) | length of the payload (4) | kind (1) | payload
 * ```
 *
 * Numbers are little-endian. The CRC detects damage, not malice: a program that can write to the
 * folder can write any record.
 */
import { crc32 } from 'node:zlib'
import { MARKER_BYTES } from './head.ts'

/**
 * The kind of a payload: a V1 update, a whole state as a V2 update, or several V1 updates that were
 * written together, each after its length (4). They are one record, since a power failure may keep the
 * end of a flush and lose its middle: then all of it counts as not written.
 */
export type RecordKind = 1 | 2 | 3
export const UPDATE_V1: RecordKind = 1
export const STATE_V2: RecordKind = 2
export const GROUP_V1: RecordKind = 3

const ITEM_LENGTH_BYTES = 4

const CRC_AT = MARKER_BYTES
const LENGTH_AT = CRC_AT + 4
const KIND_AT = LENGTH_AT + 4

/** Bytes of a record besides its payload. */
export const RECORD_BYTES: number = KIND_AT + 1

/** Bytes. Far above any document that Yjs can hold in memory; the length field would allow 4 GiB. */
export const MAX_PAYLOAD_BYTES: number = 2 ** 30

const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** A record after `head`, in one buffer: another copy of a long payload would be expensive. */
export const encodeRecord = (
  marker: Uint8Array,
  kind: RecordKind,
  payload: Uint8Array,
  head: Uint8Array = new Uint8Array(),
): Uint8Array => {
  const whole = new Uint8Array(head.length + RECORD_BYTES + payload.length)
  whole.set(head)
  const bytes = whole.subarray(head.length)
  const view = viewOf(bytes)
  bytes.set(marker)
  view.setUint32(LENGTH_AT, payload.length, true)
  view.setUint8(KIND_AT, kind)
  bytes.set(payload, RECORD_BYTES)
  view.setUint32(CRC_AT, crc32(bytes.subarray(LENGTH_AT)), true)
  return whole
}

/** Encodes updates that are written together as one record. */
export const encodeGroup = (marker: Uint8Array, updates: readonly Uint8Array[]): Uint8Array => {
  const [only] = updates
  if (only && updates.length === 1) return encodeRecord(marker, UPDATE_V1, only)
  const total = updates.reduce((sum, { length }) => sum + ITEM_LENGTH_BYTES + length, 0)
  const payload = new Uint8Array(total)
  const view = viewOf(payload)
  let at = 0
  for (const update of updates) {
    view.setUint32(at, update.length, true)
    payload.set(update, at + ITEM_LENGTH_BYTES)
    at += ITEM_LENGTH_BYTES + update.length
  }
  return encodeRecord(marker, GROUP_V1, payload)
}

/** The updates of a group, as views of it. Its checksum was right, so its lengths are valid. */
const itemsOf = (payload: Uint8Array): Uint8Array[] => {
  const view = viewOf(payload)
  const items: Uint8Array[] = []
  for (let at = 0; at < payload.length; ) {
    const end = at + ITEM_LENGTH_BYTES + view.getUint32(at, true)
    items.push(payload.subarray(at + ITEM_LENGTH_BYTES, end))
    at = end
  }
  return items
}

interface Span {
  readonly from: number
  readonly to: number
}

export interface Scan {
  /** The state, or the updates in order, as views of the bytes. */
  readonly payloads: readonly Uint8Array[]
  /** Bytes before a readable record that do not belong to any record. */
  readonly damage: readonly Span[]
  /** The end of the last readable record. The rest is a torn tail. */
  readonly end: number
}

/** Reads all records of these kinds from `start`. Never reads beyond the bytes, whatever the lengths. */
export const scanRecords = (
  bytes: Uint8Array,
  start: number,
  marker: Uint8Array,
  kinds: readonly RecordKind[],
): Scan => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const view = viewOf(bytes)
  const kindAt = (at: number): RecordKind => view.getUint8(at + KIND_AT) as RecordKind
  /** The end of the record at `at`; undefined if there is none. */
  const endOf = (at: number): number | undefined => {
    if (
      at + RECORD_BYTES > bytes.length ||
      buffer.compare(marker, 0, MARKER_BYTES, at, at + MARKER_BYTES) !== 0
    )
      return undefined
    const end = at + RECORD_BYTES + view.getUint32(at + LENGTH_AT, true)
    if (end > bytes.length || !kinds.includes(kindAt(at))) return undefined
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
    const payload = bytes.subarray(at + RECORD_BYTES, end)
    if (kindAt(at) === GROUP_V1) for (const item of itemsOf(payload)) payloads.push(item)
    else payloads.push(payload)
    good = end
    at = end
  }
  return { payloads, damage, end: good }
}
