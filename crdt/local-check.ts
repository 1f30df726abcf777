/**
 * Checks local changes as peers will. If peers reject a change they also reject everything after
 * it, because a writer's clocks have no holes. So such a change is removed and reported before any
 * peer gets it; the rest of its transaction stays.
 *
 * ```js
 * const check = new LocalCheck(doc, { report: (rejected) => console.error(rejected.message) })
 * check.checkTransaction(transaction)      // as it ends
 * check.checkDocument(origin, 0)           // what was in the document before
 * ```
 */
import * as encoding from 'lib0/encoding'
import * as Y from 'yjs'
import type { Struct } from './decoded.ts'
import { Rejection, type RejectionReason } from './rejection.ts'
import { showPath } from './show-path.ts'
import { isWritableKey, takeOut } from './take-out.ts'
import { checkValue } from './values.ts'
import * as yjsInner from './yjs-inner.ts'

/** A local change that peers would reject. It has been removed from the document. */
export interface RejectedChange {
  readonly reason: RejectionReason
  /** Says where it is, and what is wrong with it. */
  readonly message: string
  /** The name of the root type, then keys and list indexes. */
  readonly path: readonly (string | number)[]
}

/** Can the update that `encode` returns, of at most `bytes` bytes, be sent? */
export type Fits = (bytes: number, encode: () => Uint8Array) => boolean

export interface LocalCheckOptions {
  /** Default: any can. */
  readonly fits?: Fits
  readonly report: (rejected: RejectedChange) => void
}

/** Bytes of an update with one struct, besides its content and its key. */
const UPDATE_BYTES = 64

/** UTF-8 bytes of one UTF-16 unit, at most. */
const UNIT_BYTES = 3

/** Bytes of a value that travels as JSON. Throws a Rejection if JSON cannot write it. */
const checkJson = (value: unknown): number => {
  const bytes = checkValue(value)
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return bytes
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (error) {
    throw new Rejection('malformed', `not JSON: ${(error as Error).message}`, error)
  }
  if (json === undefined) throw new Rejection('malformed', `not JSON: ${String(value)}`)
  return json.length * UNIT_BYTES
}

/** Upper bound of the bytes of one clock of the item. Throws a Rejection. */
const checkContent = ({ content }: Y.Item, index: number): number => {
  if (content instanceof Y.ContentAny) return checkValue(content.arr[index])
  if (content instanceof Y.ContentJSON) return checkJson(content.arr[index] ?? null)
  if (content instanceof Y.ContentEmbed) return checkJson(content.embed)
  if (content instanceof Y.ContentFormat) return checkJson(content.value)
  if (content instanceof Y.ContentDoc) return checkValue(content.opts)
  return content instanceof Y.ContentBinary ? content.content.length : 0
}

/** How many clocks of the item are checked one by one. Text can be cut anywhere. */
const countOf = ({ content, length }: Y.Item): number =>
  content instanceof Y.ContentAny || content instanceof Y.ContentJSON ? length : 1

const tooLong = (): Rejection => new Rejection('too_large', 'too long for a message')

/** An update with that clock of the item only. */
const encodeClock = (item: Y.Item, index: number): Uint8Array => {
  const { content } = item
  const id = Y.createID(item.id.client, item.id.clock + index)
  const alone =
    content instanceof Y.ContentAny
      ? yjsInner.looseItem(item, id, new Y.ContentAny([content.arr[index]]))
      : item
  const encoder = new Y.UpdateEncoderV1()
  encoding.writeVarUint(encoder.restEncoder, 1) // writers
  encoding.writeVarUint(encoder.restEncoder, 1) // structs
  encoder.writeClient(id.client)
  encoding.writeVarUint(encoder.restEncoder, id.clock)
  alone.write(encoder, 0)
  encoding.writeVarUint(encoder.restEncoder, 0) // deletes
  return encoder.toUint8Array()
}

const placeInList = (item: Y.Item): number => {
  let place = 0
  for (let left = item.left; left !== null; left = left.left) {
    if (left.countable && !left.deleted) place += left.length
  }
  return place
}

const pathOf = (item: Y.Item, index: number): (string | number)[] => {
  const path: (string | number)[] = []
  for (let at: Y.Item | null = item; at; ) {
    const parent: Y.Item['parent'] = at.parent
    const { parentSub } = at
    if (parentSub === null) path.unshift(placeInList(at) + (at === item ? index : 0))
    else path.unshift(String(parentSub))
    if (!(parent instanceof Y.AbstractType)) break
    at = yjsInner.holderOf(parent)
    if (at === null) path.unshift(Y.findRootTypeKey(parent))
  }
  return path
}

interface Found {
  readonly id: Y.ID
  readonly rejected: RejectedChange
}

export class LocalCheck {
  readonly #doc: Y.Doc
  readonly #options: LocalCheckOptions

  constructor(doc: Y.Doc, options: LocalCheckOptions) {
    this.#doc = doc
    this.#options = options
  }

  /**
   * Throws a Rejection if a struct of an update is too long to be sent on. Everything else is
   * checked by the inspection.
   */
  checkUpdate(structs: readonly Struct[]): void {
    for (const item of structs) {
      if (!(item instanceof Y.Item) || this.#isKnown(item)) continue
      for (let index = 0; index < countOf(item); index++) {
        if (!this.#fits(item, index, checkContent(item, index))) throw tooLong()
      }
    }
  }

  /** Checks what the transaction has written. */
  checkTransaction(transaction: Y.Transaction): void {
    const { beforeState, afterState } = transaction
    const found: Found[] = []
    for (const [writer, to] of afterState) {
      const from = beforeState.get(writer) ?? 0
      if (to > from) this.#find(writer, from, found)
    }
    this.#takeOut(transaction, found)
  }

  /**
   * Checks the whole document, and removes what is wrong in a transaction of its own. Own clocks
   * from `unsent` on were never sent.
   */
  checkDocument(origin: unknown, unsent: number): void {
    const found: Found[] = []
    for (const writer of yjsInner.writers(this.#doc)) this.#find(writer, 0, found, unsent)
    if (found.length === 0) return
    Y.transact(this.#doc, (transaction) => this.#takeOut(transaction, found), origin)
  }

  #takeOut(transaction: Y.Transaction, found: readonly Found[]): void {
    for (const { id } of found) takeOut(transaction, id)
    for (const { rejected } of found) this.#options.report(rejected)
  }

  #find(writer: number, from: number, found: Found[], unsent = from): void {
    const structs = yjsInner.storedStructs(this.#doc, writer)
    if (!structs || structs.length === 0) return
    for (let i = Y.findIndexSS(structs, from); i < structs.length; i++) {
      const item = structs[i]!
      if (!(item instanceof Y.Item)) continue
      const count = countOf(item)
      for (let index = 0; index < count; index++) {
        const rejection = this.#rejectionOf(item, index, unsent)
        if (!rejection) continue
        const { reason, message } = rejection
        const path = pathOf(item, index)
        const id = Y.createID(writer, item.id.clock + index)
        found.push({ id, rejected: { reason, message: `${showPath(path)}: ${message}`, path } })
      }
    }
  }

  #rejectionOf(item: Y.Item, index: number, unsent: number): Rejection | undefined {
    if (!isWritableKey(item.parentSub)) {
      return new Rejection('malformed', `a key that is not a string: ${String(item.parentSub)}`)
    }
    let bytes: number
    try {
      bytes = checkContent(item, index)
    } catch (error) {
      if (error instanceof Rejection) return error
      // Thrown by a getter of the value, or by a proxy.
      return new Rejection('malformed', `cannot be read: ${(error as Error).message}`, error)
    }
    const { client, clock } = item.id
    // Peers may have this already. They can pass it on in messages that are longer than ours.
    if (client !== this.#doc.clientID || clock + index < unsent) return undefined
    return this.#fits(item, index, bytes) ? undefined : tooLong()
  }

  #fits(item: Y.Item, index: number, bytes: number): boolean {
    const { fits } = this.#options
    if (!fits) return true
    const most = bytes + UPDATE_BYTES + (item.parentSub?.length ?? 0) * UNIT_BYTES
    return fits(most, () => encodeClock(item, index))
  }

  #isKnown({ id, length }: Y.Item): boolean {
    return id.clock + length <= Y.getState(this.#doc.store, id.client)
  }
}
