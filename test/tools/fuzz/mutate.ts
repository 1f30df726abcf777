/**
 * Seeded mutations of texts and bytes: flipped bits, cuts, splices, repeated parts, and numbers
 * replaced by extreme ones.
 *
 * ```ts
 * mutateText(text, another, random)
 * mutateBytes(bytes, others, random)
 * ```
 */
import type { Random } from '../../helpers/random.ts'

/** Varints of 2^31, 2^32 - 1, 2^53 - 1, one that never ends within a number, and zero. */
const EXTREME_BYTES: readonly (readonly number[])[] = [
  [0x80, 0x80, 0x80, 0x80, 0x08],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  Array(12).fill(0xff),
  [0],
]

const EXTREME_NUMBERS = ['-1', '0', '1e999', '9007199254740993', '4294967296', '0.5', '""', 'null']

const joined = (...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]))

/** One mutation; `other` is what parts are spliced from. */
const mutateOnce = (bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array => {
  const at = random.int(0, bytes.length)
  const end = Math.min(bytes.length, at + random.int(1, 12))
  return random.pick([
    () => {
      const copy = new Uint8Array(bytes)
      if (at < copy.length) copy[at]! ^= 1 << random.int(0, 7)
      return copy
    },
    () => bytes.slice(0, at),
    () => joined(bytes.subarray(0, at), bytes.subarray(end)),
    () => {
      const from = random.int(0, other.length)
      return joined(bytes.subarray(0, at), other.subarray(from, from + 40), bytes.subarray(end))
    },
    () => {
      const part = bytes.subarray(at, end)
      const repeated = Array.from({ length: random.int(2, 50) }, () => part)
      return joined(bytes.subarray(0, at), ...repeated, bytes.subarray(end))
    },
    () => joined(bytes.subarray(0, at), random.pick(EXTREME_BYTES), bytes.subarray(at + 1)),
  ])()
}

/** One to three mutations. */
export const mutateBytes = (bytes: Uint8Array, other: Uint8Array, random: Random): Uint8Array => {
  let mutated = bytes
  for (let i = random.int(1, 3); i > 0; i--) mutated = mutateOnce(mutated, other, random)
  return mutated
}

/** One to three mutations of a text, of its numbers or of its bytes. */
export const mutateText = (text: string, other: string, random: Random): string => {
  const numbers = [...text.matchAll(/(?<=[:,[])-?\d+/g)]
  if (numbers.length > 0 && random.chance(0.4)) {
    const { 0: found, index } = random.pick(numbers)
    const value = random.pick(EXTREME_NUMBERS)
    return text.slice(0, index) + value + text.slice(index + found.length)
  }
  return Buffer.from(mutateBytes(Buffer.from(text), Buffer.from(other), random)).toString()
}
