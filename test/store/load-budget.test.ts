/** Loading a store is bounded: what takes too long to merge is told and kept, and the rest loads. */
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { LogStore } from '../../src/store/log/log-store.ts'
import { Persistence } from '../../src/store/persistence.ts'
import { restore } from '../../src/store/store.ts'
import { docOf, forge, forged } from '../helpers/docs.ts'
import { inFolder } from '../helpers/folder.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('store: the budget of a load')

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

/** `count` items of writer 5, each of which belongs beyond all those of writer 3. */
const crossing = (count: number): Uint8Array =>
  forge([
    { writer: 5, structs: times(count, (i) => forged.any({ right: [3, count - 1 - i] }, [i])) },
    { writer: 3, structs: times(count, (i) => forged.any({ parent: 'list' }, [i])) },
  ])

const setBy = (writer: number, key: string): Uint8Array => {
  const doc = docOf(writer)
  doc.getMap('state').set(key, writer)
  return Y.encodeStateAsUpdate(doc)
}

const SMALL = { first: 10_000, last: 20_000 }

test('an update that takes too long is told and kept; the others load, and each start goes on', () => {
  const updates = [setBy(7, 'a'), crossing(400), setBy(8, 'b')]
  const doc = docOf(99)
  let { problems, held } = restore(doc, { state: undefined, updates, problems: [] }, null, SMALL)
  assert.equal(doc.getMap('state').toJSON(), { a: 7, b: 8 })
  assert.equal(
    problems.map(({ type, bytes }) => [type, bytes]),
    [['damaged', updates[1]!.length]],
  )
  assert.match(problems[0]!.failure.message, /update 1 of the store would take too long/)
  assert.equal(held, [updates[1]])
  let starts = 0
  for (; held.length > 0; starts++) {
    const before = Y.getState(doc.store, 5)
    ;({ problems, held } = restore(
      doc,
      { state: undefined, updates: held, problems: [] },
      null,
      SMALL,
    ))
    assert.ok(held.length === 0 || Y.getState(doc.store, 5) > before)
  }
  assert.equal(problems, [])
  assert.ok(starts > 1, `${starts}`)
  const bare = docOf(98)
  for (const update of updates) Y.applyUpdate(bare, update)
  assert.equal(doc.getArray('list').toJSON(), bare.getArray('list').toJSON())
})

test('what is too much beside others is merged when it is tried again', () => {
  const updates = [crossing(100), setBy(7, 'a')]
  const doc = docOf(99)
  const budget = { first: 1_000, last: 1_000_000 }
  const restored = restore(doc, { state: undefined, updates, problems: [] }, null, budget)
  assert.equal(restored, { problems: [], held: [] })
  assert.is(Y.getState(doc.store, 5), 100)
})

test('updates that follow one that was tried again are merged, too', () => {
  const first = docOf(9)
  Y.applyUpdate(first, crossing(100))
  const before = Y.encodeStateVector(first)
  first.getArray('list').push(['after'])
  const updates = [crossing(100), Y.encodeStateAsUpdate(first, before)]
  const doc = docOf(99)
  const budget = { first: 1_000, last: 1_000_000 }
  const restored = restore(doc, { state: undefined, updates, problems: [] }, null, budget)
  assert.equal(restored, { problems: [], held: [] })
  assert.equal(doc.getArray('list').toJSON(), first.getArray('list').toJSON())
})

test('a state that takes too long is told and kept as an update', () => {
  const whole = docOf(98)
  Y.applyUpdate(whole, crossing(400))
  const state = Y.encodeStateAsUpdateV2(whole)
  const doc = docOf(99)
  const loaded = { state, updates: [setBy(7, 'a')], problems: [] }
  const { problems, held } = restore(doc, loaded, null, { first: 100, last: 200 })
  assert.is(doc.getMap('state').get('a'), 7)
  assert.match(problems[0]!.failure.message, /the state of the store would take too long/)
  assert.is(held.length, 1)
  Y.applyUpdate(doc, held[0]!)
  assert.equal(doc.getArray('list').toJSON(), whole.getArray('list').toJSON())
})

test('honest stores load whole: 100,000 keys, and 5,000 writers of one key', () =>
  inFolder(async (parent) => {
    const keys = docOf(1)
    keys.transact(() => {
      for (let i = 0; i < 100_000; i++) keys.getMap('state').set(`k${i}`, i)
    })
    const updates = [
      Y.encodeStateAsUpdate(keys),
      ...times(5_000, (i) => setBy(100 + ((i * 7) % 5_000), 'crowded')),
    ]
    const dir = join(parent, 'honest')
    const store = new LogStore({ dir })
    await store.load()
    await Promise.all(updates.map((update) => store.append(update)))
    await store.close()
    // From the log, then from the state after a compaction.
    for (const round of [1, 2]) {
      const doc = docOf(99)
      const again = new LogStore({ dir })
      const persistence = new Persistence(doc, again, (failure) => {
        throw failure
      })
      const { problems, held } = await persistence.open()
      assert.equal([problems, held], [[], []])
      assert.is(doc.getMap('state').size, 100_001)
      assert.is(Y.decodeStateVector(Y.encodeStateVector(doc)).size, 5_001)
      if (round === 1) await again.compact(doc)
      await persistence.close()
    }
  }))

test.run()
