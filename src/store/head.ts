/**
 * The first line of each file of the store, readable with `head -1`:
 *
 * ```
 * pilot-gossip log 1 1f0c9e55a2b7d340 9a3c11e2
 *              |   | |                +- CRC32 of the line before it, in hex
 *              |   | +- marker: 8 random bytes with which each record of this file begins
 *              |   +- format version
 *              +- `log` or `state`
 * ```
 *
 * Later formats keep this line, so that an older program detects that it is too old.
 */
import { crc32 } from 'node:zlib'
import { Failure } from '../errors.ts'

export type FileKind = 'log' | 'state'

/** The version of files and records. A change that older programs cannot read makes it 2. */
export const FORMAT_VERSION = 1

/**
 * Bytes. They are random, so that a value in the document cannot look like a record if the record
 * around it is damaged (odds of 2^-64 a try).
 */
export const MARKER_BYTES = 8

/** Maximum of bytes of the line, in every version. */
const MAX_HEAD_BYTES = 128

const LINE = /^pilot-gossip (log|state) (\d+) ([0-9a-f]{16}) ([0-9a-f]{8})\n/

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0')

export const encodeHead = (kind: FileKind, marker: Uint8Array): Uint8Array => {
  const text = `pilot-gossip ${kind} ${FORMAT_VERSION} ${Buffer.from(marker).toString('hex')}`
  return new TextEncoder().encode(`${text} ${checksum(text)}\n`)
}

/** Bytes of a head of this version. */
export const headBytes = (kind: FileKind): number =>
  encodeHead(kind, new Uint8Array(MARKER_BYTES)).length

/** The Failure for a file of a newer program. */
export const newerFormat = (path: string, format: number, known: number): Failure =>
  new Failure(
    'invalid_argument',
    `"${path}" has format ${format}; this program reads formats up to ${known}`,
    { hint: 'install a newer pilot-gossip, or choose another data folder' },
  )

/** Returns the marker; undefined if the head is damaged. Throws a Failure for a newer format. */
export const decodeHead = (bytes: Uint8Array, path: string): Uint8Array | undefined => {
  const text = Buffer.from(bytes.subarray(0, MAX_HEAD_BYTES)).toString('latin1')
  const [line, , version, marker = '', sum = ''] = LINE.exec(text) ?? []
  if (line === undefined || checksum(line.slice(0, -sum.length - 2)) !== sum) return undefined
  if (Number(version) > FORMAT_VERSION) throw newerFormat(path, Number(version), FORMAT_VERSION)
  return new Uint8Array(Buffer.from(marker, 'hex'))
}

/**
 * Possible markers of a file with a damaged head: the bytes at its place in the head, and those at the
 * start of the first record.
 */
export const guessMarkers = (bytes: Uint8Array, kind: FileKind): Uint8Array[] => {
  const end = headBytes(kind)
  const hex = Buffer.from(bytes.subarray(end - 26, end - 10)).toString('latin1')
  const inHead = new Uint8Array(Buffer.from(hex, 'hex'))
  return [bytes.slice(end, end + MARKER_BYTES), inHead].filter(
    ({ length }) => length === MARKER_BYTES,
  )
}
