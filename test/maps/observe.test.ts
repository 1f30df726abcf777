/** Observing maps: a transaction makes one change of each key, in either layout. */
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
  const reported: EntryChange[] = []
  observeEntries(doc, 'state', (change) => reported.push(change))
  return () => reported.splice(0)
}

for (const options of [{}, HOT]) {
  const layout = 'hot' in options ? 'hot' : 'plain'
  test(`${layout}: a change has the previous value, the new one, its writer and whether it is local`, () => {
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

test('counters report their sum, lists all their items', () => {
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

test('several changes of a key in one transaction are one change, and no change is none', () => {
  const doc = docOf(1)
  writeEntry(doc, 'state', 'k', 1)
  const reported = watch(doc)
  doc.transact(() => {
    writeEntry(doc, 'state', 'k', 2)
    writeEntry(doc, 'state', 'k', 3, HOT)
    incrementEntry(doc, 'state', 'k')
    writeEntry(doc, 'state', 'brief', 1)
    deleteEntry(doc, 'state', 'brief')
    writeEntry(doc, 'other', 'k', 1)
  })
  assert.equal(
    reported().map(({ key, value, old }) => [key, value, old]),
    [['k', 4, 1]],
  )
})

test('invisible changes are not reported: a losing value that arrives, or is deleted', async () => {
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

test('changes of a plain program are reported, nested ones too', () => {
  const doc = docOf(1)
  const reported = watch(doc)
  const root = doc.getMap<unknown>('state')
  root.set('k', new Y.Map([['x', 1]]))
  const inner = root.get('k') as Y.Map<unknown>
  inner.set('y', new Y.Array())
  ;(inner.get('y') as Y.Array<unknown>).push([5])
  inner.set('big', 5n)
  inner.set('x', 1)
  root.delete('k')
  assert.equal(
    reported().map(({ action, value, old }) => [action, value, old]),
    [
      ['set', { x: 1 }, undefined],
      ['set', { x: 1, y: [] }, { x: 1 }],
      ['set', { x: 1, y: [5] }, { x: 1, y: [] }],
      ['set', { x: 1, y: [5], big: '5' }, { x: 1, y: [5] }],
      ['delete', undefined, { x: 1, y: [5], big: '5' }],
    ],
  )
})

test('a map is observed before it exists, and one that existed without a type', () => {
  const a = docOf(1)
  writeEntry(a, 'state', 'p', 1)
  writeEntry(a, 'state', 'h', 1, HOT)
  for (const before of [true, false]) {
    const b = docOf(2)
    if (!before) give(a, b)
    const reported = watch(b)
    if (before) give(a, b)
    assert.is(reported().length, before ? 2 : 0)
    b.getMap('state').set('p', 2)
    writeEntry(b, 'state', 'h', 2)
    assert.equal(
      reported().map(({ key, value, old }) => [key, value, old]),
      [
        ['p', 2, 1],
        ['h', 2, 1],
      ],
    )
  }
})

test('observing creates nothing', () => {
  const doc = docOf(1)
  watch(doc)
  assert.equal([...doc.share.keys()], [])
})

test('an observer may write', () => {
  const doc = docOf(1)
  const reported: string[] = []
  observeEntries(doc, 'state', ({ key, value }) => {
    reported.push(`${key}=${value}`)
    if (key === 'k' && Number(value) < 3) writeEntry(doc, 'state', 'k', Number(value) + 1)
    if (key === 'k') incrementEntry(doc, 'state', 'seen')
  })
  writeEntry(doc, 'state', 'k', 1, HOT)
  assert.equal(readEntries(doc, 'state'), { k: 3, seen: 3 })
  assert.is(reported.filter((text) => text.startsWith('k=')).join(), 'k=1,k=2,k=3')
})

test('an observer that throws does not stop the others', () => {
  const [a, b] = [docOf(1), docOf(2)]
  observeEntries(b, 'state', () => {
    throw new Error('on purpose')
  })
  const reported = watch(b)
  const replica = new Replica(b, nodePlatform)
  let locals = 0
  replica.onLocal = () => locals++
  assert.throws(() => writeEntry(b, 'state', 'mine', 1, HOT), 'on purpose')
  assert.is(locals, 1)
  writeEntry(a, 'state', 'k', 1, HOT)
  const { status, thrown } = replica.apply(Y.encodeStateAsUpdate(a))
  assert.is(status, 'new')
  assert.is(thrown.length, 1)
  assert.is(reported().length, 2)
})

for (const options of [{}, HOT]) {
  const layout = 'hot' in options ? 'hot' : 'plain'
  test(`${layout}: an observer of one key gets changes of that key only`, () => {
    const [a, b] = [docOf(1), docOf(2)]
    writeEntry(a, 'state', 'k', 1, options)
    writeEntry(a, 'state', 'other', 1, options)
    give(a, b)
    const reported: unknown[] = []
    const listener = ({ key, value, old }: EntryChange) => reported.push([key, value, old])
    const ends = [
      observeEntries(b, 'state', listener, { key: 'k' }),
      observeEntries(b, 'state', listener, { key: 'k' }),
      observeEntries(b, 'state', listener, { key: 'none' }),
    ]
    const all = watch(b)
    writeEntry(a, 'state', 'other', 2)
    incrementEntry(a, 'state', 'k')
    give(a, b)
    assert.equal(reported.splice(0), [
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
    assert.equal(reported, [
      ['k', undefined, 2],
      ['none', 0, undefined],
    ])
    for (const end of ends) end()
    writeEntry(b, 'state', 'k', 9)
    assert.is(reported.length, 2)
  })
}

test('an observer of one key reads no other', () => {
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
  const listener = () => count++
  const first = observeEntries(doc, 'state', listener)
  const second = observeEntries(doc, 'state', listener)
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

test('an observer that begins within a transaction gets only later changes', () => {
  const doc = docOf(1)
  const reported: unknown[] = []
  doc.transact(() => {
    writeEntry(doc, 'state', 'k', 1, HOT)
    observeEntries(doc, 'state', ({ value, old }) => reported.push([value, old]))
    writeEntry(doc, 'state', 'l', 1, HOT)
  })
  assert.equal(reported, [[1, undefined]])
})

test.run()
