/**
 * Why `forceSync` got no answer.
 *
 * ```ts
 * throw unanswered(room, refused)
 * // Failure, timeout: none of 2 peers answered in room "notes"
 * ```
 */
import type { Problem } from '../agent/problem.ts'
import type { Room } from '../agent/room.ts'
import { Failure } from '../errors.ts'

export const notConnected = ({ name }: Room): Failure =>
  new Failure('closed', `room "${name}" is not connected`, {
    hint: 'wait for the event status, or call connect',
  })

/** `refused` is the last message of a peer that could not be merged, if there was one. */
export const unanswered = (
  { name, runtime }: Room,
  refused: (Problem & { readonly type: 'refused' }) | undefined,
): Failure => {
  if (refused) {
    const message = `a message from "${refused.from}" in room "${name}" was refused: ${refused.message}`
    return new Failure('timeout', message, { hint: 'check that all peers run the same version' })
  }
  const known = runtime?.gossip?.peers.size ?? 0
  return new Failure('timeout', `none of ${known} peers answered in room "${name}"`, {
    hint: known === 0 ? 'give peers, or wait until some are found' : 'check that they are running',
  })
}
