/**
 * The shared maps of a document: reading, writing and observing entries, in either layout, for the
 * command line, the control socket, the demo and `SharedMap`.
 *
 * An entry is *plain*, in the root `Y.Map` with the name of the map, which any Yjs program reads,
 * or *hot*, for keys that are overwritten all day. Both appear as one map.
 *
 * ```js
 * writeEntry(doc, 'state', 'task:7', { owner: 'a' })
 * writeEntry(doc, 'state', 'beat:a', Date.now(), { hot: true })
 * incrementEntry(doc, 'state', 'done')
 * readEntries(doc, 'state')     // { 'beat:a': …, done: 1, 'task:7': { owner: 'a' } }
 * ```
 */
export type { Cell } from './cell.ts'
export { checkEntry, toArgumentFailure, UnkeepableError } from './check.ts'
export { Claim, type ClaimOptions, claimKey, settledClaim } from './claim.ts'
export {
  CLAIMS_MAP,
  type ClaimRequest,
  type ClaimState,
  readClaim,
  releaseClaim,
  renewClaim,
  takeClaim,
} from './claim-state.ts'
export { type Conditions, checkConditions } from './conditions.ts'
export { deletedIn } from './deleted.ts'
export {
  checkUnlost,
  describeEntry,
  type EntryInfo,
  type EntryLayout,
  formOf,
  hasEntry,
  keysInOrder,
  keysOf,
  listMaps,
  readEntries,
  readEntry,
  sizeOf,
  versionOf,
} from './entries.ts'
export { DELETE_MARGIN_MS } from './expiring.ts'
export { expireEntry, expiryOf, MAX_TTL_MS, persistEntry } from './expiry.ts'
export type { ForeignTypes } from './foreign.ts'
export {
  type FormerKey,
  type FormerOptions,
  type FormerResult,
  restoreFormer,
} from './former.ts'
export { historyOf, type Version } from './history.ts'
export { followHot, passTime, useClock, watchTransactions } from './hot.ts'
export { FOREIGN_TYPES, type ForeignType, type Form } from './json-form.ts'
export { copyJson } from './json-value.ts'
export { DEFAULT_MAP } from './names.ts'
export { hotNeedsOf } from './needs.ts'
export { type EntryChange, type ObserveOptions, observeEntries } from './observe.ts'
export { readPath, writePath } from './path.ts'
export { checkWritable, makeReadOnly } from './read-only.ts'
export { followRename, mergeCounts, partsOf } from './renamed.ts'
export {
  checkRestored,
  type EntryKind,
  type RestoredEntry,
  restoreEntries,
} from './restore.ts'
export {
  checkSelection,
  matcherOf,
  type SelectedKeys,
  type Selection,
  selectedKeys,
  selectKeys,
} from './selection.ts'
export { type Added, addedBy, type CounterChange, type CounterStep, stepsOf } from './steps.ts'
export { DEFAULT_VALUE_BYTES, limitValues, MAX_VALUE_BYTES, valueLimitOf } from './value-limit.ts'
export {
  appendEntry,
  deleteEntries,
  deleteEntry,
  incrementEntry,
  type WriteOptions,
  writeEntries,
  writeEntry,
} from './write.ts'
