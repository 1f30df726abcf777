/**
 * Problems that an agent, a room or a provider reports. No call waits for them, and there may be many.
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
      /** The sender. For a local change the own address, which is empty before the start. */
      readonly from: string
      /** Absent if the whole message is refused. */
      readonly document?: string
      /** Set if awareness states were refused, and not a change of the document. */
      readonly part?: 'awareness'
      readonly reason: RejectionReason
      readonly message: string
      /**
       * Set for a local change: the name of the root type, then keys and list indexes. The change was
       * removed from the document, since peers would refuse it and every later change. For awareness:
       * keys and indexes within the state. Peers keep the previous state.
       */
      readonly path?: readonly (string | number)[]
    }
  | { readonly type: 'unsendable'; readonly to: string; readonly bytes: number }
  | { readonly type: 'observer_failed'; readonly error: unknown }
  | {
      /**
       * A peer has the same digest and other content: two agents have written under one of these
       * writer ids. If one of them still runs, it takes a new id, which repairs the document.
       */
      readonly type: 'diverged'
      readonly from: string
      readonly document: string
      readonly writers: readonly number[]
    }

/** Mistakes of the program become a warning of the process if it has no listener for problems. */
export const warnOfOwn = (problem: Problem): void => {
  if (problem.type === 'observer_failed') warnOfThrown(problem.error)
  if (problem.type === 'refused' && problem.path) warn(problem.reason, problem.message)
}

/** The program's listener, as a function that never throws. */
export const reporter = (
  onProblem: (problem: Problem) => void = warnOfOwn,
): ((problem: Problem) => void) => safeListener(onProblem)
