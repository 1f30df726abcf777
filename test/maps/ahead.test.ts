/** Stamps of a clock that is too far ahead: they win against no present write until their time has come. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { hotOf } from '../../src/maps/hot.ts'
import {
  appendEntry,
  deleteEntry,
  describeEntry,
  incrementEntry,
  observeEntries,
  readEntry,
  writeEntry,
} from '../../src/maps/index.ts'
import { Ripening } from '../../src/maps/ripening.ts'
import { docOf, give, HOT, swept, T0 } from '../helpers/maps.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: stamps ahead')

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const exchange = (...docs: Y.Doc[]): void => {
  for (const from of docs) for (const to of docs) if (from !== to) give(from, to)
}

/** Documents of writers 1, 2, …, and their common time. */
const world = (count: number) => {
  const time = { now: T0 }
  const docs = Array.from({ length: count }, (_, i) => docOf(i + 1, () => time.now))
  return { time, docs }
}

/** Writes a hot element with that stamp, as any program can. */
const forge = (
  doc: Y.Doc,
  key: string,
  stamp: number,
  kind = 'v',
  value: unknown = 'ahead',
): void => {
  const root = doc.getMap<Y.Array<unknown>>('pilot-gossip:hot')
  const name = String(doc.clientID)
  if (!root.has(name)) root.set(name, new Y.Array())
  root.get(name)!.push([['state', key, stamp, kind, value]])
}

const ids = [
  [1, 9],
  [9, 1],
] as const

for (const [honest, hostile] of ids) {
  test(`writer ${honest} wins against the highest stamp of writer ${hostile}, everywhere`, async () => {
    const [a, b, c] = [docOf(honest), docOf(hostile), docOf(5)]
    writeEntry(a, 'state', 'k', 'mine', HOT)
    forge(b, 'k', Number.MAX_SAFE_INTEGER)
    exchange(b, c, a)
    await swept()
    exchange(a, b, c)
    for (const doc of [a, b, c]) assert.is(readEntry(doc, 'state', 'k'), 'mine')
    incrementEntry(c, 'state', 'n')
    assert.is(describeEntry(c, 'state', 'n')?.stampMs, T0)
    assert.ok(deleteEntry(c, 'state', 'k'))
    exchange(a, b, c)
    for (const doc of [a, b, c]) assert.is(readEntry(doc, 'state', 'k'), undefined)
  })
}

test('a value that is alone is visible, however far ahead', () => {
  const [a, b] = [docOf(1), docOf(2)]
  forge(b, 'k', Number.MAX_SAFE_INTEGER)
  exchange(a, b)
  assert.is(readEntry(a, 'state', 'k'), 'ahead')
  writeEntry(a, 'state', 'k', 'next')
  exchange(a, b)
  assert.is(readEntry(b, 'state', 'k'), 'next')
})

test('when its time has come it wins as its stamp says, and observers hear of it', async () => {
  const { time, docs } = world(3)
  const [a, b, c] = docs as [Y.Doc, Y.Doc, Y.Doc]
  writeEntry(a, 'state', 'k', 'mine', HOT)
  forge(b, 'k', (T0 + HOUR) * 1024)
  exchange(a, b, c)
  await swept()
  exchange(a, b, c)
  const seen: unknown[] = []
  observeEntries(c, 'state', ({ value, isLocal }) => seen.push([value, isLocal]))
  assert.is(readEntry(c, 'state', 'k'), 'mine')
  time.now = T0 + 54 * MINUTE
  new Ripening(hotOf(c)).look()
  assert.equal(seen, [])
  time.now = T0 + 56 * MINUTE
  for (const doc of docs) assert.is(readEntry(doc, 'state', 'k'), 'ahead')
  for (const doc of docs) new Ripening(hotOf(doc)).look()
  await swept()
  assert.equal(seen, [['ahead', false]])
  exchange(a, b, c)
  for (const doc of docs) assert.is(readEntry(doc, 'state', 'k'), 'ahead')
  // The value that has lost for good is deleted by its writer.
  assert.is([...hotOf(c).cellOf('state', 'k')!.elements].length, 1)
  // From then on the clocks follow.
  writeEntry(c, 'state', 'new', 1, HOT)
  assert.is(describeEntry(c, 'state', 'new')?.stampMs, T0 + HOUR)
})

test('replicas whose clocks differ never both delete the value of their own', async () => {
  // The writer of the value ahead has a right clock now; that of writer 1 is an hour ahead.
  const [a, b] = [docOf(1, () => T0 + HOUR), docOf(2)]
  useOlder(a)
  forge(b, 'k', (T0 + HOUR) * 1024)
  exchange(a, b)
  writeEntry(b, 'state', 'x', 1, HOT)
  await swept()
  exchange(a, b)
  await swept()
  exchange(a, b)
  assert.is(readEntry(a, 'state', 'k'), 'ahead')
  assert.is(readEntry(b, 'state', 'k'), 'ahead')
})

/** Writes at `T0`. */
function useOlder(doc: Y.Doc): void {
  forge(doc, 'k', T0 * 1024, 'v', 'older')
}

test('items come after those of a clock that is ahead, and before those of no clock', () => {
  const [a, b] = [docOf(1), docOf(2)]
  forge(b, 'l', (T0 + HOUR) * 1024, '>', 'an hour ahead')
  forge(b, 'l', Number.MAX_SAFE_INTEGER, '>', 'last')
  exchange(a, b)
  for (const item of [1, 2, 3]) appendEntry(a, 'state', 'l', item)
  exchange(a, b)
  for (const doc of [a, b]) {
    assert.equal(readEntry(doc, 'state', 'l'), ['an hour ahead', 1, 2, 3, 'last'])
  }
  appendEntry(a, 'state', 'other', 1)
  assert.is(describeEntry(a, 'state', 'other')?.stampMs, T0)
})

test('a clock that was set back by an hour stamps the right time', () => {
  const { time, docs } = world(1)
  const [doc] = docs as [Y.Doc]
  time.now = T0 + HOUR
  writeEntry(doc, 'state', 'k', 1, HOT)
  time.now = T0
  writeEntry(doc, 'state', 'k', 2, HOT)
  assert.is(readEntry(doc, 'state', 'k'), 2)
  assert.is(describeEntry(doc, 'state', 'k')?.stampMs, T0)
})

test('a document that is loaded with such values ends its timer with itself', () => {
  const hostile = docOf(2)
  forge(hostile, 'k', Number.MAX_SAFE_INTEGER)
  forge(hostile, 'k', T0 * 1024, 'v', 'present')
  const doc = new Y.Doc()
  give(hostile, doc)
  assert.is(hotOf(doc).hasAhead, true)
  assert.ok(hotOf(doc).ripen()! > 1_000_000_000)
  doc.destroy()
})

test.run()
