/**
 * A push as few bytes: what is base64 in its text becomes the bytes that it stands for, and the rest,
 * which is much the same in each push, is compressed with a preset dictionary.
 *
 * ```ts
 * pack('{"data":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}')      // 24 bytes, and some for the rest
 * unpack(packed, 1_000)                                     // the same text
 * ```
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'

/** Base64 of 18 bytes or more, as a JSON string. A shorter one gains nothing. */
const LONG_BASE64 = /"([A-Za-z0-9+/]{24,}={0,2})"/g

/** Stands for a part that was taken out. A JSON text has no such character, but any text may be sent. */
const MARK = '\u0001'

/**
 * Characters that are in nearly every push, the most frequent ones last, as DEFLATE wants it. Both
 * sides need the same, so it never changes.
 */
const DICTIONARY = Buffer.from(
  `"reads":2,"fragment":{"of":"missing":{"indexes":[],"told":["enough":true,"partial":true,"writers":"${MARK}","awareness":"${MARK}","ranges":"${MARK}","vector":"${MARK}","deletes":"${MARK}","answer":true,"more":true,"content":"","documents":2,{"digest":"","members":["0:0000.0000.0001","0:0000.0000.0002"]{"type":"gossip_push","version":1,"state":{"kv":{"update":{"data":"${MARK}","encoding":"v1+deflate","length":1"v1","length":7,"digest":"${MARK}","needs":"AQ=="}}},"sender":"0:0000.0000.0000","timestamp":"17","swarm":"","format":2}`,
)

/** What is left of a push is a few hundred characters: smaller buffers save half of the time. */
const SMALL = { chunkSize: 1_024, dictionary: DICTIONARY }
const DEFLATE = { ...SMALL, level: 6, memLevel: 3, windowBits: 12 }

/** A number of four bytes before each part, so that the parts need no end. */
const LENGTH_BYTES = 4

const withLength = (part: Buffer): Buffer[] => {
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeUInt32BE(part.length)
  return [length, part]
}

export const pack = (text: string): Buffer => {
  const parts: Buffer[] = []
  const rest = text.includes(MARK)
    ? text
    : text.replace(LONG_BASE64, (whole, base64: string) => {
        const part = Buffer.from(base64, 'base64')
        // Bits that no byte holds would be lost.
        if (part.toString('base64') !== base64) return whole
        parts.push(...withLength(part))
        return `"${MARK}"`
      })
  return Buffer.concat([...withLength(deflateRawSync(rest, DEFLATE)), ...parts])
}

/** Throws an Error for bytes that `pack` does not make, and if the rest is longer than `maxBytes`. */
export const unpack = (bytes: Buffer, maxBytes: number): string => {
  let at = 0
  const take = (): Buffer => {
    const end = at + LENGTH_BYTES + bytes.readUInt32BE(at)
    if (end > bytes.length) throw new RangeError('a part is cut off')
    const part = bytes.subarray(at + LENGTH_BYTES, end)
    at = end
    return part
  }
  const options = { ...SMALL, maxOutputLength: maxBytes }
  const rest = inflateRawSync(take(), options).toString('utf8')
  // Without parts, a mark is a character of the text.
  return at === bytes.length ? rest : rest.replaceAll(MARK, () => take().toString('base64'))
}
