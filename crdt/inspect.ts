/**
 * Inspects an update before Yjs applies it. Yjs applies what it can of a damaged or hostile update
 * and throws afterwards, and it applies deletes whose inserts are missing. So everything that could
 * go wrong is found here, before anything has changed.
 *
 * ```js
 * const seen = inspectUpdate(doc, bytes, LIMITS)   // throws a Rejection
 * if (seen.missing.size > 0) wait()
 * ```
 */
import * as Y from 'yjs'
import { type DecodedUpdate, decodeUpdate, type Struct } from './decoded.ts'
import type { ClockRun, Delta } from './delta.ts'
import type { Limits } from './limits.ts'
import { checkOwn } from './own-writer.ts'
import { Rejection } from './rejection.ts'
import { checkValue } from './values.ts'
import type { OwnRange } from './withheld.ts'

export interface Inspection {
  /** What the update carries, known or not. */
  readonly delta: Delta
  /**
   * Writer → clock that must be known before the update can be applied; empty: it can be applied
   * now.
   */
  readonly missing: ReadonlyMap<number, number>
  /** Does it carry a struct that the document lacks? (Its deletes may be new in any case.) */
  readonly hasNewStructs: boolean
  readonly update: DecodedUpdate
}

/**
 * Checks values that travel as JSON, and what Yjs takes unchecked. All other values were checked
 * when they were decoded.
 */
const checkContent = ({ content }: Y.Item): void => {
  if (content instanceof Y.ContentDoc) {
    // The options of a subdocument, which are any value, can replace its id. Yjs writes it as text:
    // with such an item in it, no document could be encoded again.
    const guid: unknown = content.doc.guid
    if (typeof guid !== 'string') {
      throw new Rejection('malformed', `the id of a subdocument is of type ${typeof guid}`)
    }
  } else if (content instanceof Y.ContentEmbed) checkValue(content.embed)
  else if (content instanceof Y.ContentFormat) checkValue(content.value)
  else if (content instanceof Y.ContentJSON) for (const value of content.arr) checkValue(value)
}

/** The first id for which `test` is true, among those without which an item cannot be integrated. */
const findDependency = (item: Y.Item, test: (id: Y.ID) => boolean): Y.ID | undefined => {
  const { origin, rightOrigin } = item
  if (origin && test(origin)) return origin
  if (rightOrigin && test(rightOrigin)) return rightOrigin
  const parent: unknown = item.parent
  return parent instanceof Y.ID && test(parent) ? parent : undefined
}

/** Writer → its structs in the update, in order of clock, Skips included. */
type Structs = ReadonlyMap<number, readonly Struct[]>

const byWriter = (structs: readonly Struct[]): Structs => {
  const lists = new Map<number, Struct[]>()
  for (const struct of structs) {
    const list = lists.get(struct.id.client)
    if (list) list.push(struct)
    else lists.set(struct.id.client, [struct])
  }
  return lists
}

/**
 * Throws a Rejection if structs of several writers wait for one another in a circle. No Yjs writes
 * such an update, and Yjs would keep it waiting inside the document forever. Walks from writer to
 * writer as Yjs does: a writer that needs another's clock waits until that is reached.
 */
const checkOrder = (doc: Y.Doc, lists: Structs): void => {
  const next = new Map<number, number>()
  const structAt = (writer: number) => lists.get(writer)?.[next.get(writer) ?? 0]
  const isReached = ({ client, clock }: Y.ID) =>
    clock < Y.getState(doc.store, client) ||
    clock < (structAt(client)?.id.clock ?? Number.POSITIVE_INFINITY)
  for (const first of lists.keys()) {
    const stack = [{ client: first, clock: Number.POSITIVE_INFINITY }]
    const waiting = new Set([first])
    for (let top = stack[0]; top; top = stack.at(-1)) {
      const writer = top.client
      const struct = structAt(writer)
      if (!struct || struct.id.clock > top.clock) {
        stack.pop()
        waiting.delete(writer)
        continue
      }
      const blocker =
        struct instanceof Y.Item
          ? findDependency(struct, (id) => id.client !== writer && !isReached(id))
          : undefined
      if (!blocker) {
        next.set(writer, (next.get(writer) ?? 0) + 1)
      } else if (waiting.has(blocker.client)) {
        throw new Rejection('malformed', `writers ${writer} and ${blocker.client} wait in a circle`)
      } else {
        stack.push(blocker)
        waiting.add(blocker.client)
      }
    }
  }
}

const checkEnd = (what: 'clock_jump' | 'delete_jump', writer: number, end: number, max: number) => {
  if (!Number.isSafeInteger(writer) || !Number.isSafeInteger(end)) {
    throw new Rejection('malformed', `writer ${writer}, clock ${end} are beyond 2^53`)
  }
  if (end > max) {
    throw new Rejection(
      what,
      `writer ${writer} would reach clock ${end}, at most ${max} is allowed`,
    )
  }
}

/** Notes that this clock of the writer must be known. */
const need = (missing: Map<number, number>, writer: number, clock: number): void => {
  if (clock > (missing.get(writer) ?? 0)) missing.set(writer, clock)
}

/**
 * Decodes and checks a V1 update against the document that it is meant for. Throws a Rejection;
 * changes nothing. The decoded update can be merged without decoding it again (`integrate.ts`).
 * `withheld` says which own clocks another copy may have used, too.
 */
export const inspectUpdate = (
  doc: Y.Doc,
  bytes: Uint8Array,
  limits: Limits,
  withheld?: OwnRange,
): Inspection => {
  const update = decodeUpdate(bytes, limits)
  const { structs, deletes: ds } = update
  const { store } = doc
  const runs = new Map<number, ClockRun>()
  const missing = new Map<number, number>()
  let hasNewStructs = false
  let isCrossing = false

  // The structs of a writer are consecutive.
  let run: { from: number; to: number } | undefined
  let writer = -1
  let before = 0
  for (const struct of structs) {
    const { client, clock } = struct.id
    if (client !== writer) {
      run = undefined
      writer = client
      before = Y.getState(store, writer)
    }
    const end = clock + struct.length
    // No Yjs writes empty structs. Yjs would delete them as nothing, and the digests would differ
    // forever.
    if (struct.length === 0) throw new Rejection('malformed', `an empty struct of writer ${writer}`)
    if (struct instanceof Y.Skip) continue
    checkEnd('clock_jump', writer, end, before + limits.clockJump)
    if (end > before) hasNewStructs = true
    // What follows a hole (a Skip, or a start beyond what is known) needs what is in the hole.
    if (clock > Math.max(before, run?.to ?? 0)) need(missing, writer, clock)
    if (run) run.to = end
    else {
      run = { from: clock, to: end }
      runs.set(writer, run)
    }
    if (struct instanceof Y.Item) checkContent(struct)
  }
  for (const struct of structs) {
    if (!(struct instanceof Y.Item)) continue
    const { client: writer, clock } = struct.id
    findDependency(struct, (id) => {
      if (id.client === writer) {
        if (id.clock < clock) return false
        throw new Rejection('malformed', `writer ${writer} refers to its own clock ${id.clock}`)
      }
      if (id.clock < Y.getState(store, id.client)) return false
      isCrossing = true
      if (id.clock >= (runs.get(id.client)?.to ?? 0)) need(missing, id.client, id.clock + 1)
      return false
    })
  }
  for (const [writer, deleted] of ds.clients) {
    const known = Y.getState(store, writer)
    const reach = Math.max(known, runs.get(writer)?.to ?? 0)
    for (const { clock, len } of deleted) {
      const end = clock + len
      // No Yjs writes empty runs. One at the end of what is known makes Yjs fail halfway.
      if (len === 0) throw new Rejection('malformed', `an empty run of deletes of writer ${writer}`)
      checkEnd('delete_jump', writer, end, reach + limits.deleteJump)
      // A delete waits for its insert: applied at once, the key would vanish before its successor
      // came.
      if (end > reach) need(missing, writer, end)
    }
  }
  checkOwn(doc, update, withheld)
  // An update that waits is inspected again when nothing is missing any more.
  if (missing.size === 0 && isCrossing) checkOrder(doc, byWriter(structs))
  const delta = { structs: runs, deletes: Y.mergeDeleteSets([ds]) }
  return { delta, missing, hasNewStructs, update }
}
