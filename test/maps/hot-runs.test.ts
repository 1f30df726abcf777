/**
 * The living elements of a writer lie in runs of bounded length, so that a write copies a bounded
 * number of elements however many there are: at the writer, at each receiver and after a load.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { readEntries, sizeOf, writeEntries, writeEntry } from '../../src/maps/index.ts'
import { docOf, HOT } from '../helpers/maps.ts'
import { Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: hot runs')

/** As `MAX_RUN` of src/maps/hot-run.ts. */
const MAX_RUN = 128

const keyOf = (i: number): string => `key${i}`

const itemsOf = (doc: Y.Doc): Y.Item[] =>
  [...doc.getMap<Y.Array<unknown>>('pilot-gossip:hot').values()].flatMap((array) => {
    const items: Y.Item[] = []
    for (let item = array._start; item !== null; item = item.right) items.push(item)
    return items
  })

const living = (doc: Y.Doc): Y.Item[] => itemsOf(doc).filter(({ deleted }) => !deleted)
const longest = (doc: Y.Doc): number => Math.max(...living(doc).map(({ length }) => length))

/** How many array elements Yjs copies in `run`, when it joins and cuts runs. */
const copiesIn = (run: () => void): number => {
  const { prototype } = Y.ContentAny
  const { mergeWith, splice } = prototype
  let copied = 0
  prototype.mergeWith = function (right) {
    const isMerged = mergeWith.call(this, right)
    if (isMerged) copied += this.arr.length
    return isMerged
  }
  prototype.splice = function (offset) {
    copied += this.arr.length
    return splice.call(this, offset)
  }
  try {
    run()
  } finally {
    Object.assign(prototype, { mergeWith, splice })
  }
  return copied
}

/** The updates of a document from now on. */
const recorded = (doc: Y.Doc): Uint8Array[] => {
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  return updates
}

const fill = (doc: Y.Doc, count: number): void => {
  for (let i = 0; i < count; i++) writeEntry(doc, 'state', keyOf(i), i, HOT)
}

/** A document that knows of hot keys before any come. */
const receiver = (writer: number): Y.Doc => {
  const doc = docOf(writer)
  assert.is(sizeOf(doc, 'state'), 0)
  return doc
}

/** As former versions wrote them: one run of all. */
const withOneRun = (count: number): Y.Doc => {
  const doc = new Y.Doc()
  doc.clientID = 7
  const array = new Y.Array<unknown>()
  doc.getMap('pilot-gossip:hot').set('7', array)
  array.push(Array.from({ length: count }, (_, i) => ['state', keyOf(i), 1000 + i, 'v', i]))
  assert.equal(
    living(doc).map(({ length }) => length),
    [count],
  )
  return doc
}

test('one by one: a write copies at most one run, at the writer and at a receiver', () => {
  const [a, b] = [receiver(1), receiver(2)]
  const updates = recorded(a)
  const count = 4_000
  assert.ok(copiesIn(() => fill(a, count)) <= count * MAX_RUN)
  assert.ok(longest(a) <= MAX_RUN, `a run of ${longest(a)}`)
  const received = copiesIn(() => {
    for (const update of updates) Y.applyUpdate(b, update)
  })
  assert.ok(received <= count * MAX_RUN, `${received} copied`)
  assert.ok(longest(b) <= MAX_RUN, `a run of ${longest(b)}`)
  assert.is(sizeOf(b, 'state'), count)
})

test('many in one transaction, and a whole state: the same', () => {
  const [a, b] = [receiver(1), receiver(2)]
  const count = 4_000
  const copied = copiesIn(() => a.transact(() => fill(a, count)))
  assert.ok(copied <= count * MAX_RUN, `${copied} copied`)
  const at = copiesIn(() => Y.applyUpdate(b, Y.encodeStateAsUpdate(a)))
  assert.ok(at <= count * MAX_RUN, `${at} copied`)
  for (const doc of [a, b]) assert.ok(longest(doc) <= MAX_RUN, `a run of ${longest(doc)}`)
})

test('entries that are written as one are cut into runs', () => {
  const [a, b] = [receiver(1), receiver(2)]
  const all = Array.from({ length: 1_000 }, (_, i) => [keyOf(i), i] as const)
  writeEntries(a, 'state', all, HOT)
  Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
  for (const doc of [a, b]) {
    assert.ok(longest(doc) <= MAX_RUN, `a run of ${longest(doc)}`)
    assert.equal(readEntries(doc, 'state'), Object.fromEntries(all))
  }
})

test('a long run of a former version is cut when it comes, or at the next write', () => {
  const count = 4_000
  const old = Y.encodeStateAsUpdate(withOneRun(count))
  const came = receiver(1)
  Y.applyUpdate(came, old)
  assert.ok(longest(came) <= MAX_RUN, `a run of ${longest(came)}`)
  // Read before it is looked at.
  const [loaded, peer] = [docOf(2), new Y.Doc()]
  Y.applyUpdate(peer, old)
  Y.applyUpdate(loaded, old)
  assert.is(sizeOf(loaded, 'state'), count)
  assert.is(sizeOf(peer, 'state'), count)
  const updates = recorded(loaded)
  const copied = copiesIn(() => fill(loaded, count))
  assert.ok(copied <= count * MAX_RUN, `${copied} copied`)
  assert.equal(readEntries(loaded, 'state'), readEntries(came, 'state'))
  const received = copiesIn(() => {
    for (const update of updates) Y.applyUpdate(peer, update)
  })
  assert.ok(received <= count * MAX_RUN, `${received} copied`)
  assert.ok(longest(peer) <= MAX_RUN, `a run of ${longest(peer)}`)
})

test('what is overwritten still becomes one run', () => {
  const [a, b] = [receiver(1), receiver(2)]
  const updates = recorded(a)
  const count = 1_000
  for (let i = 0; i < 3; i++) fill(a, count)
  for (const update of updates) Y.applyUpdate(b, update)
  for (const doc of [a, b]) {
    const gone = itemsOf(doc).filter(({ deleted }) => deleted)
    assert.equal(
      gone.map(({ length }) => length),
      [2 * count],
    )
    assert.ok(living(doc).length <= (2 * count) / MAX_RUN + 1, `${living(doc).length} runs`)
  }
})

test('random overwrites: three structs a key at most, at the writer and at a receiver', () => {
  const [a, b] = [receiver(1), receiver(2)]
  const updates = recorded(a)
  const random = new Random(5)
  const count = 2_000
  fill(a, count)
  for (let i = 0; i < 5 * count; i++)
    writeEntry(a, 'state', keyOf(random.int(0, count - 1)), i, HOT)
  for (const update of updates) Y.applyUpdate(b, update)
  for (const doc of [a, b]) {
    assert.ok(itemsOf(doc).length <= 3 * count, `${itemsOf(doc).length} structs`)
    assert.ok(longest(doc) <= MAX_RUN)
  }
  assert.equal(readEntries(b, 'state'), readEntries(a, 'state'))
})

test('no key vanishes after any of the updates, in their order', () => {
  const [a, b] = [receiver(1), receiver(2)]
  const updates = recorded(a)
  const random = new Random(9)
  const written = new Map<string, number>()
  for (let i = 0; i < 3 * MAX_RUN; i++) {
    const key = keyOf(random.int(0, MAX_RUN))
    writeEntry(a, 'state', key, i, HOT)
    written.set(key, i)
    Y.applyUpdate(b, updates.at(-1)!)
    assert.equal(new Map(Object.entries(readEntries(b, 'state'))), new Map([...written].sort()))
  }
})

test('a document that has runs of its own is equal to one that has Yjs’s', () => {
  const [a, raw] = [receiver(1), new Y.Doc()]
  a.on('update', (update: Uint8Array) => Y.applyUpdate(raw, update))
  fill(a, 3 * MAX_RUN)
  fill(a, MAX_RUN)
  assert.equal(Y.snapshot(a), Y.snapshot(raw))
  assert.equal(readEntries(raw, 'state'), readEntries(a, 'state'))
})

test.run()
