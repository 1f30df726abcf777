/**
 * What a change and its digests cost does not grow with the document. Counted in bytes hashed, not
 * in time: an exponent fitted over three sizes.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { exponentOf } from '../../bench/costs/fit.ts'
import type { Platform } from '../../crdt/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { docOf, replicaOf } from '../helpers/docs.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('growth')

const SIZES = [100, 1_000, 10_000]

const withKeys = (count: number): Y.Doc => {
  const doc = docOf(7)
  const map = doc.getMap('map')
  doc.transact(() => {
    for (let i = 0; i < count; i++) map.set(`key-${i}`, { name: `entry ${i}`, count: i })
  })
  return doc
}

/** Every other key is deleted: one run of deletes for each. */
const withDeletes = (count: number): Y.Doc => {
  const doc = withKeys(2 * count)
  const map = doc.getMap('map')
  doc.transact(() => {
    for (let i = 0; i < count; i++) map.delete(`key-${2 * i}`)
  })
  return doc
}

const withWriters = (count: number): Y.Doc => {
  const doc = docOf(7)
  doc.transact((transaction) => {
    for (let i = 0; i < count; i++) {
      const one = docOf(2 ** 32 + 2 ** 21 * i)
      one.getMap('map').set(`key-${i}`, i)
      Y.applyUpdate(transaction.doc, Y.encodeStateAsUpdate(one))
    }
  })
  return doc
}

/** Bytes hashed for a change and both digests, on average of some. */
const hashedBytes = (doc: Y.Doc): number => {
  let bytes = 0
  const platform: Platform = {
    ...nodePlatform,
    sha256: (input) => {
      bytes += input.length
      return nodePlatform.sha256(input)
    },
  }
  const replica = replicaOf(1, { platform })
  Y.applyUpdate(replica.doc, Y.encodeStateAsUpdate(doc))
  while (replica.published.content === undefined) replica.digest
  const map = replica.doc.getMap('map')
  map.set('own', 0)
  assert.ok(replica.digest && replica.published.content)
  bytes = 0
  const CHANGES = 20
  for (let i = 0; i < CHANGES; i++) {
    map.set(i % 2 === 0 ? 'own' : `key-${i}`, i)
    assert.ok(replica.digest && replica.published.content)
  }
  assert.ok(bytes > 0)
  return bytes / CHANGES
}

const documents = { keys: withKeys, 'runs of deletes': withDeletes }

for (const [what, create] of Object.entries(documents)) {
  test(`a change and its digests cost the same with more ${what}`, () => {
    const points = SIZES.map((size) => [size, hashedBytes(create(size))] as const)
    const exponent = exponentOf(points)
    assert.ok(exponent <= 0.1, `${exponent.toFixed(2)}: ${points.join('; ')} bytes`)
    for (const [size, bytes] of points) assert.ok(bytes < 10_000, `${bytes} bytes at ${size}`)
  })
}

/** Two hashes of 16 children, one of the state and one of the content. */
const LEVEL_BYTES = 2 * (16 * 17 + 64)

/** The same of a leaf, which may be full or nearly empty. */
const LEAF_BYTES = 2 * 16 * 17

test('sixteen times as many writers cost one level of the tree more', () => {
  const sizes = [40, 640, 10_240]
  const costs = sizes.map((size) => hashedBytes(withWriters(size)))
  for (const [i, cost] of costs.entries())
    assert.ok(
      cost <= costs[0]! + LEAF_BYTES + i * LEVEL_BYTES,
      `${costs.join(', ')} bytes at ${sizes.join(', ')}`,
    )
})

test.run()
