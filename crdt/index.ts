/**
 * The pure part: documents, their digests and deltas, and the `gossip_push` codec. It needs only
 * yjs and lib0, and neither clock nor randomness.
 *
 * @module pilot-gossip/crdt
 */
export {
  type AwarenessEntry,
  type AwarenessMessage,
  decodeAwareness,
  encodeAwareness,
  MAX_AWARENESS_ENTRIES,
  type WrittenEntry,
} from './awareness.ts'
export {
  type AwarenessState,
  MAX_AWARENESS_STATE_LENGTH,
  type WrittenState,
  writeState,
} from './awareness-state.ts'
export { broughtBy } from './brought.ts'
export { fitsChunk, takeChunk } from './chunk.ts'
export { decodePush, encodePush } from './codec.ts'
export { stateToUpdate } from './decoded.ts'
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
  subtractDelta,
} from './delta.ts'
export { digestBytes, digestSnapshot } from './digest.ts'
export { differences } from './fingerprint.ts'
export { CausalGate, type HeldUpdate } from './gate.ts'
export { type Inspection, inspectUpdate } from './inspect.ts'
export { mergeOwn, mergeOwnState } from './integrate.ts'
export { LIMITS, type Limits } from './limits.ts'
export type { Fits, RejectedChange } from './local-check.ts'
export {
  type DocState,
  type Format,
  type Fragment,
  MESSAGE_FORMAT,
  MESSAGE_TYPE,
  type Missing,
  type NewPush,
  OLDEST_FORMAT,
  type PackedUpdate,
  type Push,
} from './message.ts'
export { needsOf } from './needs.ts'
export type {
  BatchOutcome,
  EncodedUpdate,
  Outcome,
  RangesOutcome,
  ReceivedUpdate,
  ReplicaOptions,
  SyncRequest,
  UpdateOutcome,
} from './outcome.ts'
export { checkOwnDoc, type DocKind, ForeignDocError, kindOfDoc } from './own-doc.ts'
export { ForkRejection } from './own-writer.ts'
export { packUpdate, unpackUpdate } from './packed.ts'
export { type PeerState, withDelta } from './peer-state.ts'
export type { Platform } from './platform.ts'
export { PushReader } from './push-reader.ts'
export { REJECTION_REASONS, Rejection, type RejectionReason } from './rejection.ts'
export { Replica } from './replica.ts'
export { isCopy, type Naming } from './same-struct.ts'
export { deepMerge, type Json, type ScalarPush, ScalarReplica } from './scalar.ts'
export { firstIndex, mixBits } from './search.ts'
export { structsOf } from './structs.ts'
export { isHighSurrogate, jsonBytes, textBytes } from './text.ts'
export {
  type GuardedTransactions,
  guardTransactions,
  type TransactionUser,
} from './transaction-guard.ts'
export { checkValue, isPlainKey, setOwn } from './values.ts'
export type { OwnRange } from './withheld.ts'
export type { StoredStruct } from './yjs-inner.ts'
export * as yjsInner from './yjs-inner.ts'
