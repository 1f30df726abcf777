/** Values: the same rules for local changes and for received ones. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { checkValue, isPlainKey, LIMITS, Rejection, setOwn } from '../../crdt/index.ts'
import { replicaOf } from '../helpers/docs.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('values')

const reasonOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    return error.reason
  }
}

const WRAPS = [(value: unknown) => [value], (value: unknown) => ({ a: value })]

const nested = (depth: number, wrap: (value: unknown) => unknown): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = wrap(value)
  return value
}

/** What a replica has after it got the value from another. */
const passedOn = (value: unknown): unknown => {
  const [sender, receiver] = [replicaOf(1), replicaOf(2)]
  sender.doc.getMap('map').set('k', value)
  receiver.apply(Y.encodeStateAsUpdate(sender.doc))
  return receiver.doc.getMap('map').get('k')
}

test('setOwn: any key becomes an entry, and no object changes its prototype', () => {
  const object: Record<string, unknown> = {}
  for (const key of ['a', '__proto__', 'constructor', 'prototype', 'toString', '']) {
    setOwn(object, key, { of: key })
    setOwn(object, key, key)
  }
  assert.is(Object.getPrototypeOf(object), Object.prototype)
  assert.equal(
    Object.entries(object).map(([key, value]) => [key, value]),
    ['a', '__proto__', 'constructor', 'prototype', 'toString', ''].map((key) => [key, key]),
  )
  assert.is(({} as { a?: unknown }).a, undefined)
})

test('we never write one of the keys ourselves', () => {
  assert.not.ok(isPlainKey('__proto__'))
  for (const key of ['constructor', 'prototype', '', 'toString', '__proto', 'ключ', '🦜', '0'])
    assert.ok(isPlainKey(key))
})

test('plain values are accepted', () => {
  for (const value of [undefined, null, 0, -0, 1.5, '', 'x', true, [], {}, [[], {}], { a: [{}] }])
    assert.is(
      reasonOf(() => checkValue(value)),
      undefined,
    )
})

test('the returned bytes are an upper bound', () => {
  for (const value of [null, 1, 2 ** 40, 1.5, 5n, 'ключ', '🦜'.repeat(50), [], [1, [2, 'x']]]) {
    const doc = new Y.Doc()
    const before = Y.encodeStateAsUpdate(doc).length
    doc.getMap('m').set('k', value)
    assert.ok(checkValue(value) + 20 >= Y.encodeStateAsUpdate(doc).length - before, String(value))
  }
  const map = { key: { 'long key': 'value', bytes: new Uint8Array(1_000) }, empty: {} }
  assert.ok(checkValue(map) >= 1_000)
  assert.ok(checkValue(new Uint8Array(100_000)) >= 100_000)
})

test('any key is accepted in any place, and still there after it was passed on', () => {
  for (const text of [
    '{"__proto__":1}',
    '[{"__proto__":null}]',
    '{"a":[1,{"constructor":{}}]}',
    '{"a":{"b":{"prototype":0}}}',
    '{"__proto__":{"__proto__":{"evil":true}},"a":1}',
  ]) {
    const value: unknown = JSON.parse(text)
    assert.is(
      reasonOf(() => checkValue(value)),
      undefined,
      text,
    )
    const arrived = passedOn(value)
    assert.is(JSON.stringify(arrived), text)
    assert.is(Object.getPrototypeOf(arrived), Object.getPrototypeOf(value))
    assert.is((arrived as { evil?: unknown }).evil, undefined)
  }
})

test(`${LIMITS.depth} levels are accepted; one more is rejected, as is a circle`, () => {
  for (const wrap of WRAPS) {
    assert.is(
      reasonOf(() => checkValue(nested(LIMITS.depth, wrap))),
      undefined,
    )
    assert.is(
      reasonOf(() => checkValue([1, { a: 2 }, nested(LIMITS.depth, wrap)])),
      'too_deep',
    )
    assert.is(
      reasonOf(() => checkValue(nested(1_000_000, wrap))),
      'too_deep',
    )
  }
  const circle: unknown[] = []
  circle.push(circle)
  assert.is(
    reasonOf(() => checkValue(circle)),
    'too_deep',
  )
  // Levels that were left do not count: many values side by side are not deep.
  assert.is(
    reasonOf(() => checkValue(Array.from({ length: LIMITS.depth * 2 }, () => [[{ a: [1] }]]))),
    undefined,
  )
})

/** As bytes: lib0 itself could not write what is very deep. */
const encoded = (depth: number): Uint8Array => {
  const sender = replicaOf(1)
  sender.doc.getArray('list').push([7])
  const bytes = [...Y.encodeStateAsUpdate(sender.doc)]
  const at = bytes.lastIndexOf(125) // the integer 7
  bytes.splice(at, 0, ...Array.from({ length: depth }, () => [117, 1]).flat())
  return new Uint8Array(bytes)
}

test('a value is accepted here exactly if peers accept it', () => {
  for (const depth of [1, LIMITS.depth, LIMITS.depth + 1, 50_000]) {
    const remote = reasonOf(() => replicaOf(2).apply(encoded(depth)))
    assert.is(
      reasonOf(() => checkValue(nested(depth, (value) => [value]))),
      remote,
    )
    assert.is(remote, depth > LIMITS.depth ? 'too_deep' : undefined)
  }
})

test.run()
