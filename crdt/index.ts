/**
 * The pure part: documents, their digests and deltas, and the `gossip_push` codec. It needs
 * yjs and lib0 alone, and neither clock nor randomness.
 *
 * @module pilot-gossip/crdt
 */
export {
  AWARENESS_ENTRIES,
  type AwarenessEntry,
  type AwarenessMessage,
  decodeAwareness,
  encodeAwareness,
  type WrittenEntry,
} from './awareness.ts'
export {
  AWARENESS_STATE_LENGTH,
  type AwarenessState,
  type WrittenState,
  writeState,
} from './awareness-state.ts'
export { decodePush, encodePush, isPushOf } from './codec.ts'
export {
  type DeleteSet,
  decodeDeletes,
  emptyDeletes,
  encodeDeletes,
  hasDeletes,
  subtractDeletes,
} from './deletes.ts'
export {
  type ClockRun,
  type Clocks,
  countEntries,
  coversDelta,
  type Delta,
  deltaOfTransaction,
  deltaSince,
  emptyDelta,
  encodeDelta,
  isEmptyDelta,
  mergeDeltas,
} from './delta.ts'
export { digestBytes, digestSnapshot } from './digest.ts'
export {
  differences,
  type Fingerprint,
  type FingerprintCache,
  fingerprintOf,
} from './fingerprint.ts'
export { CausalGate, type HeldUpdate } from './gate.ts'
export { type Inspection, inspectUpdate } from './inspect.ts'
export { mergeOwn } from './integrate.ts'
export { LIMITS, type Limits } from './limits.ts'
export type { Fits, RefusedChange } from './local-check.ts'
export {
  type DocState,
  type Fragment,
  MESSAGE_FORMAT,
  MESSAGE_TYPE,
  type Missing,
  type PackedUpdate,
  type Push,
} from './message.ts'
export { needsOf } from './needs.ts'
export type {
  BatchOutcome,
  EncodedUpdate,
  Known,
  Outcome,
  ReceivedUpdate,
  ReplicaOptions,
  Summary,
  UpdateOutcome,
} from './outcome.ts'
export { checkOwnDoc, type DocKind, ForeignDocError, kindOfDoc } from './own-doc.ts'
export { ForkRefusal } from './own-writer.ts'
export { packUpdate, unpackUpdate } from './packed.ts'
export { fitsPiece, takePiece } from './piece.ts'
export type { Platform } from './platform.ts'
export { REFUSAL_REASONS, Refusal, type RefusalReason } from './refusal.ts'
export { Replica } from './replica.ts'
export { deepMerge, type Json, type ScalarPush, ScalarReplica } from './scalar.ts'
export {
  type GuardedTransactions,
  guardTransactions,
  type TransactionUser,
} from './transaction-guard.ts'
export { checkValue, isPlainKey, setOwn } from './values.ts'
export type { OwnRange } from './withheld.ts'
