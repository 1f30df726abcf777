/**
 * Which peer brought what a transaction merges. Yjs records the writer of a struct, but of a delete
 * nothing: the peer whose update came first is all that is known, and it may have passed on what
 * another one made.
 *
 * ```js
 * noteBrought(transaction, '0:0000.0000.000B', carried)      // the merger, for each update
 * broughtBy(transaction, { client: 7, clock: 12 }, 'delete') // '0:0000.0000.000B'
 * ```
 */
import * as Y from 'yjs'
import type { Delta } from './delta.ts'

interface Carrier {
  readonly from: string
  readonly carried: Delta
}

/** By writer, in the order in which they are merged. Gone with the transaction. */
interface Carriers {
  readonly structs: Map<number, Carrier[]>
  readonly deletes: Map<number, Carrier[]>
}

const all = new WeakMap<Y.Transaction, Carriers>()

const add = (lists: Map<number, Carrier[]>, writer: number, carrier: Carrier): void => {
  const list = lists.get(writer)
  if (list) list.push(carrier)
  else lists.set(writer, [carrier])
}

/** To be called before the update is integrated. Does nothing if the peer is unknown. */
export const noteBrought = (
  transaction: Y.Transaction,
  from: string | undefined,
  carried: Delta,
): void => {
  if (from === undefined) return
  const carriers = all.get(transaction) ?? { structs: new Map(), deletes: new Map() }
  all.set(transaction, carriers)
  const carrier = { from, carried }
  for (const writer of carried.structs.keys()) add(carriers.structs, writer, carrier)
  for (const writer of carried.deletes.clients.keys()) add(carriers.deletes, writer, carrier)
}

/**
 * The peer that brought the struct, or its delete, first. Undefined if the transaction was made
 * here, or by a program that writes through this replica.
 */
export const broughtBy = (
  transaction: Y.Transaction,
  { client, clock }: { readonly client: number; readonly clock: number },
  what: 'set' | 'delete',
): string | undefined => {
  const carriers = all.get(transaction)
  if (!carriers) return undefined
  if (what === 'delete') {
    const id = Y.createID(client, clock)
    return carriers.deletes.get(client)?.find(({ carried }) => Y.isDeleted(carried.deletes, id))
      ?.from
  }
  const holds = ({ carried }: Carrier): boolean => {
    const run = carried.structs.get(client)
    return run !== undefined && run.from <= clock && clock < run.to
  }
  return carriers.structs.get(client)?.find(holds)?.from
}
