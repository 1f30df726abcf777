/**
 * Fingerprints of what writers have written, as peers exchange them when their contents differ
 * although their states are equal.
 *
 * ```js
 * differences(published.writers, theirs)      // the writers whose content differs
 * ```
 */
import * as decoding from 'lib0/decoding'
import * as encoding from 'lib0/encoding'

/** Bytes of a fingerprint. Enough to find a writer; the digest of the content is longer. */
const BYTES = 8

/** The first 8 bytes of a hash, as 16 hex digits. */
export const hexOf = (hash: Uint8Array): string => {
  let hex = ''
  for (let i = 0; i < BYTES; i++) hex += hash[i]!.toString(16).padStart(2, '0')
  return hex
}

/** The writers whose fingerprints differ, sorted. */
export const differences = (
  ours: ReadonlyMap<number, string>,
  theirs: ReadonlyMap<number, string>,
): number[] =>
  [...new Set([...ours.keys(), ...theirs.keys()])]
    .filter((writer) => ours.get(writer) !== theirs.get(writer))
    .sort((a, b) => a - b)

export const encodeWriters = (writers: ReadonlyMap<number, string>): Uint8Array => {
  const encoder = encoding.createEncoder()
  for (const [writer, hex] of writers) {
    encoding.writeVarUint(encoder, writer)
    for (let i = 0; i < hex.length; i += 2)
      encoding.writeUint8(encoder, Number.parseInt(hex.slice(i, i + 2), 16))
  }
  return encoding.toUint8Array(encoder)
}

/** Inverse of `encodeWriters`; throws on damage. */
export const decodeWriters = (bytes: Uint8Array): Map<number, string> => {
  const decoder = decoding.createDecoder(bytes)
  const writers = new Map<number, string>()
  while (decoding.hasContent(decoder)) {
    const writer = decoding.readVarUint(decoder)
    writers.set(writer, hexOf(decoding.readUint8Array(decoder, BYTES)))
  }
  return writers
}
