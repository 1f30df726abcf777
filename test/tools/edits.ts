/**
 * The writes of a history: one change of a document, drawn at random.
 *
 * ```ts
 * pick(random, edits)(doc, random)
 * ```
 */
import * as Y from 'yjs'

export type Random = () => number

export const below = (random: Random, bound: number): number => Math.floor(random() * bound)
export const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!
const word = (random: Random, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(97 + below(random, 26))).join('')

const value = (random: Random): unknown =>
  pick(random, [
    () => below(random, 1000),
    () => word(random, 1 + below(random, 40)),
    () => ({ name: word(random, 5), list: [1, null, true] }),
    () => word(random, 600),
  ])()

/** Keys that are overwritten but never deleted: they must never vanish. */
export const KEPT = ['keep0', 'keep1', 'keep2', 'keep3']

const nested = (random: Random): Y.Map<unknown> | Y.Array<unknown> => {
  if (random() < 0.5) return new Y.Map([[word(random, 2), value(random)]])
  const array = new Y.Array<unknown>()
  array.push([value(random), value(random)])
  return array
}

export const edits: readonly ((doc: Y.Doc, random: Random) => void)[] = [
  (doc, random) => doc.getMap('map').set(pick(random, KEPT), value(random)),
  (doc, random) => doc.getMap('map').set(`key${below(random, 8)}`, value(random)),
  (doc, random) => doc.getMap('map').delete(`key${below(random, 8)}`),
  (doc, random) => doc.getMap('map').set(`deep${below(random, 4)}`, nested(random)),
  (doc, random) => {
    const inner = doc.getMap('map').get(`deep${below(random, 4)}`)
    if (inner instanceof Y.Map)
      inner.set(word(random, 1), random() < 0.3 ? nested(random) : value(random))
    if (inner instanceof Y.Array) inner.insert(below(random, inner.length + 1), [value(random)])
  },
  (doc, random) => {
    const array = doc.getArray('array')
    array.insert(below(random, array.length + 1), [value(random), value(random)])
  },
  (doc, random) => {
    const array = doc.getArray('array')
    if (array.length > 0) array.delete(below(random, array.length), 1)
  },
  (doc, random) => {
    const text = doc.getText('text')
    text.insert(below(random, text.length + 1), word(random, 1 + below(random, 30)))
  },
  (doc, random) => {
    const text = doc.getText('text')
    const at = below(random, text.length + 1)
    text.delete(at, Math.min(text.length - at, below(random, 10)))
  },
  (doc, random) => {
    doc.transact(() => {
      for (let i = 0; i < 20; i++) doc.getMap('map').set(`bulk${i}`, value(random))
    })
  },
]
