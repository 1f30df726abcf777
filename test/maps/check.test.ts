/** The values that may be written, the errors for all others, and places inside values. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Replica } from '../../crdt/index.ts'
import { type Failure, isFailure } from '../../src/errors.ts'
import {
  checkEntry,
  incrementEntry,
  limitValues,
  MAX_VALUE_BYTES,
  readEntries,
  readEntry,
  readPath,
  toArgumentFailure,
  UnkeepableError,
  writeEntries,
  writeEntry,
  writePath,
} from '../../src/maps/index.ts'
import { SharedMap } from '../../src/maps/shared-map.ts'
import { nodePlatform } from '../../src/platform.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: check')

const thrownBy = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

class Task {
  done = false
}

const circle: Record<string, unknown> = {}
circle.self = { again: circle }

const unkeepable: readonly (readonly [value: unknown, message: string])[] = [
  [undefined, 'value is undefined, which JSON cannot keep'],
  [Number.NaN, 'value is NaN, which JSON cannot keep'],
  [{ a: [1, Number.POSITIVE_INFINITY] }, 'value.a[1] is Infinity, which JSON cannot keep'],
  [[undefined], 'value[0] is undefined, which JSON cannot keep'],
  [{ run: () => 1 }, 'value.run is a function, which JSON cannot keep'],
  [{ s: Symbol('x') }, 'value.s is a symbol, which JSON cannot keep'],
  [[10n], 'value[0] is a bigint, which JSON cannot keep'],
  [
    { items: [0, 1, 2, { at: new Date(0) }] },
    'value.items[3].at is a Date, which JSON cannot keep',
  ],
  [{ 'a b': new Map() }, 'value["a b"] is a Map, which JSON cannot keep'],
  [new Set(), 'value is a Set, which JSON cannot keep'],
  [new Task(), 'value is an instance of Task, which JSON cannot keep'],
  [new Uint8Array(1), 'value is an instance of Uint8Array, which JSON cannot keep'],
  [Object.create({ evil: 1 }), 'value is an instance of Object, which JSON cannot keep'],
  [circle, 'value.self.again is inside itself, which JSON cannot keep'],
  // biome-ignore lint/suspicious/noSparseArray: that is the test
  [[1, , 3], 'value[1] is a hole, which JSON cannot keep'],
  [{ [Symbol('x')]: 1 }, 'value has a symbol for a key, which JSON cannot keep'],
  [['\ud800x'], 'value[0] is "\\ud800x", which has a lone surrogate, which JSON cannot keep'],
  [{ '\udc00': 1 }, 'value["\\udc00"] has a key that has a lone surrogate, which JSON cannot keep'],
]

for (const [value, message] of unkeepable) {
  test(`throws a TypeError: ${message}`, () => {
    const error = thrownBy(() => checkEntry('state', 'k', value))
    assert.instance(error, TypeError)
    assert.instance(error, UnkeepableError)
    assert.is((error as Error).message, message)
    const failure = toArgumentFailure(error)
    assert.ok(isFailure(failure, 'invalid_argument'))
    assert.is((failure as Failure).message, message)
  })
}

test('toArgumentFailure passes other errors through unchanged', () => {
  const error = new TypeError('a mistake of ours')
  assert.is(toArgumentFailure(error), error)
})

test('a value is kept as JSON would keep it', () => {
  const doc = new Y.Doc()
  for (const value of [
    null,
    true,
    0,
    -0,
    1.5,
    -7,
    2 ** 53,
    1e300,
    '',
    'né🦜',
    [],
    {},
    [[], [{}]],
    { a: { b: [null, false] }, '': 1, toString: 2 },
    Object.assign(Object.create(null), { a: 1 }),
  ]) {
    for (const hot of [false, true]) {
      writeEntry(doc, 'state', `k${hot}`, value, { hot })
      const json = JSON.parse(JSON.stringify(value))
      assert.equal(readEntry(doc, 'state', `k${hot}`), json)
      assert.ok(Object.is(readEntry(doc, 'state', `k${hot}`), json) || typeof json === 'object')
    }
  }
})

test('a value is copied when it is written', () => {
  const doc = new Y.Doc()
  const mine = { list: [1] }
  writeEntry(doc, 'state', 'plain', mine)
  writeEntry(doc, 'state', 'hot', mine, { hot: true })
  mine.list.push(2)
  assert.equal(readEntries(doc, 'state'), { hot: { list: [1] }, plain: { list: [1] } })
})

const refused: readonly (readonly [what: string, run: () => unknown, message: RegExp])[] = [
  ['an empty key', () => checkEntry('state', '', 1), /^the key is empty$/],
  ['an empty map', () => checkEntry('', 'k', 1), /^the map name is empty$/],
  ['a long key', () => checkEntry('state', 'é'.repeat(513), 1), /longer than 1024 bytes/],
  ['a reserved key', () => checkEntry('state', '__proto__', 1), /"__proto__" is reserved/],
  [
    'a reserved map',
    () => checkEntry('pilot-gossip:hot', 'k', 1),
    /"pilot-gossip:hot" is reserved/,
  ],
  ['reading it', () => readEntries(new Y.Doc(), 'pilot-gossip:hot'), /is reserved/],
  ['half a character', () => checkEntry('state', '\ud800', 1), /a lone surrogate/],
  [
    'a reserved key inside',
    () => checkEntry('state', 'k', JSON.parse('{"a":[{"__proto__":1}]}')),
    /^value\.a\[0\]\.__proto__ cannot be kept/,
  ],
  ['depth', () => checkEntry('state', 'k', nested(64)), /nested more than 63 deep/],
  [
    'length',
    () => checkEntry('state', 'k', 'é'.repeat(4 * 1024 * 1024)),
    /^value of "k" takes 8388610 bytes; at most 8388608 are allowed$/,
  ],
  [
    'another shared type',
    () => {
      const doc = new Y.Doc()
      doc.getText('notes').insert(0, 'x')
      writeEntry(doc, 'notes', 'k', 1)
    },
    /"notes" is a shared type, but not a map/,
  ],
]

for (const [what, run, message] of refused) {
  test(`throws a Failure (invalid_argument): ${what}`, () => {
    const error = thrownBy(run)
    assert.ok(isFailure(error, 'invalid_argument'), String(error))
    assert.match((error as Failure).message, message)
  })
}

test('a peer accepts the longest and deepest values in both layouts', () => {
  for (const value of [nested(63), 'x'.repeat(8 * 1024 * 1024 - 2)]) {
    const doc = new Y.Doc()
    writeEntry(doc, 'state', 'plain', value)
    writeEntry(doc, 'state', 'hot', value, { hot: true })
    const peer = new Replica(new Y.Doc(), nodePlatform)
    peer.apply(Y.encodeStateAsUpdate(doc))
    assert.equal(readEntries(peer.doc, 'state'), { hot: value, plain: value })
  }
})

test('a document may allow longer values, or only shorter ones', () => {
  const doc = new Y.Doc()
  const map = new SharedMap(doc, 'state', { maxValueBytes: 100 })
  map.set('k', 'x'.repeat(98))
  assert.throws(() => map.set('k', 'x'.repeat(99)), /takes 101 bytes; at most 100 are allowed/)
  assert.throws(() => map.append('l', 'x'.repeat(99)), /at most 100/)
  limitValues(doc, MAX_VALUE_BYTES)
  map.set('k', 'x'.repeat(9_000_000))
  assert.is((map.get('k') as string).length, 9_000_000)
  for (const bytes of [0, -1, 1.5, Number.NaN, MAX_VALUE_BYTES + 1]) {
    assert.throws(() => limitValues(doc, bytes), /give a whole number from 1 to/)
  }
})

test('one entry that cannot be kept prevents the whole write', () => {
  const doc = new Y.Doc()
  assert.throws(() =>
    writeEntries(doc, 'state', [
      ['a', 1],
      ['b', Number.NaN],
    ]),
  )
  assert.equal(readEntries(doc, 'state'), {})
  writeEntries(doc, 'state', [
    ['a', 1],
    ['a', 2],
    ['b', 3],
  ])
  assert.equal(readEntries(doc, 'state'), { a: 2, b: 3 })
})

test('only finite numbers can be added', () => {
  assert.throws(() => incrementEntry(new Y.Doc(), 'state', 'n', Number.NaN), /by is NaN/)
})

test('readPath reads places by JSON Pointer', () => {
  const value = { a: [1, { 'x/y': { '~': true } }], '': 7, n: null }
  assert.is(readPath(value, ''), value)
  assert.is(readPath(value, '/a/0'), 1)
  assert.is(readPath(value, '/a/1/x~1y/~0'), true)
  assert.is(readPath(value, '/'), 7)
  assert.is(readPath(value, '/n'), null)
  for (const nowhere of [
    '/b',
    '/a/2',
    '/a/-',
    '/a/01',
    '/a/length',
    '/n/x',
    '/toString',
    '/__proto__',
  ])
    assert.is(readPath(value, nowhere), undefined, nowhere)
  for (const none of ['a', 'a/b', '/a~2', '/~'])
    assert.throws(() => readPath(value, none), /is not a JSON Pointer/)
})

test('writePath writes places by JSON Pointer, and does not change the value itself', () => {
  const value = Object.freeze({ a: Object.freeze([1, 2]), b: 1 })
  assert.equal(writePath(value, '', 5), 5)
  assert.equal(writePath(value, '/a/0', 9), { a: [9, 2], b: 1 })
  assert.equal(writePath(value, '/a/-', 9), { a: [1, 2, 9], b: 1 })
  assert.equal(writePath(value, '/a/2', 9), { a: [1, 2, 9], b: 1 })
  assert.equal(writePath(value, '/c/d', 9), { a: [1, 2], b: 1, c: { d: 9 } })
  assert.equal(writePath(undefined, '/c/d', 9), { c: { d: 9 } })
  assert.equal(writePath(value, '/a/0', undefined), { a: [2], b: 1 })
  assert.equal(writePath(value, '/b', undefined), { a: [1, 2] })
  assert.throws(() => writePath(value, '/b/x', 1), /leads through "1", which has no "x"/)
  assert.throws(() => writePath(value, '/a/5', 1), /"5" is not an index of an array of 2/)
  assert.throws(() => writePath(value, '/a/x', 1), /is not an index of an array of 2/)
  const evil = writePath({}, '/__proto__', 1)
  assert.equal(Object.keys(evil as object), ['__proto__'])
  assert.throws(() => checkEntry('state', 'k', evil), /reserved/)
})

test('deleting a missing place creates nothing on the path', () => {
  assert.equal(writePath({ b: 1 }, '/x/y', undefined), { b: 1 })
  assert.is(writePath(undefined, '/x/y', undefined), undefined)
  assert.equal(writePath({ a: [1] }, '/a/-', undefined), { a: [1] })
  assert.equal(writePath({ a: [1] }, '/a/7', undefined), { a: [1] })
})

test.run()
