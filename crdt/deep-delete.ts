/**
 * Deletes shared types however deep they are nested. Yjs deletes and collects by recursion: some
 * 2,000 levels exhaust the stack, and half of the tree stays, a different half at each replica.
 * Here the deepest items are deleted first, so that Yjs has nothing to recurse into.
 *
 * ```js
 * deleteItem(transaction, item)
 * integrateOver(transaction, item, () => item.integrate(transaction, 0))
 * ```
 */
import * as Y from 'yjs'
import * as yjsInner from './yjs-inner.ts'

/** Levels that are left to Yjs: a quarter of what it manages on an empty stack. */
const MAX_YJS_LEVELS = 500

interface Level {
  readonly item: Y.Item
  readonly depth: number
}

/** The items directly below that are not deleted. */
function* below({ content }: Y.Item): Generator<Y.Item> {
  if (!(content instanceof Y.ContentType)) return
  for (const item of yjsInner.items(content.type)) if (!item.deleted) yield item
  for (const item of yjsInner.entryItems(content.type).values()) if (!item.deleted) yield item
}

/** All items below, parents before children; undefined if Yjs can manage them. */
const deepBelow = (top: Y.Item): Y.Item[] | undefined => {
  const found: Y.Item[] = []
  let isDeep = false
  const levels: Level[] = [{ item: top, depth: 0 }]
  for (let level = levels.pop(); level; level = levels.pop()) {
    const depth = level.depth + 1
    if (depth > MAX_YJS_LEVELS) isDeep = true
    for (const item of below(level.item)) {
      found.push(item)
      if (item.content instanceof Y.ContentType) levels.push({ item, depth })
    }
  }
  return isDeep ? found : undefined
}

const deleteBelow = (transaction: Y.Transaction, top: Y.Item): void => {
  const { doc } = transaction
  const items = deepBelow(top)
  if (!items) return
  items.reverse()
  for (const item of items) item.delete(transaction)
  // Observers see nothing of deleted items; Yjs would collect them from the top.
  if (doc.gc && doc.gcFilter(top)) for (const item of items) item.gc(doc.store, true)
}

/** Deletes the item and everything below it. */
export const deleteItem = (transaction: Y.Transaction, item: Y.Item): void => {
  if (item.deleted) return
  deleteBelow(transaction, item)
  item.delete(transaction)
}

/** Runs `integrate`, which may delete what is under the key of `item`. */
export const integrateOver = (
  transaction: Y.Transaction,
  { parent, parentSub }: Y.Item,
  integrate: () => void,
): void => {
  const old =
    parentSub !== null && parent instanceof Y.AbstractType
      ? yjsInner.entryItem(parent, parentSub)
      : undefined
  const content = old?.content
  if (!old || old.deleted || !(content instanceof Y.ContentType)) {
    integrate()
    return
  }
  // With this content Yjs has nothing to recurse into.
  old.content = new Y.ContentDeleted(old.length)
  try {
    integrate()
  } finally {
    old.content = content
  }
  if (!old.deleted) return
  deleteBelow(transaction, old)
  content.delete(transaction)
}
