/**
 * How many bytes text takes on the wire, and where it may be cut.
 *
 * ```js
 * textBytes('é')     // 2
 * jsonBytes('a"b')   // 6: with its quotes and the escape
 * ```
 */
import { encodeUtf8 } from 'lib0/string'

/** UTF-8 bytes. A lone surrogate takes three, as it is replaced by U+FFFD. */
export const textBytes = (text: string): number => encodeUtf8(text).length

/** UTF-8 bytes of the text as a JSON string, quotes included. */
export const jsonBytes = (text: string): number => textBytes(JSON.stringify(text))

/** Is this UTF-16 unit the first half of a character? A cut after it would destroy the character. */
export const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
