/** What a room may be called: what a message can carry, and any object can hold as a key. And how many there may be. */
import { isPlainKey, LIMITS } from '../../crdt/index.ts'
import { Failure } from '../errors.ts'

/**
 * Further rooms of one agent at a time. Each costs a document in memory and 80 bytes in every
 * round's push; a message may name 256.
 */
export const MAX_ROOMS = 100

/** Half of a surrogate pair: no UTF-8 holds it. */
const HALF_CHARACTER = /\p{Surrogate}/u

/** The name; throws a Failure (invalid_argument) for one that cannot be used. */
export const checkRoomName = (name: string): string => {
  const isUsable =
    name !== '' &&
    name.length <= LIMITS.nameLength &&
    isPlainKey(name) &&
    !HALF_CHARACTER.test(name)
  if (isUsable) return name
  throw new Failure('invalid_argument', `"${name.slice(0, 60)}" cannot be the name of a room`, {
    hint: `give 1 to ${LIMITS.nameLength} characters, and not a name that JavaScript reserves`,
  })
}
