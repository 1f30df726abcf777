/**
 * What a transaction has deleted of a key: its value before, and the Yjs id under which that was
 * written last. To be called before the transaction ends, as Yjs then forgets the content.
 *
 * ```ts
 * const deletedOf = deletedIn(transaction)
 * deletedOf('state', 'k') // { value: 1, client: 7, clock: 12 }
 * ```
 */
import * as Y from 'yjs'
import { Cell, isSeen, valueOfView } from './cell.ts'
import { latestOf } from './entries.ts'
import { hotOf } from './hot.ts'
import { decodeElement } from './hot-element.ts'
import { entryId, plainItem } from './plain.ts'

export interface DeletedEntry {
  /** Absent if it was a shared type: its content went with it. */
  readonly value?: unknown
  readonly client: number
  readonly clock: number
}

/** Its stamps lie in the past, or nothing could be deleted: none is too far ahead. */
const HORIZON = (): number => Number.POSITIVE_INFINITY

const idOf = (map: string, key: string): string => JSON.stringify([map, key])

/** The hot elements that it deletes, by map and key. Visits everything that it deletes. */
const cellsOf = (transaction: Y.Transaction): ReadonlyMap<string, Cell> => {
  const index = hotOf(transaction.doc)
  const cells = new Map<string, Cell>()
  Y.iterateDeletedStructs(transaction, transaction.deleteSet, (struct) => {
    if (!(struct instanceof Y.Item) || !(struct.content instanceof Y.ContentAny)) return
    if (!index.holds(struct)) return
    const { client, clock } = struct.id
    for (const [i, content] of struct.content.arr.entries()) {
      const element = decodeElement(client, clock + i, content)
      if (!element) continue
      const id = idOf(element.map, element.key)
      const cell = cells.get(id) ?? new Cell(element.map, element.key, HORIZON)
      cells.set(id, cell)
      cell.add(element)
    }
  })
  return cells
}

/** Looks at hot elements when the first key is asked for, once. */
export const deletedIn = (transaction: Y.Transaction) => {
  let cells: ReadonlyMap<string, Cell> | undefined
  return (map: string, key: string): DeletedEntry | undefined => {
    cells ??= cellsOf(transaction)
    const item = plainItem(transaction.doc, map, key)
    const isGone = item !== undefined && Y.isDeleted(transaction.deleteSet, item.id)
    const plain = isGone ? entryId(item) : undefined
    const cell = cells.get(idOf(map, key))
    const view = cell?.view(plain) ?? (plain && { plain, hot: undefined, parts: [], items: [] })
    if (!view || !isSeen(view)) return undefined
    const { client, clock } = latestOf(view) ?? view.plain!
    const isType = view.hot === undefined && item?.content instanceof Y.ContentType
    return { client, clock, ...(!isType && { value: valueOfView(view) }) }
  }
}
