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

/** By writer, in the order in which they are merged. */
interface ByWriter {
  readonly structs: Map<number, Carrier[]>
  readonly deletes: Map<number, Carrier[]>
}

interface Noted {
  readonly carriers: Carrier[]
  /** Made when somebody asks: a merge that nobody observes costs nothing more. */
  byWriter: ByWriter | undefined
}

/** Gone with the transaction. */
const all = new WeakMap<Y.Transaction, Noted>()

const add = (lists: Map<number, Carrier[]>, writer: number, carrier: Carrier): void => {
  const list = lists.get(writer)
  if (list) list.push(carrier)
  else lists.set(writer, [carrier])
}

const byWriterOf = (carriers: readonly Carrier[]): ByWriter => {
  const { structs, deletes }: ByWriter = { structs: new Map(), deletes: new Map() }
  for (const carrier of carriers) {
    for (const writer of carrier.carried.structs.keys()) add(structs, writer, carrier)
    for (const writer of carrier.carried.deletes.clients.keys()) add(deletes, writer, carrier)
  }
  return { structs, deletes }
}

/** To be called before the update is integrated. Does nothing if the peer is unknown. */
export const noteBrought = (
  transaction: Y.Transaction,
  from: string | undefined,
  carried: Delta,
): void => {
  if (from === undefined) return
  const noted = all.get(transaction) ?? { carriers: [], byWriter: undefined }
  all.set(transaction, noted)
  noted.carriers.push({ from, carried })
  noted.byWriter = undefined
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
  const noted = all.get(transaction)
  if (!noted) return undefined
  noted.byWriter ??= byWriterOf(noted.carriers)
  const { structs, deletes } = noted.byWriter
  if (what === 'delete') {
    const id = Y.createID(client, clock)
    return deletes.get(client)?.find(({ carried }) => Y.isDeleted(carried.deletes, id))?.from
  }
  const holds = ({ carried }: Carrier): boolean => {
    const run = carried.structs.get(client)
    return run !== undefined && run.from <= clock && clock < run.to
  }
  return structs.get(client)?.find(holds)?.from
}
