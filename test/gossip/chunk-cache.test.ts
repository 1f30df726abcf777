/** Chunks of long answers, packed once for all peers that lack the same. */
import * as assert from 'uvu/assert'
import { type Delta, emptyDeletes, packUpdate, type Replica } from '../../crdt/index.ts'
import { ChunkCache } from '../../src/gossip/chunk-cache.ts'
import { nodePlatform } from '../../src/platform.ts'
import { replicaOf } from '../helpers/docs.ts'
import {
  DOC,
  type Member,
  type Message,
  noise,
  pushText,
  stateIn,
  Table,
} from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: chunk cache')

const VALUE_LENGTH = 50_000
const VALUES = 80

const range = (writer: number, from: number, to: number): Delta => ({
  structs: new Map([[writer, { from, to }]]),
  deletes: emptyDeletes(),
})

/** A replica with that many long values of writer 1, and a cache whose packings are counted. */
const packed = () => {
  const replica: Replica = replicaOf(1)
  for (let i = 0; i < VALUES; i++) replica.doc.getMap('map').set(`key${i}`, noise(VALUE_LENGTH, i))
  const cache = new ChunkCache()
  let count = 0
  const get = (piece: Delta): { piece: Delta; isNew: boolean } => {
    const before = count
    const aligned = cache.align(replica.era, piece)
    cache.get(replica.era, replica.deletes, aligned, () => {
      count++
      return packUpdate(replica.encode(aligned), nodePlatform)
    })
    return { piece: aligned, isNew: count > before }
  }
  return { replica, get }
}

test('a chunk that begins within a cached one ends where that one ends', () => {
  const { get } = packed()
  assert.is(get(range(1, 0, 20)).isNew, true)
  assert.equal(get(range(1, 7, 27)), { piece: range(1, 7, 20), isNew: true })
  assert.is(get(range(1, 20, 40)).isNew, true)
  assert.is(get(range(1, 20, 40)).isNew, false)
})

test('a chunk that begins like a cached one is that one, if the peer lacks as much', () => {
  const { get } = packed()
  get(range(1, 0, 20))
  assert.equal(get(range(1, 0, 40)), { piece: range(1, 0, 20), isNew: false })
  assert.equal(get(range(1, 0, 10)), { piece: range(1, 0, 10), isNew: true })
})

test('a short chunk does not shorten others', () => {
  const { get } = packed()
  get(range(1, 0, 2))
  assert.equal(get(range(1, 0, 20)).piece, range(1, 0, 20))
})

test('a chunk is packed again after a delete in its range, and not after one elsewhere', () => {
  const { replica, get } = packed()
  get(range(1, 0, 20))
  replica.doc.getMap('map').delete('key30')
  assert.is(get(range(1, 0, 20)).isNew, false)
  replica.doc.getMap('map').delete('key10')
  assert.is(get(range(1, 0, 20)).isNew, true)
  assert.is(get(range(1, 0, 20)).isNew, false)
})

test('chunks of another writer, of several, or with deletes are not cached', () => {
  const { replica } = packed()
  const two: Delta = {
    structs: new Map([
      [1, { from: 0, to: 20 }],
      [2, { from: 0, to: 1 }],
    ]),
    deletes: emptyDeletes(),
  }
  replica.doc.getMap('map').delete('key0')
  const gone: Delta = { ...range(1, 7, 27), deletes: replica.deletes }
  const cache = new ChunkCache()
  for (const piece of [two, gone]) {
    let count = 0
    const pack = () => {
      count++
      return packUpdate(replica.encode(range(1, 0, 20)), nodePlatform)
    }
    cache.get(replica.era, replica.deletes, piece, pack)
    cache.get(replica.era, replica.deletes, piece, pack)
    assert.is(count, 2)
    assert.equal(cache.align(replica.era, piece), piece)
  }
})

test('three peers that pull at different times while others write get the same chunks', () => {
  const table = new Table({ config: { batchMs: 1e8 } })
  const [a, b, c, d] = table.seat('a', 'b', 'c', 'd')
  const fill = (from: number, to: number): void => {
    for (let i = from; i < to; i++) a.map.set(`key${i}`, noise(VALUE_LENGTH, i))
    table.change(a)
  }
  /** The peer learns that `a` differs, and pulls what it lacks. */
  const fetch = (peer: Member): void => {
    const { digest } = a.replica
    table.deliver({ from: 'a', to: peer.address, text: pushText({ [DOC]: { digest } }) })
    table.settle()
  }
  fill(0, 7)
  fetch(b)
  fill(7, 27)
  fetch(c)
  fill(27, VALUES)
  for (const [i, peer] of [b, c, d].entries()) {
    peer.map.set(`small${i}`, i)
    fetch(peer)
  }
  fetch(b)
  fetch(c)
  for (const peer of [b, c, d]) assert.is(peer.map.size, VALUES + 3)
  const updates = table.log
    .filter((message: Message) => message.from === 'a')
    .map((message) => stateIn(message).update)
    .filter((update) => update !== undefined && update.length > 262_144)
  const different = new Set(updates.map((update) => update?.digest))
  assert.ok(different.size <= updates.length * 0.6, `${different.size} of ${updates.length} differ`)
})

test.run()
