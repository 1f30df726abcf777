/**
 * A document and the updates that made it.
 *
 * ```ts
 * const { doc, updates } = written(100)
 * ```
 */
import * as Y from 'yjs'

/** One writer sets `keys` keys `count` times in all; each write is one update. */
export const written = (
  count: number,
  keys: number = count,
  doc: Y.Doc = new Y.Doc(),
): { readonly doc: Y.Doc; readonly updates: Uint8Array[] } => {
  const updates: Uint8Array[] = []
  const collect = (update: Uint8Array): void => void updates.push(update)
  doc.on('update', collect)
  const map = doc.getMap<number>('numbers')
  for (let index = 0; index < count; index++) map.set(`k${index % keys}`, index)
  doc.off('update', collect)
  return { doc, updates }
}
