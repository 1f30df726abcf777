/**
 * Base64, and the length of a text in UTF-8, with Node's `Buffer` or without it: maps also run in
 * browsers.
 *
 * ```js
 * byteLength('é')               // 2
 * toBase64(Uint8Array.of(1, 2)) // 'AQI='
 * ```
 */
/** UTF-8 bytes of one UTF-16 unit. Each half of a surrogate pair counts 2; a lone half becomes U+FFFD. */
const bytesOf = (text: string, index: number): number => {
  const unit = text.charCodeAt(index)
  if (unit < 0x80) return 1
  if (unit < 0x800) return 2
  if ((unit & 0xf800) !== 0xd800) return 3
  const isHigh = unit < 0xdc00
  const other = text.charCodeAt(isHigh ? index + 1 : index - 1)
  return (other & 0xfc00) === (isHigh ? 0xdc00 : 0xd800) ? 2 : 3
}

/** The length in UTF-8 without `Buffer`; a test compares the two. */
export const countBytes = (text: string): number => {
  let bytes = 0
  for (let index = 0; index < text.length; index++) bytes += bytesOf(text, index)
  return bytes
}

const hasBuffer = typeof Buffer !== 'undefined'

export const byteLength: (text: string) => number = hasBuffer
  ? (text) => Buffer.byteLength(text)
  : countBytes

/** Bytes that become one string at a time: a call takes a limited number of arguments. */
const CHUNK_BYTES = 8_192

/** `toBase64` without `Buffer`. */
export const encodeBase64 = (bytes: Uint8Array): string => {
  let binary = ''
  for (let start = 0; start < bytes.length; start += CHUNK_BYTES)
    binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK_BYTES))
  return btoa(binary)
}

/** `fromBase64` without `Buffer`. */
export const decodeBase64 = (text: string): Uint8Array => {
  const digits = text.replace(/=+$/, '')
  // A single last digit does not hold a whole byte: `atob` throws for it, and Node ignores it.
  const whole = digits.length % 4 === 1 ? digits.slice(0, -1) : digits
  return Uint8Array.from(atob(whole), (character) => character.charCodeAt(0))
}

export const toBase64: (bytes: Uint8Array) => string = hasBuffer
  ? ({ buffer, byteOffset, byteLength }) =>
      Buffer.from(buffer, byteOffset, byteLength).toString('base64')
  : encodeBase64

/** A plain Uint8Array, because Yjs cannot encode a Buffer. */
export const fromBase64: (text: string) => Uint8Array = hasBuffer
  ? (text) => new Uint8Array(Buffer.from(text, 'base64'))
  : decodeBase64
