/**
 * The shared maps of a `Y.Doc`: what agents of the swarm write, for programs that have the document
 * already. Needs Yjs and lib0 alone, so it also runs in browsers.
 *
 * ```ts
 * import { readEntry, SharedMap } from 'pilot-gossip/maps'
 *
 * const tasks = new SharedMap<{ done: boolean }>(doc, 'tasks')
 * tasks.set('7', { done: true })
 * readEntry(doc, 'tasks', '7')    // { done: true }
 * ```
 *
 * @module pilot-gossip/maps
 */
export type { Json } from '../../crdt/index.ts'
export { Failure, type FailureCode, type FailureOptions, isFailure } from '../errors.ts'
export {
  appendEntry,
  type Conditions,
  checkEntry,
  DEFAULT_MAP,
  deleteEntry,
  describeEntry,
  type EntryChange,
  type EntryInfo,
  type EntryKind,
  type EntryLayout,
  expireEntry,
  expiryOf,
  FOREIGN_TYPES,
  type ForeignType,
  type ForeignTypes,
  hasEntry,
  historyOf,
  incrementEntry,
  keysOf,
  limitValues,
  listMaps,
  MAX_TTL_MS,
  type ObserveOptions,
  observeEntries,
  passTime,
  persistEntry,
  type RestoredEntry,
  readEntries,
  readEntry,
  readPath,
  restoreEntries,
  type Selection,
  sizeOf,
  toArgumentFailure,
  UnkeepableError,
  type Version,
  type WriteOptions,
  writeEntries,
  writeEntry,
  writePath,
} from '../maps/index.ts'
export type { Keepable, ReadonlyJson } from '../maps/keepable.ts'
export {
  type SetOptions,
  SharedMap,
  type SharedMapChange,
  type SharedMapOptions,
} from '../maps/shared-map.ts'
export type { Signal, UntilOptions } from '../maps/until.ts'
