/** The hot layout: what is visible, which write wins, what is deleted, and the effect of hostile elements. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { Cell } from '../../src/maps/cell.ts'
import { followHot, watchTransactions } from '../../src/maps/hot.ts'
import {
  appendEntry,
  deleteEntry,
  describeEntry,
  hasEntry,
  historyOf,
  incrementEntry,
  keysOf,
  listMaps,
  observeEntries,
  readEntries,
  readEntry,
  sizeOf,
  useClock,
  writeEntries,
  writeEntry,
} from '../../src/maps/index.ts'
import { addedBy, stepsOf } from '../../src/maps/steps.ts'
import { docOf, give, HOT, swept, T0 } from '../helpers/maps.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: hot')

const ROOT = 'pilot-gossip:hot'
const MINUTE = 60_000

const exchange = (a: Y.Doc, b: Y.Doc): void => {
  give(a, b)
  give(b, a)
}

/** All elements in the document that are not deleted. */
const elementsOf = (doc: Y.Doc): unknown[] =>
  [...doc.getMap<Y.Array<unknown>>(ROOT).values()].flatMap((array) => array.toArray())

/** Puts raw elements into the array of that name, as any program can. */
const forge = (doc: Y.Doc, name: string, ...elements: unknown[]): void => {
  const root = doc.getMap<Y.Array<unknown>>(ROOT)
  if (!root.has(name)) root.set(name, new Y.Array())
  root.get(name)!.push(elements)
}

test('plain and hot entries appear as one map', () => {
  const doc = docOf(1)
  writeEntry(doc, 'state', 'b', 1)
  writeEntry(doc, 'state', 'a', { x: 1 }, HOT)
  writeEntry(doc, 'other', 'c', 3, HOT)
  assert.equal(readEntries(doc, 'state'), { a: { x: 1 }, b: 1 })
  assert.equal(Object.keys(readEntries(doc, 'state')), ['a', 'b'])
  assert.equal(keysOf(doc, 'state'), ['a', 'b'])
  assert.is(sizeOf(doc, 'state'), 2)
  assert.ok(hasEntry(doc, 'state', 'a') && hasEntry(doc, 'state', 'b'))
  assert.equal(listMaps(doc), [
    { name: 'other', keys: 1 },
    { name: 'state', keys: 2 },
  ])
  assert.equal(describeEntry(doc, 'state', 'b'), { value: 1, writer: 1, clock: 0, layout: 'plain' })
  assert.equal(describeEntry(doc, 'state', 'a'), {
    value: { x: 1 },
    writer: 1,
    clock: 2,
    layout: 'hot',
    stampMs: T0,
  })
  assert.is(describeEntry(doc, 'state', 'none'), undefined)
})

test('reading creates nothing', () => {
  const doc = docOf(1)
  readEntry(doc, 'state', 'k')
  readEntries(doc, 'state')
  hasEntry(doc, 'state', 'k')
  keysOf(doc, 'state')
  describeEntry(doc, 'state', 'k')
  historyOf(doc, 'state', 'k')
  deleteEntry(doc, 'state', 'k')
  assert.equal([...doc.share.keys()], [])
  assert.equal(listMaps(doc), [])
})

test('a hot write deletes the plain entry; the key stays hot until it is deleted', () => {
  const doc = docOf(1)
  writeEntry(doc, 'state', 'k', 1)
  writeEntry(doc, 'state', 'k', 2, HOT)
  assert.not.ok(doc.getMap('state').has('k'))
  writeEntry(doc, 'state', 'k', 3)
  assert.is(describeEntry(doc, 'state', 'k')?.layout, 'hot')
  assert.equal(elementsOf(doc), [['state', 'k', T0 * 1024 + 1, 'v', 3]])
  assert.ok(deleteEntry(doc, 'state', 'k'))
  assert.not.ok(deleteEntry(doc, 'state', 'k'))
  assert.equal(elementsOf(doc), [])
  writeEntry(doc, 'state', 'k', 4)
  assert.is(describeEntry(doc, 'state', 'k')?.layout, 'plain')
})

test('of concurrent values the later stamp wins, then the higher writer', async () => {
  for (const [times, winner] of [
    [[5, 3], 'a'],
    [[3, 5], 'b'],
    [[4, 4], 'b'],
  ] as const) {
    const a = docOf(1, () => T0 + times[0])
    const b = docOf(2, () => T0 + times[1])
    writeEntry(a, 'state', 'k', 'a', HOT)
    writeEntry(b, 'state', 'k', 'b', HOT)
    exchange(a, b)
    assert.is(readEntry(a, 'state', 'k'), winner)
    assert.is(readEntry(b, 'state', 'k'), winner)
    await swept()
    exchange(a, b)
    assert.is(elementsOf(a).length, 1, 'the loser was not taken out by its writer')
    assert.is(elementsOf(b).length, 1)
    assert.is(readEntry(a, 'state', 'k'), winner)
  }
})

test('a write replaces each value that its writer has seen, whatever the clocks say', () => {
  const a = docOf(1, () => T0 + 60 * MINUTE)
  const b = docOf(2, () => T0)
  writeEntry(a, 'state', 'k', 'ahead', HOT)
  give(a, b)
  writeEntry(b, 'state', 'k', 'later', HOT)
  give(b, a)
  assert.is(readEntry(a, 'state', 'k'), 'later')
  // The stamp of a clock that is an hour ahead was not followed.
  assert.is(describeEntry(b, 'state', 'k')?.stampMs, T0)
  assert.is(elementsOf(a).length, 1)
})

test('stamps follow those of peers, and never repeat', () => {
  const a = docOf(1, () => T0 + MINUTE)
  const b = docOf(2, () => T0)
  writeEntry(a, 'state', 'k', 1, HOT)
  give(a, b)
  writeEntry(b, 'state', 'other', 1, HOT)
  assert.equal(elementsOf(b)[1], ['state', 'other', (T0 + MINUTE) * 1024 + 1, 'v', 1])
})

test('a delete removes what its writer saw; concurrent writes stay', () => {
  const [a, b] = [docOf(1), docOf(2)]
  writeEntry(a, 'state', 'k', 1, HOT)
  exchange(a, b)
  deleteEntry(a, 'state', 'k')
  writeEntry(b, 'state', 'k', 2, HOT)
  exchange(a, b)
  assert.is(readEntry(a, 'state', 'k'), 2)
  assert.is(readEntry(b, 'state', 'k'), 2)
})

test('a plain program reads, writes and deletes plain entries; a hot value takes precedence', () => {
  const [a, b] = [docOf(1), docOf(2)]
  writeEntry(a, 'state', 'k', 'hot', HOT)
  b.getMap('state').set('k', 'plain')
  exchange(a, b)
  assert.is(readEntry(a, 'state', 'k'), 'hot')
  assert.is(readEntry(b, 'state', 'k'), 'hot')
  assert.is(b.getMap('state').get('k'), 'plain')
  b.getMap('state').delete('k')
  exchange(a, b)
  assert.is(readEntry(a, 'state', 'k'), 'hot')
  b.getMap('state').set('k', 'plain')
  exchange(a, b)
  writeEntry(a, 'state', 'k', 'next')
  exchange(a, b)
  assert.not.ok(b.getMap('state').has('k'), 'a write takes the plain entry out too')
  deleteEntry(b, 'state', 'k')
  exchange(a, b)
  assert.not.ok(hasEntry(a, 'state', 'k'))
})

test('a counter starts at nothing or at a number of either layout, and loses no increment', () => {
  for (const begin of [undefined, { hot: false }, { hot: true }]) {
    const [a, b, c] = [docOf(1), docOf(2), docOf(3)]
    if (begin) writeEntry(a, 'state', 'n', 10, begin)
    exchange(a, b)
    exchange(b, c)
    for (let i = 0; i < 5; i++) for (const doc of [a, b, c]) incrementEntry(doc, 'state', 'n', 2)
    for (const [x, y] of [
      [a, b],
      [b, c],
      [a, b],
    ] as const)
      exchange(x, y)
    const sum = (begin ? 10 : 0) + 30
    for (const doc of [a, b, c]) assert.is(readEntry(doc, 'state', 'n'), sum)
    assert.is(incrementEntry(a, 'state', 'n', -sum), 0)
    assert.ok(hasEntry(a, 'state', 'n'))
    assert.is(describeEntry(a, 'state', 'n')?.layout, 'counter')
    assert.is(describeEntry(a, 'state', 'n')?.writer, 1)
    assert.is(elementsOf(a).length, 3 + (begin?.hot ? 1 : 0), 'one part a writer')
  }
})

test('a set value replaces increments, concurrent ones too', async () => {
  const [a, b] = [docOf(1), docOf(2)]
  incrementEntry(a, 'state', 'n', 5)
  exchange(a, b)
  incrementEntry(a, 'state', 'n', 5)
  writeEntry(b, 'state', 'n', 100)
  exchange(a, b)
  assert.is(readEntry(a, 'state', 'n'), 100)
  assert.is(readEntry(b, 'state', 'n'), 100)
  await swept()
  exchange(a, b)
  assert.is(elementsOf(b).length, 1, 'the part that counts no more was not taken out')
  assert.is(incrementEntry(a, 'state', 'n'), 101)
})

test('a counter restarts when a plain program sets or deletes the number below it', async () => {
  const [a, b] = [docOf(1), docOf(2)]
  writeEntry(a, 'state', 'n', 10)
  incrementEntry(a, 'state', 'n', 5)
  exchange(a, b)
  b.getMap('state').set('n', 50)
  exchange(a, b)
  assert.is(readEntry(a, 'state', 'n'), 50)
  await swept()
  assert.equal(elementsOf(a), [])
  incrementEntry(a, 'state', 'n')
  exchange(a, b)
  b.getMap('state').delete('n')
  exchange(a, b)
  assert.not.ok(hasEntry(a, 'state', 'n'))
})

test('a part that arrives before its base waits for it', async () => {
  const [a, b, c] = [docOf(1), docOf(2), docOf(3)]
  writeEntry(a, 'state', 'n', 10, HOT)
  give(a, b)
  b.once('update', (update: Uint8Array) => Y.applyUpdate(c, update)) // carries nothing of a
  incrementEntry(b, 'state', 'n', 5)
  assert.is(elementsOf(c).length, 1)
  await swept()
  assert.not.ok(hasEntry(c, 'state', 'n'))
  give(a, c)
  assert.is(readEntry(c, 'state', 'n'), 15)
})

test('a list keeps all appended items, in the order of their stamps', () => {
  let now = T0
  const [a, b] = [docOf(1, () => now), docOf(2, () => now)]
  writeEntry(a, 'state', 'l', ['begin'])
  exchange(a, b)
  appendEntry(a, 'state', 'l', 'a1')
  now++
  assert.is(appendEntry(b, 'state', 'l', 'b1'), 2)
  now++
  assert.is(appendEntry(a, 'state', 'l', { a: 2 }), 3)
  exchange(a, b)
  const whole = ['begin', 'a1', 'b1', { a: 2 }]
  assert.equal(readEntry(a, 'state', 'l'), whole)
  assert.equal(readEntry(b, 'state', 'l'), whole)
  assert.is(describeEntry(b, 'state', 'l')?.layout, 'list')
  assert.equal(b.getMap('state').get('l'), ['begin'])
  writeEntry(b, 'state', 'l', [])
  exchange(a, b)
  assert.equal(readEntry(a, 'state', 'l'), [])
  assert.is(appendEntry(a, 'state', 'l', 1), 1)
})

test('an item is appended after those that its writer sees, even if the clock was set back', () => {
  let now = T0
  const doc = docOf(1, () => now)
  appendEntry(doc, 'state', 'l', 1)
  now -= 60 * MINUTE
  useClock(doc, () => now)
  appendEntry(doc, 'state', 'l', 2)
  appendEntry(doc, 'state', 'l', 3)
  assert.equal(readEntry(doc, 'state', 'l'), [1, 2, 3])
})

test('of concurrent items and parts the list wins', () => {
  const [a, b] = [docOf(1), docOf(2)]
  incrementEntry(a, 'state', 'k', 5)
  appendEntry(b, 'state', 'k', 'x')
  exchange(a, b)
  for (const doc of [a, b]) assert.equal(readEntry(doc, 'state', 'k'), ['x'])
})

test('only a number can be incremented, only an array appended to', () => {
  const doc = docOf(1)
  writeEntry(doc, 'state', 's', 'text')
  writeEntry(doc, 'state', 'n', 1)
  assert.throws(
    () => incrementEntry(doc, 'state', 's'),
    /"s" is "\\"text\\"", which is not a number/,
  )
  assert.throws(() => appendEntry(doc, 'state', 'n', 1), /"n" is "1", which is not a list/)
  appendEntry(doc, 'state', 'l', 1)
  assert.throws(() => incrementEntry(doc, 'state', 'l'), /which is not a number/)
  incrementEntry(doc, 'state', 'c')
  assert.throws(() => appendEntry(doc, 'state', 'c', 1), /which is not a list/)
})

test('an increment that would be lost in a large sum is refused', () => {
  const doc = docOf(1)
  writeEntry(doc, 'state', 'n', 2 ** 53)
  assert.throws(
    () => incrementEntry(doc, 'state', 'n', 1),
    /9007199254740992, and 1 more is not a number/,
  )
  writeEntry(doc, 'state', 'n', 1e308)
  assert.throws(
    () => incrementEntry(doc, 'state', 'n', 1e308),
    /is not a number that JSON can hold/,
  )
  assert.is(readEntry(doc, 'state', 'n'), 1e308)
})

test('amounts of other writers, however large, leave a counter a number that counts on', () => {
  const [a, b] = [docOf(1), docOf(9)]
  incrementEntry(a, 'state', 'n', 5)
  for (const name of [2, 3]) {
    const hostile = docOf(name)
    forge(hostile, String(name), ['state', 'n', 1, '+', 1.7e308])
    give(hostile, a)
  }
  give(a, b)
  const seen: unknown[] = []
  observeEntries(b, 'state', ({ value, old }) => seen.push([value, old]))
  for (const doc of [a, b]) assert.is(readEntry(doc, 'state', 'n'), Number.MAX_VALUE)
  assert.is(incrementEntry(a, 'state', 'n', 2), Number.MAX_VALUE)
  incrementEntry(b, 'state', 'n', 3)
  exchange(a, b)
  assert.equal(readEntries(a, 'state'), readEntries(b, 'state'))
  assert.equal(JSON.parse(JSON.stringify(readEntries(a, 'state'))), { n: Number.MAX_VALUE })
  // Amounts that are taken back cancel out.
  for (const name of [4, 5]) {
    const honest = docOf(name)
    forge(honest, String(name), ['state', 'n', 1, '+', -1.7e308])
    give(honest, b)
  }
  exchange(a, b)
  const sum = readEntry(b, 'state', 'n') as number
  assert.ok(Math.abs(sum) < 1e300, String(sum))
  assert.is(readEntry(a, 'state', 'n'), sum)
  writeEntry(b, 'state', 'n', 1)
  assert.is(incrementEntry(b, 'state', 'n'), 2)
  assert.equal(seen.at(-1), [2, 1])
})

test('the steps of a counter that overflows are numbers', () => {
  const doc = docOf(1)
  const found: number[] = []
  incrementEntry(doc, 'state', 'n', 1)
  watchTransactions(doc, (_, cells) => {
    for (const cell of cells) {
      for (const step of stepsOf(doc, 'state', 'n', cell).steps)
        found.push(addedBy(step), step.value)
    }
  })
  for (const [name, amount] of [
    [2, 1.7e308],
    [3, 1.7e308],
    [4, -1.7e308],
  ] as const) {
    const hostile = docOf(name)
    forge(hostile, String(name), ['state', 'n', 1, '+', amount])
    give(hostile, doc)
  }
  assert.is(found.length, 6)
  assert.ok(found.every(Number.isFinite), String(found))
})

test('a transaction reads its own writes', () => {
  const doc = docOf(1)
  doc.transact(() => {
    writeEntry(doc, 'state', 'k', 1, HOT)
    assert.is(readEntry(doc, 'state', 'k'), 1)
    writeEntry(doc, 'state', 'k', 2)
    assert.is(readEntry(doc, 'state', 'k'), 2)
    incrementEntry(doc, 'state', 'k')
    assert.is(readEntry(doc, 'state', 'k'), 3)
    deleteEntry(doc, 'state', 'k')
    assert.not.ok(hasEntry(doc, 'state', 'k'))
    appendEntry(doc, 'state', 'l', 'x')
    assert.equal(readEntry(doc, 'state', 'l'), ['x'])
    writeEntry(doc, 'state', 'p', 1)
    assert.equal(keysOf(doc, 'state'), ['l', 'p'])
  })
  assert.equal(readEntries(doc, 'state'), { l: ['x'], p: 1 })
})

test('a transaction reads the updates of a peer', () => {
  const [a, b] = [docOf(1), docOf(2)]
  writeEntry(a, 'state', 'k', 1, HOT)
  b.transact(() => {
    assert.not.ok(hasEntry(b, 'state', 'k'))
    give(a, b)
    assert.is(readEntry(b, 'state', 'k'), 1)
    writeEntry(b, 'state', 'k', 2)
    assert.is(readEntry(b, 'state', 'k'), 2)
  })
  give(b, a)
  assert.is(readEntry(a, 'state', 'k'), 2)
  assert.is(elementsOf(a).length, 1)
})

test('a transaction that throws keeps its writes, and the index knows them', () => {
  const doc = docOf(1)
  assert.throws(() =>
    doc.transact(() => {
      writeEntry(doc, 'state', 'k', 1, HOT)
      throw new Error('on purpose')
    }),
  )
  assert.is(readEntry(doc, 'state', 'k'), 1)
})

test('a document may have content before it is first read', () => {
  const a = docOf(1)
  writeEntry(a, 'state', 'hot', { x: 1 }, HOT)
  writeEntry(a, 'state', 'plain', 2)
  incrementEntry(a, 'state', 'n', 3)
  const update = Y.encodeStateAsUpdate(a)
  const untyped = new Y.Doc()
  Y.applyUpdate(untyped, update)
  const whole = { hot: { x: 1 }, n: 3, plain: 2 }
  assert.equal(readEntries(untyped, 'state'), whole)
  assert.equal(listMaps(untyped), [{ name: 'state', keys: 3 }])
  // Reading did not give the root a type, so it can still be opened as a map.
  assert.is(untyped.getMap('state').get('plain'), 2)
  assert.equal(readEntries(untyped, 'state'), whole)
  const inside = new Y.Doc()
  inside.transact(() => {
    Y.applyUpdate(inside, update)
    assert.equal(readEntries(inside, 'state'), whole)
    inside.getMap('state')
    writeEntry(inside, 'state', 'hot', 7)
  })
  assert.equal(readEntries(inside, 'state'), { ...whole, hot: 7 })
  incrementEntry(untyped, 'state', 'n', 3)
  assert.is(readEntry(untyped, 'state', 'n'), 6)
})

for (const isDeleted of [false, true]) {
  test(`a map stays one beside ${isDeleted ? 'deleted' : 'live'} items of a peer's text`, () => {
    const a = new Y.Doc()
    a.getText('notes').insert(0, 'hello')
    if (isDeleted) a.getText('notes').delete(0, 5)
    const [b, untouched] = [new Y.Doc(), new Y.Doc()]
    give(a, b)
    give(a, untouched)
    assert.equal(listMaps(b), [])
    assert.equal(readEntries(b, 'notes'), {})
    const seen: unknown[] = []
    observeEntries(b, 'notes', ({ key, value }) => seen.push([key, value]))
    writeEntry(b, 'notes', 'k', 1)
    writeEntry(b, 'notes', 'hot', 1, HOT)
    incrementEntry(b, 'notes', 'hot')
    const more = new Y.Doc()
    more.getText('notes').insert(0, 'more')
    give(more, b)
    deleteEntry(b, 'notes', 'k')
    writeEntry(b, 'notes', 'k', 2)
    give(b, a)
    assert.equal(readEntries(b, 'notes'), { hot: 2, k: 2 })
    assert.equal(seen.slice(-2), [
      ['k', undefined],
      ['k', 2],
    ])
    assert.equal(listMaps(b), [{ name: 'notes', keys: 2 }])
    // The text is still there for those who use it.
    assert.is(a.getText('notes').toString().replace('more', ''), isDeleted ? '' : 'hello')
    assert.is(untouched.getText('notes').toString(), isDeleted ? '' : 'hello')
  })
}

test('a new writer id gets an array of its own, and overwrites the old elements like any others', async () => {
  const doc = docOf(1)
  writeEntry(doc, 'state', 'k', 1, HOT)
  incrementEntry(doc, 'state', 'n', 2)
  doc.clientID = 2
  writeEntry(doc, 'state', 'k', 2)
  assert.is(incrementEntry(doc, 'state', 'n', 2), 4)
  assert.equal([...doc.getMap(ROOT).keys()].sort(), ['1', '2'])
  assert.is(describeEntry(doc, 'state', 'k')?.writer, 2)
  doc.clientID = 1
  writeEntry(doc, 'state', 'k', 3)
  assert.is(incrementEntry(doc, 'state', 'n', 2), 6)
  assert.is(elementsOf(doc).length, 3)
  const copy = docOf(3)
  give(doc, copy)
  assert.equal(readEntries(copy, 'state'), { k: 3, n: 6 })
  await swept()
  assert.equal(readEntries(doc, 'state'), { k: 3, n: 6 })
})

test('a writer continues after another has deleted its array', () => {
  const [a, b] = [docOf(1), docOf(2)]
  writeEntry(a, 'state', 'k', 1, HOT)
  exchange(a, b)
  b.getMap(ROOT).delete('1')
  exchange(a, b)
  assert.not.ok(hasEntry(a, 'state', 'k'))
  assert.not.ok(hasEntry(b, 'state', 'k'))
  writeEntry(a, 'state', 'k', 2, HOT)
  b.getMap(ROOT).set('1', 'no array')
  exchange(a, b)
  writeEntry(a, 'state', 'k', 3, HOT)
  exchange(a, b)
  assert.is(readEntry(b, 'state', 'k'), 3)
})

test('elements of unknown shape are ignored, in any array and from any writer', () => {
  const [a, b] = [docOf(1), docOf(2)]
  writeEntry(a, 'state', 'k', 1, HOT)
  exchange(a, b)
  const stamp = T0 * 1024
  forge(
    b,
    '1',
    null,
    'text',
    [],
    {},
    ['state', 'x'],
    ['state', 'x', stamp, 'v'],
    ['state', 'x', stamp, 'v', undefined],
    ['state', 'x', stamp, 'v', 1, [1, 1]],
    ['state', 'x', -1, 'v', 1],
    ['state', 'x', 1.5, 'v', 1],
    ['state', 'x', 2 ** 60, 'v', 1],
    ['state', 'x', 'now', 'v', 1],
    ['state', 'x', stamp, '?', 1],
    ['state', 'x', stamp, '+', 'one'],
    ['state', 'x', stamp, '+', Number.POSITIVE_INFINITY],
    ['state', 'x', stamp, '+', 1, [1]],
    ['state', 'x', stamp, '+', 1, [-1, 0]],
    ['state', 'x', stamp, '>', 1, 'base'],
    ['state', '__proto__', stamp, 'v', 1],
    ['state', 7, stamp, 'v', 1],
    ['__proto__', 'x', stamp, 'v', 1],
    [ROOT, 'x', stamp, 'v', 1],
    new Uint8Array(3),
  )
  b.getMap<Y.Array<unknown>>(ROOT).get('1')!.insert(0, [new Y.Array()])
  b.getMap(ROOT).set('text', new Y.Text('x'))
  b.getMap(ROOT).set('map', new Y.Map([['1', ['state', 'x', stamp, 'v', 1]]]))
  exchange(a, b)
  for (const doc of [a, b]) {
    assert.equal(readEntries(doc, 'state'), { k: 1 })
    assert.equal(listMaps(doc), [{ name: 'state', keys: 1 }])
    writeEntry(doc, 'state', 'k', doc.clientID)
    assert.is(readEntry(doc, 'state', 'k'), doc.clientID)
    exchange(a, b)
  }
})

test('the writer of an element is the writer of its item, whatever array contains it', () => {
  const [a, b] = [docOf(1), docOf(2)]
  writeEntry(a, 'state', 'k', 1, HOT)
  exchange(a, b)
  b.getMap<Y.Array<unknown>>(ROOT)
    .get('1')!
    .insert(0, [['state', 'k', (T0 + MINUTE) * 1024, 'v', 'forged']])
  exchange(a, b)
  for (const doc of [a, b]) {
    assert.is(describeEntry(doc, 'state', 'k')?.writer, 2)
    assert.is(readEntry(doc, 'state', 'k'), 'forged')
  }
  writeEntry(a, 'state', 'k', 2)
  exchange(a, b)
  assert.is(readEntry(b, 'state', 'k'), 2)
})

test('the highest possible stamp blocks no writer', async () => {
  const [a, b] = [docOf(1), docOf(2)]
  forge(b, '2', ['state', 'k', Number.MAX_SAFE_INTEGER, 'v', 'for ever'])
  forge(b, '2', ['state', 'l', Number.MAX_SAFE_INTEGER, '>', 'last'])
  exchange(a, b)
  appendEntry(a, 'state', 'l', 'after')
  writeEntry(a, 'state', 'k', 'mine')
  writeEntry(a, 'state', 'other', 1, HOT)
  exchange(a, b)
  assert.is(readEntry(b, 'state', 'k'), 'mine')
  assert.is(describeEntry(b, 'state', 'other')?.stampMs, T0)
  assert.equal(readEntry(a, 'state', 'l'), readEntry(b, 'state', 'l'))
  await swept()
})

test('values of a hostile writer that are not JSON break nothing', () => {
  const [a, b] = [docOf(1), docOf(2)]
  forge(b, '2', ['state', 'n', 1, 'v', 5n], ['state', 'u', 1, 'v', new Uint8Array(2)])
  exchange(a, b)
  assert.is(readEntry(a, 'state', 'n'), '5')
  assert.throws(() => incrementEntry(a, 'state', 'n'), /which is not a number/)
  writeEntry(a, 'state', 'n', 1)
  exchange(a, b)
  assert.is(readEntry(b, 'state', 'n'), 1)
})

test('a peer can write a map that is a text here', async () => {
  const [a, b] = [docOf(1), docOf(2)]
  b.getText('notes').insert(0, 'mine')
  writeEntry(a, 'notes', 'k', 1, HOT)
  writeEntry(a, 'notes', 'k', 2, HOT)
  exchange(a, b)
  await swept()
  assert.equal(listMaps(b), [])
  assert.throws(() => readEntry(b, 'notes', 'k'), /is a shared type, but not a map/)
})

test('a document without garbage collection shows the same, and remembers everything', () => {
  const doc = docOf(1, () => T0, false)
  writeEntry(doc, 'state', 'k', 'first')
  for (let i = 0; i < 3; i++) writeEntry(doc, 'state', 'k', i, HOT)
  assert.equal(readEntries(doc, 'state'), { k: 2 })
  assert.equal(
    historyOf(doc, 'state', 'k').map(({ value, current }) => [value, current]),
    [
      [2, true],
      [1, false],
      [0, false],
      ['first', false],
    ],
  )
})

test('history lists the versions of a plain and of a hot entry', () => {
  const [a, b] = [docOf(1), docOf(2)]
  for (let i = 0; i < 3; i++) writeEntry(a, 'state', 'k', i)
  exchange(a, b)
  writeEntry(b, 'state', 'k', 'b')
  assert.equal(historyOf(b, 'state', 'k'), [
    { writer: 2, clock: 0, current: true, kind: 'set', value: 'b' },
    { writer: 1, clock: 2, current: false, kind: 'set', count: 3 },
  ])
  incrementEntry(a, 'state', 'n', 5)
  assert.equal(historyOf(a, 'state', 'n'), [
    { writer: 1, clock: 4, current: true, kind: 'increment', value: 5, at: T0 },
  ])
  appendEntry(a, 'state', 'l', 'x')
  assert.equal(
    historyOf(a, 'state', 'l').map(({ kind, value }) => [kind, value]),
    [['append', 'x']],
  )
  assert.equal(historyOf(a, 'state', 'none'), [])
})

test('one write may mix both layouts and repeat a key', () => {
  const doc = docOf(1)
  writeEntry(doc, 'state', 'k1', 'plain')
  writeEntries(
    doc,
    'state',
    [
      ['k0', 0],
      ['k1', 1],
      ['k0', 2],
    ],
    HOT,
  )
  assert.equal(readEntries(doc, 'state'), { k0: 2, k1: 1 })
  writeEntries(doc, 'state', [
    ['k0', 3],
    ['p', 4],
  ])
  assert.is(describeEntry(doc, 'state', 'k0')?.layout, 'hot')
  assert.is(describeEntry(doc, 'state', 'p')?.layout, 'plain')
  writeEntries(doc, 'state', [], HOT)
  assert.is(sizeOf(doc, 'state'), 3)
})

test('a document can be used after it was destroyed', () => {
  const doc = docOf(1)
  writeEntry(doc, 'state', 'k', 1, HOT)
  doc.destroy()
  writeEntry(doc, 'state', 'k', 2)
  const peer = docOf(2)
  give(doc, peer)
  writeEntry(peer, 'state', 'k', 3)
  give(peer, doc)
  assert.is(readEntry(doc, 'state', 'k'), 3)
})

test('a load makes no view of the keys that have one value', () => {
  const writer = docOf(1)
  const keys = Array.from({ length: 100 }, (_, index): [string, number] => [`k${index}`, index])
  writeEntries(writer, 'state', keys, HOT)
  incrementEntry(writer, 'state', 'n', 1)
  const doc = docOf(2)
  followHot(doc)
  const { view } = Cell.prototype
  let views = 0
  Cell.prototype.view = function (plain) {
    views++
    return view.call(this, plain)
  }
  try {
    give(writer, doc)
    assert.is(views, 1) // of the counter
    assert.is(readEntry(doc, 'state', 'k7'), 7)
    assert.ok(views > 1)
  } finally {
    Cell.prototype.view = view
  }
})

test.run()
