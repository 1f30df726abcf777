/**
 * Removes an item from the transaction that wrote it, before any listener or peer learns of it. The
 * item stays, because its writer's clocks must have no hole, but deleted and without content. What
 * it had replaced under its key is restored.
 *
 * ```js
 * takeOut(transaction, item.id)
 * ```
 */
import * as Y from 'yjs'
import * as yjsInner from './yjs-inner.ts'

/** The items directly below a type, in the order in which they can be written again. */
function* itemsOf(type: Y.AbstractType<unknown>): Generator<Y.Item> {
  yield* yjsInner.items(type)
  yield* yjsInner.entryItems(type).values()
}

/** Writes again what `item` held, with everything that the transaction has deleted along with it. */
const putBack = (transaction: Y.Transaction, item: Y.Item, left: Y.Item): void => {
  const { parent, parentSub } = item
  if (parent === null) return
  const isLost = ({ id, deleted }: Y.Item): boolean =>
    !deleted || Y.isDeleted(transaction.deleteSet, id)
  const root = yjsInner.insertItem(transaction, left, parent, parentSub, item.content.copy())
  const types = [[item, root] as const]
  for (let pair = types.pop(); pair; pair = types.pop()) {
    const [from, to] = pair
    if (!(from.content instanceof Y.ContentType && to.content instanceof Y.ContentType)) continue
    let last: Y.Item | null = null
    for (const below of itemsOf(from.content.type)) {
      if (!isLost(below)) continue
      const beside: Y.Item | null = below.parentSub === null ? last : null
      const put: Y.Item = yjsInner.insertItem(
        transaction,
        beside,
        to.content.type,
        below.parentSub,
        below.content.copy(),
      )
      if (below.parentSub === null) last = put
      types.push([below, put])
    }
  }
}

/** Yjs searches the delete set, and sorts it only once, before observers are called. */
const sortDeletes = ({ deleteSet }: Y.Transaction): void => {
  const { clients } = Y.mergeDeleteSets([deleteSet])
  deleteSet.clients.clear()
  for (const [writer, runs] of clients) deleteSet.clients.set(writer, runs)
}

/** The item at `id` alone, split from its neighbours. */
const single = (transaction: Y.Transaction, id: Y.ID): Y.Item => {
  Y.getItemCleanStart(transaction, id)
  Y.getItemCleanEnd(transaction, transaction.doc.store, id)
  return Y.getItem(transaction.doc.store, id) as Y.Item
}

/** Can Yjs write the key? An untyped program may have used anything. */
export const isWritableKey = (key: unknown): boolean => key !== undefined && typeof key !== 'symbol'

/** An item whose key cannot be written is in no map. As a collected struct it needs no key. */
const forgetKey = (transaction: Y.Transaction, item: Y.Item): void => {
  const { id, length, parent, parentSub } = item
  const structs = yjsInner.storedStructs(transaction.doc, id.client)!
  structs[Y.findIndexSS(structs, id.clock)] = new Y.GC(id, length)
  if (!(parent instanceof Y.AbstractType)) return
  yjsInner.moveEntryItem(parent, item, null)
  transaction.changed.get(parent)?.delete(parentSub)
}

/** Removes the clock `id`, at the end of its own transaction or in a later one. */
export const takeOut = (transaction: Y.Transaction, id: Y.ID): void => {
  const { store } = transaction.doc
  const item = single(transaction, id)
  const { parent, parentSub, left } = item
  item.delete(transaction)
  item.content = new Y.ContentDeleted(item.length)
  if (!isWritableKey(parentSub)) {
    forgetKey(transaction, item)
    sortDeletes(transaction)
    return
  }
  if (parent instanceof Y.AbstractType) {
    // Yjs caches list positions here, which are wrong from now on.
    yjsInner.forgetPositions(parent)
    const isLast = parentSub !== null && yjsInner.entryItem(parent, parentSub) === item
    sortDeletes(transaction)
    if (isLast && transaction.local && left && Y.isDeleted(transaction.deleteSet, left.id)) {
      putBack(transaction, left, item)
      sortDeletes(transaction)
    }
  }
  const { client } = item.id
  for (const writer of [client, transaction.doc.clientID]) {
    const clock = Y.getState(store, writer)
    if (clock > 0) transaction.afterState.set(writer, clock)
  }
}
