/**
 * Trouble that an agent, a room or a provider reports: nobody waits for it, and it may come often.
 *
 * ```ts
 * const onProblem = (problem: Problem) => problem.type === 'refused' && count(problem.reason)
 * new Agent({ swarm: 'kv', transport, onProblem })
 * ```
 */
import type { RejectionReason } from '../../crdt/index.ts'
import type { Failure } from '../errors.ts'
import { safeListener, warn, warnOfThrown } from '../listeners.ts'

export type Problem =
  | { readonly type: 'transport'; readonly failure: Failure }
  | { readonly type: 'store'; readonly failure: Failure }
  | { readonly type: 'send'; readonly to: string; readonly failure: Failure }
  | {
      readonly type: 'refused'
      /** Who sent it; our own address (empty while there is none) for what was written here. */
      readonly from: string
      /** Absent where the message as a whole is refused. */
      readonly document?: string
      /** It is about who is there, and not about what the document holds. */
      readonly part?: 'awareness'
      readonly reason: RejectionReason
      readonly message: string
      /**
       * Where it was written here: the name of the root type, then keys and places in lists. It has
       * been taken out of the document, as peers would refuse it with all that comes after it. Of
       * awareness: keys and places within the state that was set. Peers keep the one before it.
       */
      readonly path?: readonly (string | number)[]
    }
  | { readonly type: 'unsendable'; readonly to: string; readonly bytes: number }
  | { readonly type: 'observer_failed'; readonly error: unknown }
  | {
      /**
       * A peer has our digest and holds something else: two have written as one of these writers. It
       * is mended where one of them is still there: what it wrote becomes that of a new id.
       */
      readonly type: 'diverged'
      readonly from: string
      readonly document: string
      readonly writers: readonly number[]
    }

/** What the program itself has done wrong is a warning of the process, where it listens to no problems. */
export const warnOfOwn = (problem: Problem): void => {
  if (problem.type === 'observer_failed') warnOfThrown(problem.error)
  if (problem.type === 'refused' && problem.path) warn(problem.reason, problem.message)
}

/** The program's listener as one that never throws. */
export const reporter = (
  onProblem: (problem: Problem) => void = warnOfOwn,
): ((problem: Problem) => void) => safeListener(onProblem)
