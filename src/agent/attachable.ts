/**
 * A document as the runtime shares it: what `Room` is to its runtime.
 *
 * ```ts
 * runtime.attach(room)
 * ```
 */
import type { Replica } from '../../crdt/index.ts'
import type { OpenOptions } from '../gossip/index.ts'
import type { Problem } from './problem.ts'

export interface Attachable {
  /** The same at all peers. */
  readonly name: string
  readonly replica: Replica
  /** How gossip treats the document. */
  readonly openOptions: OpenOptions
  /** Resolves when the room has left. Absent unless it is about to leave. */
  readonly leaving?: Promise<void> | undefined
  /** Resolves when everything that was received so far is stored. */
  flushed(): Promise<void>
  /**
   * Resolves when everything that the next message contains is stored and may be sent. Undefined: it
   * may be sent at once.
   */
  publish(): Promise<void> | undefined
  /** Called after each event that may concern this document. */
  onStep(): void
  /** Called with awareness states that a peer sent (see `crdt/awareness.ts`). */
  onAwareness(bytes: Uint8Array, from: string): void
  /** Called for problems with this document, caused by a peer or by a listener. */
  onProblem(problem: Problem): void
  /** Called before the runtime closes. Messages that are sent now still leave. */
  onClosing(): void
  /** Called when the runtime has closed and shares nothing any more. */
  onClosed(): void
}
