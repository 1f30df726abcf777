/**
 * What hot maps cost after 100 keys were overwritten 1,000 times each at random: structs and bytes
 * (V1) stay within 3 times the live content, whoever wrote and however they synchronised.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import {
  appendEntry,
  deleteEntry,
  incrementEntry,
  readEntries,
  readEntry,
  sizeOf,
  useClock,
  writeEntry,
} from '../../src/maps/index.ts'
import { give, swept, T0 } from '../helpers/maps.ts'
import { Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: bounds')

const KEYS = 100
const WRITES = 100_000

/** Writer ids of 53 bits, like those of agents: the bytes repeat them. */
const writerOf = (i: number): number => 3_000_000_000_000_000 + i * 7919

const docsOf = (count: number): Y.Doc[] =>
  Array.from({ length: count }, (_, i) => {
    const doc = new Y.Doc()
    doc.clientID = writerOf(i)
    let now = T0 + i
    useClock(doc, () => {
      now += 0.4
      return now
    })
    return doc
  })

const sync = (docs: readonly Y.Doc[]): void => {
  for (const a of docs) {
    for (const b of docs) {
      if (a !== b) give(a, b)
    }
  }
}

/** Synchronises until nothing is left to delete. */
const settle = async (docs: readonly Y.Doc[]): Promise<void> => {
  for (let i = 0; i < 3; i++) {
    sync(docs)
    await swept()
  }
}

const structsOf = (doc: Y.Doc): number => {
  let count = 0
  for (const structs of doc.store.clients.values()) count += structs.length
  return count
}

const bytesOf = (doc: Y.Doc): number => Y.encodeStateAsUpdate(doc).length
const liveBytesOf = (doc: Y.Doc): number => JSON.stringify(readEntries(doc, 'state')).length

type Operation = (doc: Y.Doc, key: string, i: number) => void

const value = (i: number) => ({ status: 'working on it', progress: i, note: 'abcdefghij' })
const set: Operation = (doc, key, i) => writeEntry(doc, 'state', key, value(i), { hot: true })

/** Random writers write random keys, and synchronise after every few writes. */
const run = async (
  writers: number,
  writes: number,
  syncEvery: number,
  operation: Operation,
): Promise<Y.Doc> => {
  const random = new Random(writers)
  const docs = docsOf(writers)
  for (let i = 0; i < writes; i++) {
    operation(random.pick(docs), `key${random.int(0, KEYS - 1)}`, i)
    if (writers > 1 && i % syncEvery === 0) {
      sync(docs)
      await swept()
    }
  }
  await settle(docs)
  for (const doc of docs) {
    assert.equal(readEntries(doc, 'state'), readEntries(docs[0]!, 'state'))
    assert.is(structsOf(doc), structsOf(docs[0]!))
  }
  return docs[0]!
}

const assertBound = (doc: Y.Doc): void => {
  assert.is(sizeOf(doc, 'state'), KEYS)
  const structs = structsOf(doc)
  const bytes = bytesOf(doc)
  assert.ok(structs <= 3 * KEYS, `${structs} structs for ${KEYS} keys`)
  const live = liveBytesOf(doc)
  assert.ok(bytes <= 3 * live, `${bytes} bytes for ${live} alive`)
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  assert.equal(readEntries(copy, 'state'), readEntries(doc, 'state'))
}

test('one writer', async () => assertBound(await run(1, WRITES, 1, set)), { timeout: 300_000 })

test('five concurrent writers', async () => assertBound(await run(5, WRITES, 1000, set)), {
  timeout: 300_000,
})

test(
  'five writers in lock step',
  async () => {
    // Every write reaches all before the next; the cost is in the synchronising.
    assertBound(await run(5, WRITES / 20, 1, set))
  },
  { timeout: 300_000 },
)

/** Bytes of a part of a counter, or of an item of a list, without the key and the item itself. */
const PART_BYTES = 64

test(
  'counters keep at most three times as many structs as parts, however often they are incremented',
  async () => {
    const add: Operation = (doc, key) => void incrementEntry(doc, 'state', key)
    for (const writers of [1, 5]) {
      const doc = await run(writers, WRITES / 10, 500, add)
      const parts = KEYS * writers
      const sum = Object.values(readEntries(doc, 'state')).reduce<number>(
        (a, b) => a + Number(b),
        0,
      )
      assert.is(sum, WRITES / 10)
      assert.ok(structsOf(doc) <= 3 * parts, `${structsOf(doc)} structs for ${parts} parts`)
      // A number is shorter than the id of its writer, so each part has a fixed size.
      assert.ok(bytesOf(doc) <= parts * PART_BYTES, `${bytesOf(doc)} bytes for ${parts} parts`)
    }
  },
  { timeout: 300_000 },
)

test(
  'lists that are emptied now and then',
  async () => {
    const append: Operation = (doc, key, i) => {
      const list = readEntry(doc, 'state', key)
      if (Array.isArray(list) && list.length >= 20) deleteEntry(doc, 'state', key)
      else appendEntry(doc, 'state', key, value(i))
    }
    for (const writers of [1, 5]) {
      const doc = await run(writers, WRITES / 10, 500, append)
      const items = Object.values(readEntries(doc, 'state')).flat().length
      assert.ok(structsOf(doc) <= 3 * items, `${structsOf(doc)} structs for ${items} items`)
      assert.ok(bytesOf(doc) <= 3 * liveBytesOf(doc))
    }
  },
  { timeout: 300_000 },
)

test('each plain write in between costs two structs at most, besides its own', async () => {
  let plain = 0
  const doc = await run(1, WRITES / 5, 1, (to, key, i) => {
    set(to, key, i)
    if (i % 50 !== 0) return
    plain++
    writeEntry(to, 'other', key, i)
  })
  assert.ok(plain >= 100)
  assert.ok(
    structsOf(doc) <= 3 * KEYS + 3 * plain,
    `${structsOf(doc)} structs for ${KEYS} keys and ${plain} plain writes`,
  )
  const live = liveBytesOf(doc)
  // A tombstone, and one run becomes two, each with an id of its own.
  assert.ok(bytesOf(doc) <= 3 * live + 64 * plain, `${bytesOf(doc)} bytes for ${live} alive`)
})

test('a Y.Map keeps one struct for each overwrite, which a hot map avoids', async () => {
  const doc = await run(1, WRITES / 20, 1, (to, key, i) => writeEntry(to, 'state', key, value(i)))
  assert.ok(structsOf(doc) > (WRITES / 20) * 0.9)
})

test.run()
