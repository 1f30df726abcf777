/**
 * Keys and values of the store in LevelDB. A key is a letter and a big-endian number of 8 bytes, so
 * keys sort in the order in which they were written:
 *
 * ```
 * u 17 -> update 17 (V1)   s 17 -> the state (V2) with all updates before 17   h 0 -> head (JSON)
 * ```
 *
 * A value is `CRC32 of key and payload (4) | payload`, since LevelDB does not check the checksums of
 * its tables when it reads them.
 */
import { crc32 } from 'node:zlib'

export type EntryKind = 'update' | 'state' | 'head'

const LETTERS: Readonly<Record<EntryKind, number>> = { update: 0x75, state: 0x73, head: 0x68 }

const KINDS = new Map(Object.entries(LETTERS).map(([kind, letter]) => [letter, kind as EntryKind]))

const KEY_BYTES = 9
const CRC_BYTES = 4

/** Bytes of an entry besides its payload. */
export const ENTRY_BYTES: number = KEY_BYTES + CRC_BYTES

export interface Entry {
  readonly kind: EntryKind
  readonly number: number
  readonly payload: Uint8Array
}

export const encodeKey = (kind: EntryKind, number: number): Uint8Array => {
  const key = Buffer.alloc(KEY_BYTES)
  key.writeUInt8(LETTERS[kind])
  key.writeBigUInt64BE(BigInt(number), 1)
  return key
}

export const encodeValue = (key: Uint8Array, payload: Uint8Array): Uint8Array => {
  const value = Buffer.allocUnsafe(CRC_BYTES + payload.length)
  value.writeUInt32LE(crc32(payload, crc32(key)))
  value.set(payload, CRC_BYTES)
  return value
}

/** Returns undefined for an entry that is damaged or not of the store. */
export const decodeEntry = (key: Uint8Array, value: Uint8Array): Entry | undefined => {
  const kind = KINDS.get(key[0] ?? 0)
  if (!kind || key.length !== KEY_BYTES || value.length < CRC_BYTES) return undefined
  const { buffer, byteOffset, length } = value
  const payload = new Uint8Array(buffer, byteOffset + CRC_BYTES, length - CRC_BYTES)
  const sum = Buffer.from(buffer, byteOffset, CRC_BYTES).readUInt32LE()
  if (crc32(payload, crc32(key)) !== sum) return undefined
  const number = Number(Buffer.from(key.buffer, key.byteOffset, KEY_BYTES).readBigUInt64BE(1))
  return { kind, number, payload }
}
