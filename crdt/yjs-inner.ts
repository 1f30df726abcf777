/**
 * Everything that this project uses of Yjs and that Yjs does not document: the fields below a shared
 * type, the store of a document, its open transactions. No other file touches them.
 * `test/crdt/yjs-inner.test.ts` tries each function on a real document, so it fails if a new Yjs has
 * moved something.
 *
 * ```js
 * for (const item of inner.items(array)) if (!item.deleted) count += item.length
 * inner.entryItem(map, 'k')?.id
 * ```
 */
import * as Y from 'yjs'

/** What a store keeps: unlike an update, it has no Skips. */
export type StoredStruct = Y.Item | Y.GC

/** A shared type of any kind, also a root that has none yet. */
export type SharedType = Pick<
  Y.AbstractType<unknown>,
  '_start' | '_map' | '_item' | '_searchMarker'
>

// The store of a document.

/** The writers that a document has structs of. */
export const writers = (doc: Y.Doc): IterableIterator<number> => doc.store.clients.keys()

/** The structs of one writer in order of clock, without holes: the store's own array. */
export const storedStructs = (doc: Y.Doc, writer: number): StoredStruct[] | undefined =>
  doc.store.clients.get(writer) as StoredStruct[] | undefined

/** Makes these the structs of a writer. A writer without structs is removed. */
export const setStoredStructs = (doc: Y.Doc, writer: number, structs: StoredStruct[]): void => {
  if (structs.length === 0) doc.store.clients.delete(writer)
  else doc.store.clients.set(writer, structs)
}

/** Do updates wait inside the document, because something before them is missing? */
export const hasPending = ({ store }: Y.Doc): boolean =>
  store.pendingStructs !== null || store.pendingDs !== null

// What is below and above a shared type.

/** The first item of a type's list, deleted or not. */
export const firstItem = (type: SharedType): Y.Item | null => type._start

/** The items of a type's list, in their order, deleted ones too. */
export function* items(type: SharedType): Generator<Y.Item> {
  for (let item = type._start; item !== null; item = item.right) yield item
}

/** The newest item under each key of a type, deleted or not. */
export const entryItems = (type: SharedType): ReadonlyMap<string, Y.Item> => type._map

/** The newest item under a key, deleted or not. */
export const entryItem = (type: SharedType, key: string): Y.Item | undefined => type._map.get(key)

/** Moves an item to another key of the same type, or to none. What was under that key is lost. */
export const moveEntryItem = (type: SharedType, item: Y.Item, key: string | null): void => {
  type._map.delete(item.parentSub as string)
  if (key === null) return
  item.parentSub = key
  type._map.set(key, item)
}

/** Runs `change`, which adds an item before `first` and none at the end, while `first` counts as the newest item of the key. */
export const withEntryItem = (
  type: SharedType,
  key: string,
  first: Y.Item,
  change: () => void,
): void => {
  const newest = type._map.get(key)!
  type._map.set(key, first)
  try {
    change()
  } finally {
    type._map.set(key, newest)
  }
}

/** The item that holds a type; null for a root. */
export const holderOf = (type: SharedType): Y.Item | null => type._item

/** Are they one type? A root without a kind is replaced when it gets one, and both share content. */
export const isSameType = (a: SharedType, b: SharedType): boolean => a._map === b._map

/** Drops what Yjs remembers of positions in a list, after its items were changed past Yjs. */
export const forgetPositions = (type: SharedType): void => {
  if (type._searchMarker) type._searchMarker.length = 0
}

/** Adds an item of the document's own writer after `left`, or at the start of its parent. */
export const insertItem = (
  transaction: Y.Transaction,
  left: Y.Item | null,
  parent: NonNullable<Y.Item['parent']>,
  parentSub: string | null,
  content: Y.Item['content'],
): Y.Item => {
  const { clientID, store } = transaction.doc
  const id = Y.createID(clientID, Y.getState(store, clientID))
  const item = new Y.Item(id, left, left?.lastId ?? null, null, null, parent, parentSub, content)
  item.integrate(transaction, 0)
  return item
}

/** An item at the place of another one, with its own id and content. It is in no document. */
export const looseItem = (
  { origin, rightOrigin, parent, parentSub }: Y.Item,
  id: Y.ID,
  content: Y.Item['content'],
): Y.Item => new Y.Item(id, null, origin, null, rightOrigin, parent, parentSub, content)

// Transactions and events.

/** The transaction whose function is running, or was left open. */
export const runningTransaction = (doc: Y.Doc): Y.Transaction | null => doc._transaction

/** The transactions that are not cleaned up, oldest first. */
export const openTransactions = (doc: Y.Doc): readonly Y.Transaction[] => doc._transactionCleanups

/** Is a transaction running or being cleaned up? True also for one that was left open. */
export const isInTransaction = (doc: Y.Doc): boolean =>
  doc._transaction !== null || doc._transactionCleanups.length > 0

/** Makes the document forget its open transactions, and returns them. */
export const dropTransactions = (doc: Y.Doc): readonly Y.Transaction[] => {
  const open = doc._transactionCleanups
  doc._transactionCleanups = []
  doc._transaction = null
  return open
}

/** Lets Yjs clean up transactions whose functions have ended, oldest first. */
export const endTransactions = (doc: Y.Doc, transactions: readonly Y.Transaction[]): void => {
  const [first] = transactions
  if (!first) return
  Y.transact(doc, () => {
    // Yjs cleans up all listed transactions when the first one ends.
    doc._transactionCleanups.unshift(...transactions)
    doc._transaction = first
  })
}

export type Listener = (...args: readonly unknown[]) => void

/** A document, an awareness, or whatever else emits events by lib0. */
export interface Emitter {
  readonly _observers: Map<string, Set<unknown>>
}

/** The listeners of an event, in the order in which they are called. */
export const listenersOf = ({ _observers }: Emitter, event: string): readonly Listener[] => [
  ...((_observers.get(event) ?? []) as Iterable<Listener>),
]

export const hasListeners = ({ _observers }: Emitter, event: string): boolean =>
  _observers.has(event)

/** Removes all listeners of all events. */
export const removeListeners = ({ _observers }: Emitter): void => _observers.clear()
