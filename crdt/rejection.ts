/**
 * Why something from the network was rejected. A rejection changes nothing: the message is dropped,
 * counted by its reason, and reported.
 *
 * ```js
 * try { replica.apply(bytes) } catch (e) { if (e instanceof Rejection) counters[e.reason]++ }
 * ```
 */

export const REJECTION_REASONS = [
  /** not JSON, not the shape of a push, or not an update that Yjs can decode */
  'malformed',
  /** a push of a later, incompatible format */
  'wrong_format',
  /** a push of another swarm */
  'wrong_swarm',
  /** an update in another encoding than V1 */
  'wrong_encoding',
  /** more bytes than allowed, also after inflating */
  'too_large',
  /** more documents, entries or members than allowed */
  'too_many',
  /** items that need more comparisons with concurrent ones than allowed; those before them are merged */
  'too_costly',
  /** nested deeper than allowed */
  'too_deep',
  /** length or digest of the update do not match its bytes */
  'damaged',
  /** a writer's clock advances further than one update may carry it */
  'clock_jump',
  /** a delete far beyond what its writer has written */
  'delete_jump',
  /** structs or deletes under our own writer id that we never wrote */
  'own_clock',
  /** a document that is not open here */
  'unknown_document',
  /** a pull of what its sender was sent before, and has not shown to have merged */
  'pulled_too_often',
  /** the sender has sent too many messages that were rejected, and is not read for a while */
  'grey_listed',
  /** the agent takes messages of listed peers only, and the sender is none of them */
  'not_accepted',
  /** the sender is banned */
  'banned',
  /** an update of a peer, or of a program of this host, that may only read */
  'read_only',
  /** Yjs failed on an update that had passed every check */
  'apply_failed',
] as const

export type RejectionReason = (typeof REJECTION_REASONS)[number]

export class Rejection extends Error {
  override readonly name = 'Rejection'
  readonly reason: RejectionReason

  constructor(reason: RejectionReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.reason = reason
  }
}
