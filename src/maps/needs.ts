/**
 * The dependencies of an update on hot elements. A deleted element was nearly always replaced by
 * another, of any writer. A replica that merges the delete before the replacement would lose the
 * key, or a part of a counter, for a moment. (`crdt` does the same for the entries of a `Y.Map`;
 * Yjs does not know these dependencies.)
 *
 * ```js
 * const needs = hotNeedsOf(doc, delta)      // writer → clock; empty if no hot element was deleted
 * ```
 */
import * as Y from 'yjs'
import { type ClockRun, type Clocks, type Delta, structsOf, yjsInner } from '../../crdt/index.ts'
import type { Gone } from './gone.ts'
import { hotOf } from './hot.ts'
import type { HotIndex } from './hot-index.ts'
import { HOT_ROOT } from './names.ts'
import { plainEntry } from './plain.ts'

const NONE: Clocks = new Map()

interface At {
  readonly client: number
  readonly clock: number
}

/** What is visible in place of a deleted element; undefined if nothing is, or if it never was visible. */
const successorOf = (index: HotIndex, { map, key, part }: Gone): At | undefined => {
  const plain = plainEntry(index.doc, map, key)
  const view = index.cellOf(map, key)?.view(plain)
  const own = part === undefined ? undefined : view?.parts.find(({ client }) => client === part)
  return own ?? view?.hot ?? plain ?? view?.parts.at(-1) ?? view?.items.at(-1)
}

/** The plain entry of a root that the item was; a hot element may have replaced it. */
const plainGone = ({ parent, parentSub: key }: Y.Item): Gone | undefined =>
  key !== null && parent instanceof Y.AbstractType && yjsInner.holderOf(parent) === null
    ? { map: Y.findRootTypeKey(parent), key, part: undefined }
    : undefined

/** Collects the dependencies of the deletes in `delta`. */
class Needs {
  readonly clocks = new Map<number, number>()
  readonly #index: HotIndex
  readonly #delta: Delta
  #needsAll = false

  constructor(index: HotIndex, delta: Delta) {
    this.#index = index
    this.#delta = delta
  }

  visit(writer: number, run: ClockRun): void {
    for (const struct of structsOf(this.#index.doc, writer, run)) {
      if (!(struct instanceof Y.Item) || !struct.deleted) continue
      const plain = plainGone(struct)
      if (plain && this.#index.cellOf(plain.map, plain.key))
        this.#need(successorOf(this.#index, plain))
      if (!this.#index.holds(struct)) continue
      const from = Math.max(run.from, struct.id.clock)
      const to = Math.min(run.to, struct.id.clock + struct.length)
      let known = 0
      for (const gone of this.#index.gone.within(writer, { from, to })) {
        this.#need(successorOf(this.#index, gone))
        known++
      }
      // It arrived without content, or was deleted long ago: the element that replaced it is unknown.
      if (known < to - from) this.#needAll()
    }
  }

  /** Runs once, since it visits all elements. */
  #needAll(): void {
    if (this.#needsAll) return
    this.#needsAll = true
    for (const last of this.#index.lastIds()) this.#need(last)
  }

  #need(at: At | undefined): void {
    if (!at) return
    const own = this.#delta.structs.get(at.client)
    if (own && own.from <= at.clock && at.clock < own.to) return
    this.clocks.set(at.client, Math.max(this.clocks.get(at.client) ?? 0, at.clock + 1))
  }
}

/** The clocks of the elements that replaced the hot elements deleted in `delta`, except those in the delta itself. */
export const hotNeedsOf = (doc: Y.Doc, delta: Delta): Clocks => {
  const index = hotOf(doc)
  if (!doc.share.has(HOT_ROOT)) return NONE
  const needs = new Needs(index, delta)
  for (const [writer, run] of delta.structs) needs.visit(writer, run)
  for (const [writer, runs] of delta.deletes.clients) {
    for (const { clock, len } of runs) needs.visit(writer, { from: clock, to: clock + len })
  }
  return needs.clocks
}
