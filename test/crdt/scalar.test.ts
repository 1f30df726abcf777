/**
 * The seed's rule: what it does right, and the two things that it cannot do. Compared with jq if
 * that is installed.
 */
import { spawnSync } from 'node:child_process'
import * as assert from 'uvu/assert'
import { deepMerge, type Json, ScalarReplica } from '../../crdt/index.ts'
import { eachSeed, type Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('scalar')

test('a push is merged if its number is larger, never if it is equal or lower', () => {
  const a = new ScalarReplica()
  const b = new ScalarReplica()
  a.set('k', 1)
  assert.is(b.receive(a.push()), true)
  assert.equal(b.state, { k: 1 })
  assert.is(b.version, 1)
  assert.is(b.receive(a.push()), false, 'equal')
  a.set('k', 2)
  assert.is(b.receive(a.push()), true)
  assert.is(a.receive({ version: 1, state: { k: 'old' } }), false, 'lower')
  assert.equal(a.state, { k: 2 })
})

test('every change increments the number, also a delete', () => {
  const a = new ScalarReplica()
  a.set('k', 1)
  a.set('k', 1)
  a.delete('k')
  a.delete('nothing')
  assert.is(a.version, 4)
  assert.equal(a.state, {})
})

test('one of two concurrent writes is lost for good, even if their keys differ', () => {
  const a = new ScalarReplica()
  const b = new ScalarReplica()
  a.set('mine', 1)
  b.set('yours', 2)
  assert.is(a.receive(b.push()), false)
  assert.is(b.receive(a.push()), false)
  assert.not.equal(a.state, b.state)
  // The next write wins alone; it contains the other's write only by luck.
  b.set('more', 3)
  assert.is(a.receive(b.push()), true)
  assert.is(b.receive(a.push()), false)
  assert.equal(a.state, { mine: 1, yours: 2, more: 3 })
  assert.equal(b.state, { yours: 2, more: 3 })
})

test('a deleted key comes back with the next push that still has it', () => {
  const a = new ScalarReplica()
  const b = new ScalarReplica()
  a.set('k', 1)
  b.receive(a.push())
  a.delete('k')
  assert.is(b.receive(a.push()), true)
  assert.equal(b.state, { k: 1 }, 'the delete cannot be expressed')
  b.set('other', 2)
  assert.is(a.receive(b.push()), true)
  assert.equal(a.state, { k: 1, other: 2 }, 'and the key is back')
})

test('a push does not change with its sender’s next write', () => {
  const a = new ScalarReplica()
  a.set('k', { deep: [1] })
  const push = a.push()
  a.set('k', 2)
  a.delete('k')
  assert.equal(push, { version: 1, state: { k: { deep: [1] } } })
})

const MERGES: [Record<string, Json>, Record<string, Json>, Record<string, Json>][] = [
  [{}, {}, {}],
  [{ a: 1 }, { b: 2 }, { a: 1, b: 2 }],
  [{ a: { b: 1 } }, { a: { c: 2 } }, { a: { b: 1, c: 2 } }],
  [{ a: { b: { x: 1, y: 1 } } }, { a: { b: { y: 2 } } }, { a: { b: { x: 1, y: 2 } } }],
  [{ a: { b: 1 } }, { a: 5 }, { a: 5 }],
  [{ a: 5 }, { a: { b: 1 } }, { a: { b: 1 } }],
  [{ a: [1, 2] }, { a: [3] }, { a: [3] }],
  [{ a: [1] }, { a: { b: 1 } }, { a: { b: 1 } }],
  [{ a: 1 }, { a: null }, { a: null }],
  [{ a: null }, { a: { b: 1 } }, { a: { b: 1 } }],
  [{ a: { b: 1 } }, { a: {} }, { a: { b: 1 } }],
]

test('deepMerge is jq’s `a * b`', () => {
  for (const [a, b, merged] of MERGES) assert.equal(deepMerge(a, b), merged)
})

test('deepMerge changes neither of its arguments', () => {
  for (const [a, b] of MERGES) {
    const before = JSON.stringify([a, b])
    deepMerge(a, b)
    assert.is(JSON.stringify([a, b]), before)
  }
})

const randomJson = (random: Random, depth: number): Json =>
  random.pick<() => Json>([
    () => random.int(0, 9),
    () => null,
    () => [random.int(0, 9)],
    () => (depth > 0 ? randomObject(random, depth - 1) : {}),
    () => (depth > 0 ? randomObject(random, depth - 1) : true),
  ])()

const randomObject = (random: Random, depth: number): Record<string, Json> =>
  Object.fromEntries(
    ['a', 'b', 'c'].filter(() => random.chance(0.6)).map((key) => [key, randomJson(random, depth)]),
  )

if (spawnSync('jq', ['--version']).status === 0) {
  test('deepMerge gives what the real jq gives, on 300 random pairs', () => {
    const pairs: Record<string, Json>[][] = []
    eachSeed(300, (random) => {
      pairs.push([randomObject(random, 4), randomObject(random, 4)])
    })
    const { stdout, status } = spawnSync('jq', ['-c', 'map(.[0] * .[1])'], {
      input: JSON.stringify(pairs),
      encoding: 'utf8',
    })
    assert.is(status, 0)
    assert.equal(
      pairs.map(([a, b]) => deepMerge(a!, b!)),
      JSON.parse(stdout),
    )
  })
} else {
  test.skip('deepMerge: gives what the real jq gives', 'jq is not installed')
}

test.run()
