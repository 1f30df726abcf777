/**
 * Moves what a writer has written from some clock on to another writer, in place: programs keep
 * their types, and nothing visible changes. Only for structs that no peer has, because of two
 * structs with one id only one can be merged.
 *
 * ```js
 * renameStructs(doc, Y.createID(doc.clientID, 20), to, origin)
 * doc.clientID = to
 * ```
 */
import * as Y from 'yjs'
import * as yjsInner from './yjs-inner.ts'

/** Index of the struct that begins at `clock`; a struct that extends across it is split. */
const cutAt = (
  transaction: Y.Transaction,
  structs: yjsInner.StoredStruct[],
  { client, clock }: Y.ID,
): number => {
  const at = Y.findIndexSS(structs as Y.Item[], clock)
  const struct = structs[at]!
  if (struct.id.clock === clock) return at
  if (struct instanceof Y.Item) Y.getItemCleanStart(transaction, Y.createID(client, clock))
  else {
    const length = clock - struct.id.clock
    structs.splice(at + 1, 0, new Y.GC(Y.createID(client, clock), struct.length - length))
    struct.length = length
  }
  return at + 1
}

/** Renames the references, too. */
const renameReferences = (doc: Y.Doc, renamed: (id: Y.ID) => Y.ID): void => {
  for (const writer of yjsInner.writers(doc)) {
    for (const struct of yjsInner.storedStructs(doc, writer)!) {
      if (!(struct instanceof Y.Item)) continue
      if (struct.origin) struct.origin = renamed(struct.origin)
      if (struct.rightOrigin) struct.rightOrigin = renamed(struct.rightOrigin)
      if (struct.redone) struct.redone = renamed(struct.redone)
    }
  }
}

/**
 * Moves the clocks of `from.client` from `from.clock` on to the writer `to`, starting at 0, in a
 * transaction of `origin` in which they are new. Calls `follow` in that transaction, or without one
 * if there is nothing to move. Throws a TypeError if the writer `to` exists, or in a transaction.
 */
export const renameStructs = (
  doc: Y.Doc,
  from: Y.ID,
  to: number,
  origin: unknown,
  follow: () => void = () => undefined,
): void => {
  if (yjsInner.runningTransaction(doc))
    throw new TypeError('a writer cannot be renamed in a transaction')
  if (yjsInner.storedStructs(doc, to))
    throw new TypeError(`writer ${to} is in the document already`)
  if (from.clock >= Y.getState(doc.store, from.client)) {
    follow()
    return
  }
  Y.transact(
    doc,
    (transaction) => {
      const structs = yjsInner.storedStructs(doc, from.client)!
      const moved = structs.splice(cutAt(transaction, structs, from))
      const renamed = (id: Y.ID): Y.ID =>
        id.client === from.client && id.clock >= from.clock
          ? Y.createID(to, id.clock - from.clock)
          : id
      for (const struct of moved) struct.id = renamed(struct.id)
      yjsInner.setStoredStructs(doc, to, moved)
      yjsInner.setStoredStructs(doc, from.client, structs)
      // Yjs reports what is beyond the state before the transaction: to it, these never were the
      // other writer's.
      if (from.clock === 0) transaction.beforeState.delete(from.client)
      else transaction.beforeState.set(from.client, from.clock)
      renameReferences(doc, renamed)
      follow()
    },
    origin,
  )
}
