/**
 * Hands messages to the receiver: all that wait at once if it has `receiveAll`, otherwise one by one.
 *
 * ```ts
 * const taken = await deliver(hooks, batch, waiting, () => isClosed)
 * for (const incoming of batch.slice(0, taken)) await remove(incoming)
 * ```
 */
import { type Failure, toFailure } from '../errors.ts'
import { safeListener } from '../listeners.ts'
import type { Incoming, TransportHooks } from './transport.ts'

/** Messages in a batch at most. A thousand cost one merge and one flush; more would only take more memory at once. */
export const MAX_BATCH = 1_000

/** Bytes of a batch at most, unless a single message is longer: the receiver holds them in memory. */
export const MAX_BATCH_BYTES = 16 * 1024 * 1024

/** The hooks with an `onProblem` that never throws, since timers and watchers call it. */
export const safeHooks = (hooks: TransportHooks): TransportHooks => ({
  accepts: (text) => hooks.accepts(text),
  receive: (incoming) => hooks.receive(incoming),
  ...(hooks.receiveAll && {
    receiveAll: (batch, waiting) => hooks.receiveAll?.(batch, waiting),
  }),
  onProblem: safeListener((problem: Failure) => hooks.onProblem(problem)),
})

/** Is the message for the receiver? If `accepts` throws, the error is reported and the message refused. */
export const accepted = (hooks: TransportHooks, text: string): boolean => {
  try {
    return hooks.accepts(text)
  } catch (error) {
    hooks.onProblem(toFailure(error))
    return false
  }
}

/**
 * Resolves once the receiver has handled the messages, to the number of them, in order, that may be
 * removed. Errors of the receiver go to `onProblem`. `waiting` is the number of further messages,
 * as far as it is known. `isOver` stops the delivery between two messages.
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
