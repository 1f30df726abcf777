/**
 * Values that Yjs can hold and JSON cannot, by their keys in a `Y.Map`, each with the form in which
 * it is shown.
 *
 * ```ts
 * writeForeign(doc.getMap('state'))
 * assert.equal(readEntries(doc, 'state'), FOREIGN)
 * ```
 */
import * as Y from 'yjs'

const heading = (): Y.XmlElement => {
  const element = new Y.XmlElement('H1')
  element.setAttribute('align', 'left')
  element.insert(0, [new Y.XmlText('hello'), new Y.XmlElement('br')])
  return element
}

const listOf = (...items: unknown[]): Y.Array<unknown> => {
  const list = new Y.Array<unknown>()
  list.push(items)
  return list
}

const WRITTEN: readonly (readonly [key: string, make: () => unknown, shown: unknown])[] = [
  ['bigint', () => 9_007_199_254_740_993n, '9007199254740993'],
  ['bigint below', () => -1n, '-1'],
  ['bigint in a list', () => ({ a: [1n] }), { a: ['1'] }],
  ['bytes', () => Uint8Array.of(0, 1, 254, 255), 'AAH+/w=='],
  ['bytes, none', () => new Uint8Array(), ''],
  ['bytes within', () => ({ a: [Uint8Array.of(7)], b: 1 }), { a: ['Bw=='], b: 1 }],
  ['nan', () => Number.NaN, null],
  ['infinity', () => Number.POSITIVE_INFINITY, null],
  ['infinity below', () => Number.NEGATIVE_INFINITY, null],
  ['numbers', () => [Number.NaN, Infinity, -Infinity, -0, 1.5], [null, null, null, 0, 1.5]],
  ['zero below', () => -0, 0],
  ['undefined', () => undefined, null],
  ['undefined item', () => [undefined, 1, undefined], [null, 1, null]],
  ['undefined within', () => ({ a: undefined, b: { c: undefined }, d: 1 }), { b: {}, d: 1 }],
  ['~ / names', () => ({ '~a/b': { '': 1n } }), { '~a/b': { '': '1' } }],
  ['map', () => new Y.Map<unknown>([['in', new Y.Map([['n', 1n]])]]), { in: { n: '1' } }],
  ['array', () => listOf(1, Y.Array.from([2]), { a: [3n] }), [1, [2], { a: ['3'] }]],
  ['text', () => new Y.Text('hello'), 'hello'],
  ['xml text', () => new Y.XmlText('hi'), 'hi'],
  ['xml element', heading, '<h1 align="left">hello<br></br></h1>'],
  [
    'xml fragment',
    () => {
      const fragment = new Y.XmlFragment()
      fragment.insert(0, [heading(), new Y.XmlText('!')])
      return fragment
    },
    '<h1 align="left">hello<br></br></h1>!',
  ],
  ['document', () => new Y.Doc({ guid: 'sub' }), { guid: 'sub' }],
  ['document within', () => listOf(new Y.Doc({ guid: 'in' })), [{ guid: 'in' }]],
]

/** All of them, in the form in which they are shown. */
export const FOREIGN: Readonly<Record<string, unknown>> = Object.fromEntries(
  WRITTEN.map(([key, , shown]) => [key, shown]),
)

/** Those that an import cannot restore: they hold shared types. */
export const FLATTENED: readonly string[] = WRITTEN.filter(([key]) =>
  /map|array|text|xml|document/.test(key),
).map(([key]) => key)

/** Writes each of them, in a transaction of its own. */
export const writeForeign = (map: Y.Map<unknown>): void => {
  for (const [key, make] of WRITTEN) map.set(key, make())
}

/** A `Y.Map` that holds a `Y.Map` and so on, down to a bigint, and its JSON. */
export const deepMap = (map: Y.Map<unknown>, key: string, levels: number): string => {
  let holder = map
  let name = key
  for (let level = 0; level < levels; level++) {
    const inner = new Y.Map<unknown>()
    holder.set(name, inner)
    holder = inner
    name = 'in'
  }
  holder.set(name, 1n)
  return `${'{"in":'.repeat(levels)}"1"${'}'.repeat(levels)}`
}
