/** Keys and values: the same rules for what is written here and for what arrives. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { checkKey, checkValue, isPlainKey, LIMITS, Refusal } from '../crdt/index.ts'
import { replicaOf } from './helpers/docs.ts'
import { suite } from './helpers/suite.ts'

const test = suite('values')

const reasonOf = (run: () => unknown): string | undefined => {
  try {
    run()
    return undefined
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return error.reason
  }
}

const nested = (depth: number, wrap: (value: unknown) => unknown): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = wrap(value)
  return value
}

test('keys: only what changes an object itself is refused', () => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    assert.not.ok(isPlainKey(key))
    assert.is(
      reasonOf(() => checkKey(key)),
      'key_not_plain',
    )
  }
  for (const key of ['', 'toString', 'hasOwnProperty', '__proto', 'a b', 'ключ', '🦜', '0', ' ']) {
    assert.ok(isPlainKey(key))
    assert.is(
      reasonOf(() => checkKey(key)),
      undefined,
    )
  }
})

test('the message of a refused key quotes it', () => {
  assert.throws(() => checkKey('__proto__'), /"__proto__"/)
})

test('plain values are taken', () => {
  for (const value of [undefined, null, 0, -0, 1.5, '', 'x', true, [], {}, [[], {}], { a: [{}] }])
    assert.is(
      reasonOf(() => checkValue(value, 0)),
      undefined,
    )
  assert.is(
    reasonOf(() => checkValue(new Uint8Array(100_000), 0)),
    undefined,
  )
})

test('keys that are not plain are found at any place', () => {
  for (const text of [
    '{"__proto__":1}',
    '[{"__proto__":null}]',
    '{"a":[1,{"constructor":{}}]}',
    '{"a":{"b":{"prototype":0}}}',
  ]) {
    assert.is(
      reasonOf(() => checkValue(JSON.parse(text), 0)),
      'key_not_plain',
      text,
    )
  }
  // What decoding makes of such a key where it assigns: another prototype and no key.
  assert.is(
    reasonOf(() => checkValue([Object.create({ evil: 1 })], 0)),
    'key_not_plain',
  )
  assert.is(
    reasonOf(() => checkValue(Object.create(null), 0)),
    'key_not_plain',
  )
})

test(`${LIMITS.depth} levels are taken, one more is refused, a circle too`, () => {
  for (const wrap of [(value: unknown) => [value], (value: unknown) => ({ a: value })]) {
    assert.is(
      reasonOf(() => checkValue(nested(LIMITS.depth, wrap), 0)),
      undefined,
    )
    assert.is(
      reasonOf(() => checkValue(nested(LIMITS.depth + 1, wrap), 0)),
      'too_deep',
    )
    assert.is(
      reasonOf(() => checkValue(nested(LIMITS.depth, wrap), 1)),
      'too_deep',
    )
  }
  const circle: unknown[] = []
  circle.push(circle)
  assert.is(
    reasonOf(() => checkValue(circle, 0)),
    'too_deep',
  )
})

test('what is taken here is taken by a peer, and what a peer refuses is refused here', () => {
  const values = [
    nested(LIMITS.depth, (value) => [value]),
    nested(LIMITS.depth + 1, (value) => [value]),
    nested(LIMITS.depth, (value) => ({ a: value })),
    nested(LIMITS.depth + 1, (value) => ({ a: value })),
    { a: [1, 'two', null, { three: true }] },
    JSON.parse('{"a":{"__proto__":{}}}'),
    JSON.parse('[{"constructor":1}]'),
    new Uint8Array([1]),
  ]
  for (const value of values) {
    const sender = replicaOf(1)
    sender.doc.getMap('map').set('k', value)
    const remote = reasonOf(() => replicaOf(2).apply(Y.encodeStateAsUpdate(sender.doc)))
    assert.is(
      reasonOf(() => checkValue(value, 0)),
      remote,
    )
  }
})

test.run()
