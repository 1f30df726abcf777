/**
 * Adapts hot entries when some of a writer's structs move to another id (see `crdt/rename.ts`):
 * elements refer to values by the old ids, each writer has an array named after it, and each part
 * of a counter holds the whole sum of its writer.
 *
 * ```ts
 * const shared = partsOf(doc, writer)          // before the two writers diverged
 * replica.rename(clock, to, () => followRename(doc, writer, clock, to))
 * mergeCounts(doc, shared, Y.createID(writer, clock))
 * ```
 */
import * as Y from 'yjs'
import { isCopy, type Naming, yjsInner } from '../../crdt/index.ts'
import type { Cell } from './cell.ts'
import { viewEntry } from './entries.ts'
import { hotOf, watchTransactions } from './hot.ts'
import type { HotElement, HotPart, Id } from './hot-element.ts'
import { deleteElements, forgetTail } from './hot-writer.ts'
import { HOT_ROOT } from './names.ts'
import { incrementEntry } from './write.ts'

/** The index of an element's base in its content. */
const BASE = 5

/** Two arrays of one name would be one key, and one of them would be lost with its content. */
const renameArray = (doc: Y.Doc, writer: number, to: number): void => {
  const root = doc.share.get(HOT_ROOT)
  const item = root && yjsInner.entryItem(root, String(writer))
  if (!item || item.id.client !== to || item.left || item.origin) return
  yjsInner.moveEntryItem(root, item, String(to))
}

/** Call it while the structs of `writer` from `clock` on become those of `to`. */
export const followRename = (doc: Y.Doc, writer: number, clock: number, to: number): void => {
  if (!doc.share.has(HOT_ROOT)) return
  const index = hotOf(doc)
  renameArray(doc, writer, to)
  for (const array of index.arrays()) {
    for (const item of yjsInner.items(array)) {
      if (item.id.client !== to || !(item.content instanceof Y.ContentAny)) continue
      for (const content of item.content.arr as unknown[]) {
        const base = (Array.isArray(content) ? content[BASE] : undefined) as Id | undefined
        if (base?.[0] === writer && base[1] >= clock)
          (content as unknown[])[BASE] = [to, base[1] - clock]
      }
    }
  }
  forgetTail(index)
  index.rebuild()
}

/** The parts of counters that this writer has written. */
export const partsOf = (doc: Y.Doc, writer: number): HotPart[] => {
  // Reading it would attach listeners to the document.
  if (!doc.share.has(HOT_ROOT)) return []
  return [...hotOf(doc).elementsOf(writer)].filter((element) => element.kind === '+')
}

const isSameBase = (a: Id | undefined, b: Id | undefined): boolean =>
  a?.[0] === b?.[0] && a?.[1] === b?.[1]

/** A counter of which another writer's part may include what ours includes. */
interface Shared {
  readonly map: string
  readonly key: string
  readonly base: Id | undefined
  /** The sum from before the two writers diverged. */
  readonly before: number
  /** Our part as it was renamed: a peer may bring it back under the old id. */
  readonly renamed: HotPart | undefined
}

/** The names that what was renamed to `to` had before. */
const formerNames = ({ client, clock }: Y.ID, to: number): Naming => ({
  id: (id) => (id.client === to ? Y.createID(client, id.clock + clock) : id),
  key: (key) => (key === String(to) ? String(client) : key),
  value: (value) => {
    const base = (Array.isArray(value) ? value[BASE] : undefined) as Id | undefined
    if (base?.[0] !== to) return value
    return (value as unknown[]).with(BASE, [client, base[1] + clock])
  },
})

/**
 * What was renamed here may come back under its old id, from a peer that had it already. The other
 * program wrote under that id, too, and perhaps in the same millisecond: a stamp alone does not tell.
 */
class OwnCopy {
  readonly #doc: Y.Doc
  readonly #from: Y.ID
  readonly #to: number
  readonly #names: Naming
  /** Clocks from `from` on that were compared, and are ours. */
  #length = 0
  #isOther = false

  constructor(doc: Y.Doc, from: Y.ID, to: number) {
    this.#doc = doc
    this.#from = from
    this.#to = to
    this.#names = formerNames(from, to)
  }

  /** Is `theirs`, under the old id, our `renamed`? */
  has(theirs: HotElement, renamed: HotElement): boolean {
    const { client, clock } = this.#from
    if (renamed.client !== this.#to || theirs.client !== client) return false
    if (theirs.stamp !== renamed.stamp || theirs.clock !== renamed.clock + clock) return false
    return this.#reaches(renamed.clock + 1)
  }

  #reaches(length: number): boolean {
    if (this.#isOther || length <= this.#length) return !this.#isOther
    const { client, clock } = this.#from
    const own = Y.createID(this.#to, this.#length)
    const copy = Y.createID(client, clock + this.#length)
    this.#isOther = !isCopy(this.#doc, own, copy, length - this.#length, this.#names)
    this.#length = length
    return !this.#isOther
  }
}

/** Subtracts from our part what the other writer's includes as well. Returns whether that was there. */
const subtract = (doc: Y.Doc, shared: Shared, writer: number, copy: OwnCopy): boolean => {
  const { map, key, base, before, renamed } = shared
  const parts = viewEntry(doc, map, key)?.parts ?? []
  const isOf = (client: number) => (part: HotPart) =>
    part.client === client && isSameBase(part.base, base)
  const theirs = parts.find(isOf(writer))
  if (!theirs || !parts.some(isOf(doc.clientID))) return false
  const both = renamed && copy.has(theirs, renamed) ? renamed.value : before
  if (both !== 0) incrementEntry(doc, map, key, -both)
  return true
}

/** Deletes our copies of list items that come back under the old id. */
const removeDuplicates = (
  doc: Y.Doc,
  cells: readonly Cell[],
  writer: number,
  copy: OwnCopy,
): void => {
  const index = hotOf(doc)
  const duplicates = cells.flatMap(({ elements }) => {
    const items = [...elements].filter(({ kind }) => kind === '>')
    const theirs = new Map(
      items.filter(({ client }) => client === writer).map((item) => [item.stamp, item]),
    )
    return items.filter((item) => {
      const other = theirs.get(item.stamp)
      return item.client === doc.clientID && other && copy.has(other, item)
    })
  })
  if (duplicates.length === 0) return
  doc.transact((transaction) => deleteElements(index, transaction, duplicates))
}

/**
 * Call it after a rename: what was written here as `from.client` from `from.clock` on now belongs to
 * the document's own id, and `from.client` is another program. `before` are the counter parts from
 * before the two diverged. As soon as the other's parts are visible, the shared amount is counted
 * once; so is what comes back of our own, if it had reached peers.
 */
export const mergeCounts = (doc: Y.Doc, before: readonly HotPart[], from: Y.ID): void => {
  const { client: writer } = from
  const copy = new OwnCopy(doc, from, doc.clientID)
  const renamed = partsOf(doc, doc.clientID)
  if (renamed.length === 0 && !doc.share.has(HOT_ROOT)) return
  let left = renamed.map(({ map, key, base }, i): Shared => {
    const old = before.find(
      (part) => part.map === map && part.key === key && isSameBase(part.base, base),
    )
    return { map, key, base, before: old?.value ?? 0, renamed: renamed[i] }
  })
  const update = (cells: readonly Cell[]): void => {
    if (doc.isDestroyed) return
    left = left.filter((shared) => !subtract(doc, shared, writer, copy))
    removeDuplicates(doc, cells, writer, copy)
  }
  watchTransactions(doc, (_, touched) => {
    const theirs = [...touched].filter(({ elements }) =>
      [...elements].some(({ client }) => client === writer),
    )
    if (theirs.length > 0) queueMicrotask(() => update(theirs))
  })
  update([])
}
