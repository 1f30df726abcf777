/** Valid names of rooms, and how many rooms there may be. A message carries a name; objects hold it as a key. */
import { isPlainKey, LIMITS } from '../../crdt/index.ts'
import { Failure } from '../errors.ts'

/**
 * Maximum of further rooms of one agent. Each costs a document in memory and 80 bytes in the push of
 * every round. A message may name 256.
 */
export const MAX_ROOMS = 100

/** UTF-8 cannot carry it. */
const LONE_SURROGATE = /\p{Surrogate}/u

/** Returns the name. Throws a Failure (invalid_argument) if it is not valid. */
export const checkRoomName = (name: string): string => {
  const isUsable =
    name !== '' &&
    name.length <= LIMITS.nameLength &&
    isPlainKey(name) &&
    !LONE_SURROGATE.test(name)
  if (isUsable) return name
  throw new Failure('invalid_argument', `"${name.slice(0, 60)}" cannot be the name of a room`, {
    hint: `give 1 to ${LIMITS.nameLength} characters, and not a name that JavaScript reserves`,
  })
}
