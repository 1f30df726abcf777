/**
 * Gives what a writer wrote from some clock on to another writer, in the document as it stands: its
 * types stay those that programs hold, and nothing that is seen changes. For structs alone that no
 * peer has, as of two that bear one id only one can be merged.
 *
 * ```js
 * renameStructs(doc, Y.createID(doc.clientID, 20), to, origin)
 * doc.clientID = to
 * ```
 */
import * as Y from 'yjs'
import type { StoredStruct } from './structs.ts'

/** The place of the struct that begins at `clock`; one that reaches over it is cut. */
const cutAt = (
  transaction: Y.Transaction,
  structs: StoredStruct[],
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

/** Renames what refers to it, too. */
const renameReferences = (doc: Y.Doc, renamed: (id: Y.ID) => Y.ID): void => {
  for (const structs of doc.store.clients.values()) {
    for (const struct of structs) {
      if (!(struct instanceof Y.Item)) continue
      if (struct.origin) struct.origin = renamed(struct.origin)
      if (struct.rightOrigin) struct.rightOrigin = renamed(struct.rightOrigin)
      if (struct.redone) struct.redone = renamed(struct.redone)
    }
  }
}

/**
 * The clocks of `from.client` from `from.clock` on become those of `to` from 0 on, in a transaction
 * of `origin` in which they are new; `follow` is called in it, or alone where there are none. Throws a
 * TypeError where there is such a writer already, and in a transaction.
 */
export const renameStructs = (
  doc: Y.Doc,
  from: Y.ID,
  to: number,
  origin: unknown,
  follow: () => void = () => undefined,
): void => {
  const { clients } = doc.store
  if (doc._transaction) throw new TypeError('a writer cannot be renamed in a transaction')
  if (clients.has(to)) throw new TypeError(`writer ${to} is in the document already`)
  if (from.clock >= Y.getState(doc.store, from.client)) {
    follow()
    return
  }
  Y.transact(
    doc,
    (transaction) => {
      const structs = clients.get(from.client) as StoredStruct[]
      const moved = structs.splice(cutAt(transaction, structs, from))
      const renamed = (id: Y.ID): Y.ID =>
        id.client === from.client && id.clock >= from.clock
          ? Y.createID(to, id.clock - from.clock)
          : id
      for (const struct of moved) struct.id = renamed(struct.id)
      clients.set(to, moved)
      // Yjs looks at what is beyond the state of before: to it, these never were the other's.
      if (structs.length === 0) clients.delete(from.client)
      if (from.clock === 0) transaction.beforeState.delete(from.client)
      else transaction.beforeState.set(from.client, from.clock)
      renameReferences(doc, renamed)
      follow()
    },
    origin,
  )
}
