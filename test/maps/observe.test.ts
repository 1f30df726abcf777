/** Observing maps: one change for what a transaction did to a key, whichever way it is kept. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Replica } from '../../crdt/index.ts'
import {
  appendEntry,
  deleteEntry,
  type EntryChange,
  incrementEntry,
  observeEntries,
  readEntries,
  writeEntry,
} from '../../src/maps/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { docOf, give, HOT, swept } from '../helpers/maps.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: observe')

/** The changes of the map `state` since the last call. */
const watch = (doc: Y.Doc): (() => EntryChange[]) => {
  const told: EntryChange[] = []
  observeEntries(doc, 'state', (change) => told.push(change))
  return () => told.splice(0)
}

for (const options of [{}, HOT]) {
  const layout = 'hot' in options ? 'hot' : 'plain'
  test(`${layout}: what was, what is, who wrote it, and where`, () => {
    const [a, b] = [docOf(1), docOf(2)]
    const [ofA, ofB] = [watch(a), watch(b)]
    const common = { map: 'state', key: 'k' }
    writeEntry(a, 'state', 'k', 1, options)
    assert.equal(ofA(), [{ ...common, action: 'set', value: 1, writer: 1, isLocal: true }])
    give(a, b)
    assert.equal(ofB(), [{ ...common, action: 'set', value: 1, writer: 1, isLocal: false }])
    writeEntry(b, 'state', 'k', 2)
    assert.equal(ofB(), [{ ...common, action: 'set', value: 2, writer: 2, old: 1, isLocal: true }])
    give(b, a)
    assert.equal(ofA(), [{ ...common, action: 'set', value: 2, writer: 2, old: 1, isLocal: false }])
    deleteEntry(a, 'state', 'k')
    assert.equal(ofA(), [{ ...common, action: 'delete', writer: 1, old: 2, isLocal: true }])
    give(a, b)
    assert.equal(ofB(), [{ ...common, action: 'delete', old: 2, isLocal: false }])
  })
}

test('counters and lists tell the sum and the whole list', () => {
  const [a, b] = [docOf(1), docOf(2)]
  writeEntry(a, 'state', 'n', 10)
  const ofA = watch(a)
  incrementEntry(a, 'state', 'n', 5)
  const [change] = ofA()
  assert.equal([change?.value, change?.old, change?.writer], [15, 10, 1])
  give(a, b)
  incrementEntry(b, 'state', 'n', 1)
  appendEntry(b, 'state', 'l', 'x')
  appendEntry(b, 'state', 'l', 'y')
  give(b, a)
  assert.equal(
    ofA().map(({ key, value, old, writer }) => [key, value, old, writer]),
    [
      ['n', 16, 15, 2],
      ['l', ['x', 'y'], undefined, 2],
    ],
  )
})

test('several changes of a key in one transaction are one, and none is none', () => {
  const doc = docOf(1)
  writeEntry(doc, 'state', 'k', 1)
  const told = watch(doc)
  doc.transact(() => {
    writeEntry(doc, 'state', 'k', 2)
    writeEntry(doc, 'state', 'k', 3, HOT)
    incrementEntry(doc, 'state', 'k')
    writeEntry(doc, 'state', 'brief', 1)
    deleteEntry(doc, 'state', 'brief')
    writeEntry(doc, 'other', 'k', 1)
  })
  assert.equal(
    told().map(({ key, value, old }) => [key, value, old]),
    [['k', 4, 1]],
  )
})

test('what nobody sees is not told: a loser that comes, or is taken out', async () => {
  const [a, b] = [docOf(1), docOf(2)]
  writeEntry(a, 'state', 'k', 'loser', HOT)
  writeEntry(b, 'state', 'k', 'winner', HOT)
  const [ofA, ofB] = [watch(a), watch(b)]
  give(a, b)
  assert.equal(ofB(), [])
  give(b, a)
  assert.equal(
    ofA().map(({ value, old, writer }) => [value, old, writer]),
    [['winner', 'loser', 2]],
  )
  await swept()
  give(a, b)
  assert.equal(ofA(), [])
  assert.equal(ofB(), [])
})

test('what a plain program does is told, and what it does inside a value', () => {
  const doc = docOf(1)
  const told = watch(doc)
  const root = doc.getMap<unknown>('state')
  root.set('k', new Y.Map([['x', 1]]))
  const inner = root.get('k') as Y.Map<unknown>
  inner.set('y', new Y.Array())
  ;(inner.get('y') as Y.Array<unknown>).push([5])
  inner.set('big', 5n)
  inner.set('x', 1)
  root.delete('k')
  assert.equal(
    told().map(({ action, value, old }) => [action, value, old]),
    [
      ['set', { x: 1 }, undefined],
      ['set', { x: 1, y: [] }, { x: 1 }],
      ['set', { x: 1, y: [5] }, { x: 1, y: [] }],
      ['set', { x: 1, y: [5], big: '5' }, { x: 1, y: [5] }],
      ['delete', undefined, { x: 1, y: [5], big: '5' }],
    ],
  )
})

test('a map that begins to exist later, and one that was there untyped', () => {
  const a = docOf(1)
  writeEntry(a, 'state', 'p', 1)
  writeEntry(a, 'state', 'h', 1, HOT)
  for (const before of [true, false]) {
    const b = docOf(2)
    if (!before) give(a, b)
    const told = watch(b)
    if (before) give(a, b)
    assert.is(told().length, before ? 2 : 0)
    b.getMap('state').set('p', 2)
    writeEntry(b, 'state', 'h', 2)
    assert.equal(
      told().map(({ key, value, old }) => [key, value, old]),
      [
        ['p', 2, 1],
        ['h', 2, 1],
      ],
    )
  }
})

test('observing makes nothing', () => {
  const doc = docOf(1)
  watch(doc)
  assert.equal([...doc.share.keys()], [])
})

test('an observer that writes', () => {
  const doc = docOf(1)
  const told: string[] = []
  observeEntries(doc, 'state', ({ key, value }) => {
    told.push(`${key}=${value}`)
    if (key === 'k' && Number(value) < 3) writeEntry(doc, 'state', 'k', Number(value) + 1)
    if (key === 'k') incrementEntry(doc, 'state', 'seen')
  })
  writeEntry(doc, 'state', 'k', 1, HOT)
  assert.equal(readEntries(doc, 'state'), { k: 3, seen: 3 })
  assert.is(told.filter((text) => text.startsWith('k=')).join(), 'k=1,k=2,k=3')
})

test('an observer that throws keeps nobody else from being told', () => {
  const [a, b] = [docOf(1), docOf(2)]
  observeEntries(b, 'state', () => {
    throw new Error('on purpose')
  })
  const told = watch(b)
  const replica = new Replica(b, nodePlatform)
  let locals = 0
  replica.onLocal = () => locals++
  assert.throws(() => writeEntry(b, 'state', 'mine', 1, HOT), 'on purpose')
  assert.is(locals, 1)
  writeEntry(a, 'state', 'k', 1, HOT)
  const { status, thrown } = replica.apply(Y.encodeStateAsUpdate(a))
  assert.is(status, 'new')
  assert.is(thrown.length, 1)
  assert.is(told().length, 2)
})

for (const options of [{}, HOT]) {
  const layout = 'hot' in options ? 'hot' : 'plain'
  test(`${layout}: one key alone, whatever becomes of the others`, () => {
    const [a, b] = [docOf(1), docOf(2)]
    writeEntry(a, 'state', 'k', 1, options)
    writeEntry(a, 'state', 'other', 1, options)
    give(a, b)
    const told: unknown[] = []
    const tell = ({ key, value, old }: EntryChange) => told.push([key, value, old])
    const ends = [
      observeEntries(b, 'state', tell, { key: 'k' }),
      observeEntries(b, 'state', tell, { key: 'k' }),
      observeEntries(b, 'state', tell, { key: 'none' }),
    ]
    const all = watch(b)
    writeEntry(a, 'state', 'other', 2)
    incrementEntry(a, 'state', 'k')
    give(a, b)
    assert.equal(told.splice(0), [
      ['k', 2, 1],
      ['k', 2, 1],
    ])
    assert.equal(
      all()
        .map(({ key }) => key)
        .sort(),
      ['k', 'other'],
    )
    ends[0]?.()
    deleteEntry(b, 'state', 'k')
    writeEntry(b, 'state', 'none', 0, options)
    assert.equal(told, [
      ['k', undefined, 2],
      ['none', 0, undefined],
    ])
    for (const end of ends) end()
    writeEntry(b, 'state', 'k', 9)
    assert.is(told.length, 2)
  })
}

test('observing one key looks at no other', () => {
  const doc = docOf(1)
  let looks = 0
  class Counted extends Y.Text {
    override toString(): string {
      looks++
      return super.toString()
    }
  }
  const root = doc.getMap<unknown>('state')
  root.set('k', new Counted())
  for (let n = 0; n < 10; n++) root.set(`${n}`, new Counted())
  const end = observeEntries(doc, 'state', () => undefined, { key: 'k' })
  assert.is(looks, 1)
  end()
  observeEntries(doc, 'state', () => undefined)
  assert.is(looks, 12, 'the counter works')
})

test('each observer ends by itself', () => {
  const doc = docOf(1)
  let count = 0
  const tell = () => count++
  const first = observeEntries(doc, 'state', tell)
  const second = observeEntries(doc, 'state', tell)
  writeEntry(doc, 'state', 'k', 1)
  assert.is(count, 2)
  first()
  first()
  writeEntry(doc, 'state', 'k', 2)
  assert.is(count, 3)
  second()
  writeEntry(doc, 'state', 'k', 3)
  assert.is(count, 3)
  observeEntries(doc, 'state', ({ old }) => assert.is(old, 3))
  writeEntry(doc, 'state', 'k', 4)
})

test('who begins to observe within a transaction is told of what comes after', () => {
  const doc = docOf(1)
  const told: unknown[] = []
  doc.transact(() => {
    writeEntry(doc, 'state', 'k', 1, HOT)
    observeEntries(doc, 'state', ({ value, old }) => told.push([value, old]))
    writeEntry(doc, 'state', 'l', 1, HOT)
  })
  assert.equal(told, [[1, undefined]])
})

test.run()
