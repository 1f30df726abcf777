/**
 * Hands what has arrived to the receiver: all that waits at once where the receiver takes it so,
 * else message by message.
 *
 * ```ts
 * const taken = await deliver(hooks, batch, waiting, () => isClosed)
 * for (const incoming of batch.slice(0, taken)) await remove(incoming)
 * ```
 */
import { type Failure, toFailure } from '../errors.ts'
import { safeListener } from '../listeners.ts'
import type { Incoming, TransportHooks } from './transport.ts'

/**
 * Messages of one batch. A thousand cost one merge and one flush; more would only hold more of
 * them in memory at once.
 */
export const MAX_BATCH = 1_000

/** Bytes of one batch, unless a single message is longer: what a receiver holds in memory at once. */
export const MAX_BATCH_BYTES = 16 * 1024 * 1024

/** The hooks with an `onProblem` that never throws: it is called by timers and watchers. */
export const safeHooks = (hooks: TransportHooks): TransportHooks => ({
  accepts: (text) => hooks.accepts(text),
  receive: (incoming) => hooks.receive(incoming),
  ...(hooks.receiveAll && {
    receiveAll: (batch, waiting) => hooks.receiveAll?.(batch, waiting),
  }),
  onProblem: safeListener((problem: Failure) => hooks.onProblem(problem)),
})

/** Is that message for the receiver? What it throws is reported, and the message is not. */
export const accepted = (hooks: TransportHooks, text: string): boolean => {
  try {
    return hooks.accepts(text)
  } catch (error) {
    hooks.onProblem(toFailure(error))
    return false
  }
}

/**
 * Resolves, when the receiver is through with them, to how many were handed over, first to last:
 * those may be forgotten. Trouble of the receiver is reported to `onProblem`. `waiting`: how many
 * more messages lie there as far as is known. `isOver` stops it between two messages.
 */
export const deliver = async (
  hooks: TransportHooks,
  batch: readonly Incoming[],
  waiting: number,
  isOver: () => boolean,
): Promise<number> => {
  if (batch.length === 0 || isOver()) return 0
  if (hooks.receiveAll) {
    try {
      await hooks.receiveAll(batch, waiting)
    } catch (error) {
      hooks.onProblem(toFailure(error))
    }
    return batch.length
  }
  let taken = 0
  for (const incoming of batch) {
    if (isOver()) break
    try {
      await hooks.receive(incoming)
    } catch (error) {
      hooks.onProblem(toFailure(error))
    }
    taken++
  }
  return taken
}
