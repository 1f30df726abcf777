/** Entries that end: who sees what and when, what is deleted by whom, and what a mark of anybody can do. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { yjsInner } from '../../crdt/index.ts'
import {
  appendEntry,
  DELETE_MARGIN_MS,
  deleteEntry,
  describeEntry,
  type EntryChange,
  expireEntry,
  expiryOf,
  hasEntry,
  historyOf,
  incrementEntry,
  keysOf,
  listMaps,
  MAX_TTL_MS,
  makeReadOnly,
  observeEntries,
  passTime,
  persistEntry,
  readEntries,
  readEntry,
  restoreEntries,
  sizeOf,
  writeEntries,
  writeEntry,
} from '../../src/maps/index.ts'
import { SharedMap } from '../../src/maps/shared-map.ts'
import { seeded } from '../../src/transports/memory/network.ts'
import { docOf, give, HOT, swept, T0 } from '../helpers/maps.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('maps: expiry')

const MINUTE = 60_000
const ROOT = 'pilot-gossip:hot'

/** Documents of writers 1, 2, …, their common time, and the changes that the last one reports. */
const world = (count: number) => {
  const time = { now: T0 }
  const docs = Array.from({ length: count }, (_, i) => docOf(i + 1, () => time.now))
  const changes: EntryChange[] = []
  observeEntries(docs.at(-1)!, 'state', (change) => changes.push(change))
  const pass = (ms: number): void => {
    time.now += ms
    for (const doc of docs) passTime(doc)
  }
  return { time, docs, changes, pass }
}

const exchange = (...docs: Y.Doc[]): void => {
  for (const from of docs) for (const to of docs) if (from !== to) give(from, to)
}

const elementsOf = (doc: Y.Doc): unknown[] =>
  [...doc.getMap<Y.Array<unknown>>(ROOT).values()].flatMap((array) => array.toArray())

/** Puts raw elements into the document's own array, as any program can. */
const forge = (doc: Y.Doc, ...elements: unknown[]): void => {
  const root = doc.getMap<Y.Array<unknown>>(ROOT)
  const name = String(doc.clientID)
  if (!root.has(name)) root.set(name, new Y.Array())
  root.get(name)!.push(elements)
}

const idOf = (doc: Y.Doc, key: string): [number, number] => {
  const { writer, clock } = describeEntry(doc, 'state', key)!
  return [writer, clock]
}

/** One way to write each layout, and what it shows. */
const LAYOUTS = {
  plain: { write: (doc: Y.Doc) => writeEntry(doc, 'state', 'k', 1), value: 1 },
  hot: { write: (doc: Y.Doc) => writeEntry(doc, 'state', 'k', 1, HOT), value: 1 },
  counter: { write: (doc: Y.Doc) => void incrementEntry(doc, 'state', 'k', 5), value: 5 },
  list: { write: (doc: Y.Doc) => void appendEntry(doc, 'state', 'k', 'a'), value: ['a'] },
} as const

for (const [layout, { write, value }] of Object.entries(LAYOUTS)) {
  test(`a ${layout} entry ends for all readers at its time, before anything is deleted`, () => {
    const { time, docs } = world(2)
    const [a, b] = docs as [Y.Doc, Y.Doc]
    write(a)
    assert.ok(expireEntry(a, 'state', 'k', MINUTE))
    exchange(a, b)
    time.now += MINUTE - 1
    for (const doc of docs) {
      assert.equal(readEntry(doc, 'state', 'k'), value)
      assert.is(expiryOf(doc, 'state', 'k'), T0 + MINUTE)
      assert.is(describeEntry(doc, 'state', 'k')?.expiresAt, T0 + MINUTE)
    }
    time.now++
    for (const doc of docs) {
      assert.is(readEntry(doc, 'state', 'k'), undefined)
      assert.not.ok(hasEntry(doc, 'state', 'k'))
      assert.equal(keysOf(doc, 'state'), [])
      assert.is(sizeOf(doc, 'state'), 0)
      assert.equal(readEntries(doc, 'state'), {})
      assert.is(describeEntry(doc, 'state', 'k'), undefined)
      assert.is(expiryOf(doc, 'state', 'k'), undefined)
      assert.equal(listMaps(doc).at(0)?.keys, 0)
      assert.not.ok(deleteEntry(doc, 'state', 'k'))
      assert.not.ok(persistEntry(doc, 'state', 'k'))
      assert.not.ok(expireEntry(doc, 'state', 'k', MINUTE))
    }
  })

  test(`a ${layout} entry is reported once, and deleted by its writer at once`, async () => {
    const { docs, changes, pass } = world(2)
    const [a, b] = docs as [Y.Doc, Y.Doc]
    write(a)
    expireEntry(a, 'state', 'k', MINUTE)
    exchange(a, b)
    changes.length = 0
    pass(MINUTE)
    const over = { map: 'state', key: 'k', action: 'delete', old: value, isLocal: false }
    assert.equal(changes, [over])
    assert.equal(elementsOf(a), [], 'the writer left it in the document')
    assert.not.ok(a.getMap('state').has('k'))
    exchange(a, b)
    await swept()
    assert.equal(changes, [over])
    assert.equal(elementsOf(b), [])
    assert.not.ok(b.getMap('state').has('k'))
  })

  test(`what is written after the end of a ${layout} entry starts anew`, () => {
    for (const isSwept of [false, true]) {
      const { time, docs } = world(2)
      const [a, b] = docs as [Y.Doc, Y.Doc]
      const again: [string, (doc: Y.Doc) => unknown, unknown][] = [
        ['set', (doc) => writeEntry(doc, 'state', 'k', 'new'), 'new'],
        ['hot set', (doc) => writeEntry(doc, 'state', 'k', 'new', HOT), 'new'],
        ['increment', (doc) => assert.is(incrementEntry(doc, 'state', 'k'), 1), 1],
        ['append', (doc) => assert.is(appendEntry(doc, 'state', 'k', 'x'), 1), ['x']],
      ]
      for (const [name, act, shown] of again) {
        for (const doc of docs) deleteEntry(doc, 'state', 'k')
        write(a)
        expireEntry(a, 'state', 'k', MINUTE)
        exchange(a, b)
        time.now += MINUTE
        if (isSwept) passTime(a)
        act(b)
        exchange(a, b)
        for (const doc of docs) {
          assert.equal(readEntry(doc, 'state', 'k'), shown, name)
          assert.is(expiryOf(doc, 'state', 'k'), undefined, name)
        }
        time.now += 2 * DELETE_MARGIN_MS
        for (const doc of docs) passTime(doc)
        exchange(a, b)
        for (const doc of docs) assert.equal(readEntry(doc, 'state', 'k'), shown, name)
      }
    }
  })
}

test('a write of the value removes the end; additions and marks do not', async () => {
  const { docs } = world(1)
  const [a] = docs as [Y.Doc]
  writeEntry(a, 'state', 'k', 1, { ttlMs: MINUTE })
  assert.is(describeEntry(a, 'state', 'k')?.layout, 'hot')
  incrementEntry(a, 'state', 'k')
  assert.is(expiryOf(a, 'state', 'k'), T0 + MINUTE)
  writeEntry(a, 'state', 'k', 2)
  assert.is(expiryOf(a, 'state', 'k'), undefined)
  writeEntry(a, 'state', 'p', 1)
  expireEntry(a, 'state', 'p', MINUTE)
  writeEntry(a, 'state', 'p', 2)
  assert.is(expiryOf(a, 'state', 'p'), undefined)
  assert.is(describeEntry(a, 'state', 'p')?.layout, 'plain')
  expireEntry(a, 'state', 'p', MINUTE)
  restoreEntries(a, 'state', [{ key: 'p', value: 3 }])
  assert.is(expiryOf(a, 'state', 'p'), undefined)
  await swept()
  assert.equal(elementsOf(a).length, 1, 'only the value of k is left')
})

test('expire moves the end, and persist removes it; observers hear of neither', () => {
  const { docs, changes, pass } = world(1)
  const [a] = docs as [Y.Doc]
  writeEntry(a, 'state', 'k', 1, { ttlMs: MINUTE })
  changes.length = 0
  expireEntry(a, 'state', 'k', 5 * MINUTE)
  pass(2 * MINUTE)
  assert.is(readEntry(a, 'state', 'k'), 1)
  assert.ok(persistEntry(a, 'state', 'k'))
  assert.not.ok(persistEntry(a, 'state', 'k'))
  pass(10 * MINUTE)
  assert.is(readEntry(a, 'state', 'k'), 1)
  assert.equal(changes, [])
  assert.equal(historyOf(a, 'state', 'k').length, 1, 'a mark is no version')
  assert.not.ok(expireEntry(a, 'state', 'none', MINUTE))
})

test('of concurrent marks the later counts everywhere, and the other is swept', async () => {
  const time = { now: T0 }
  const [a, b] = [docOf(1, () => time.now), docOf(2, () => time.now)]
  writeEntry(a, 'state', 'k', 1)
  exchange(a, b)
  expireEntry(b, 'state', 'k', MINUTE)
  time.now += 10
  expireEntry(a, 'state', 'k', 7 * MINUTE)
  exchange(a, b)
  await swept()
  exchange(a, b)
  for (const doc of [a, b]) {
    assert.is(expiryOf(doc, 'state', 'k'), T0 + 10 + 7 * MINUTE)
    assert.is(elementsOf(doc).length, 1)
  }
})

test('a value written without knowing of the mark has no end', async () => {
  const { docs, pass } = world(2)
  const [a, b] = docs as [Y.Doc, Y.Doc]
  writeEntry(a, 'state', 'k', 1)
  exchange(a, b)
  expireEntry(a, 'state', 'k', MINUTE)
  writeEntry(b, 'state', 'k', 2) // replaces the value of a, whoever has the higher id
  exchange(a, b)
  await swept()
  pass(10 * MINUTE)
  exchange(a, b)
  for (const doc of docs) assert.is(readEntry(doc, 'state', 'k'), 2)
  assert.equal(elementsOf(a), [])
})

test('others delete after a margin what a writer that is gone has left; a reader never does', () => {
  const { docs, pass } = world(3)
  const [a, b, c] = docs as [Y.Doc, Y.Doc, Y.Doc]
  makeReadOnly(c)
  writeEntry(a, 'state', 'k', 1, { ttlMs: MINUTE })
  give(a, b)
  give(a, c)
  docs.shift() // a is gone
  pass(MINUTE + DELETE_MARGIN_MS - 1)
  assert.is(elementsOf(b).length, 2)
  assert.is(readEntry(c, 'state', 'k'), undefined)
  pass(MINUTE) // at most as long after the margin
  assert.equal(elementsOf(b), [])
  pass(60 * MINUTE)
  assert.is(elementsOf(c).length, 2)
  give(b, c)
  assert.equal(elementsOf(c), [])
})

test('a document that is opened later ends what ended meanwhile', () => {
  const time = { now: T0 }
  const a = docOf(1, () => time.now)
  writeEntry(a, 'state', 'k', 1, { ttlMs: MINUTE })
  expireEntry(a, 'state', 'k', 2 * MINUTE)
  const b = new Y.Doc()
  b.clientID = 1
  give(a, b)
  time.now += 3 * MINUTE
  const c = docOf(9, () => time.now)
  give(b, c)
  c.clientID = 1 // as an agent that starts again
  assert.is(readEntry(c, 'state', 'k'), undefined)
  passTime(c)
  assert.equal(elementsOf(c), [])
})

test('a clock that is ahead hides early, one that is behind late; nothing is lost that is renewed', () => {
  const time = { now: T0 }
  const a = docOf(1, () => time.now)
  const ahead = docOf(2, () => time.now + 5 * MINUTE)
  const behind = docOf(3, () => time.now - 5 * MINUTE)
  const docs = [a, ahead, behind]
  writeEntry(a, 'state', 'k', 1, { ttlMs: 3 * MINUTE })
  exchange(...docs)
  for (const doc of docs) passTime(doc)
  assert.is(readEntry(ahead, 'state', 'k'), undefined)
  assert.is(elementsOf(ahead).length, 2, 'a clock five minutes ahead deletes nothing early')
  time.now += 2 * MINUTE
  expireEntry(a, 'state', 'k', 7 * MINUTE)
  exchange(...docs)
  for (const doc of docs) passTime(doc)
  for (const doc of docs) assert.is(readEntry(doc, 'state', 'k'), 1)
  time.now += 8 * MINUTE
  assert.is(readEntry(a, 'state', 'k'), undefined)
  assert.is(readEntry(behind, 'state', 'k'), 1)
})

test('`until` looks again when an entry ends', async () => {
  const { docs, pass } = world(1)
  const map = new SharedMap<number>(docs[0]!, 'state')
  map.set('k', 1, { ttlMs: MINUTE })
  assert.is(map.expiresAt('k'), T0 + MINUTE)
  const gone = map.until(() => !map.has('k'))
  // By another writer's mark as well, for which nothing is deleted.
  map.doc.clientID = 9
  pass(MINUTE)
  await gone
  assert.ok(map.expire('none', 1) === false && map.persist('k') === false)
})

test('by the clock on the wall a timer does it', async () => {
  const doc = new Y.Doc()
  const map = new SharedMap<number>(doc, 'state')
  map.set('k', 1, { ttlMs: 1 })
  map.set('stays', 1, { ttlMs: MINUTE })
  await map.until(() => !map.has('k'))
  await map.until(() => elementsOf(doc).length === 2)
  assert.equal(map.keys(), ['stays'])
  doc.destroy()
})

test('a time to live is 1 ms to ten years', () => {
  const doc = docOf(1)
  const map = new SharedMap<number>(doc, 'state')
  for (const ttlMs of [0, -1, Number.NaN, MAX_TTL_MS + 1, Number.POSITIVE_INFINITY]) {
    const isRefused = (error: { code?: string; message: string }) =>
      error.code === 'invalid_argument' && error.message.includes(String(ttlMs))
    assert.throws(() => map.set('k', 1, { ttlMs }), isRefused)
    assert.throws(() => map.expire('k', ttlMs), isRefused)
  }
  assert.is(map.size, 0)
  map.set('k', 1, { ttlMs: MAX_TTL_MS })
  assert.is(map.expiresAt('k'), T0 + MAX_TTL_MS)
})

test('marks of a hostile member do no more than a delete, and broken ones nothing', async () => {
  const { docs, pass } = world(2)
  const [a, b] = docs as [Y.Doc, Y.Doc]
  writeEntries(a, 'state', Object.entries({ past: 1, never: 1, base: 1, types: 1, other: 1 }))
  exchange(a, b)
  const stamp = T0 * 1024 + 5000
  const huge = Number.MAX_SAFE_INTEGER
  forge(
    b,
    ['state', 'past', stamp, 'x', 0, idOf(b, 'past')],
    ['state', 'never', huge, 'x', huge, idOf(b, 'never')],
    ['state', 'base', stamp, 'x', 0],
    ['state', 'base', stamp, 'x', 0, [77, 12]],
    ['state', 'types', stamp, 'x', '0', idOf(b, 'types')],
    ['state', 'types', stamp, 'x', -1, idOf(b, 'types')],
    ['state', 'types', stamp, 'x', 1.5, idOf(b, 'types')],
    ['state', 'types', stamp, 'x', null, idOf(b, 'types')],
    ['state', 'types', stamp, 'x', 0, idOf(b, 'types'), 1],
    ['state', 'none', stamp, 'x', 0],
  )
  exchange(a, b)
  await swept()
  assert.equal(keysOf(a, 'state'), ['base', 'never', 'other', 'types'])
  pass(60 * MINUTE)
  exchange(a, b)
  for (const doc of docs) assert.equal(keysOf(doc, 'state'), ['base', 'never', 'other', 'types'])
  for (const doc of docs) {
    writeEntry(doc, 'state', 'past', 2)
    assert.ok(expireEntry(doc, 'state', 'never', MINUTE))
    exchange(a, b)
    assert.is(readEntry(doc, 'state', 'past'), 2)
    assert.is(expiryOf(a, 'state', 'never'), T0 + 61 * MINUTE)
  }
})

test('random writers agree on what is there and until when, and leave nothing behind', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const random = seeded(seed)
    const { docs, pass } = world(3)
    const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!
    for (let step = 0; step < 200; step++) {
      const doc = pick(docs)
      const key = pick(['a', 'b', 'c'])
      const ttlMs = 1 + Math.floor(random() * 3 * MINUTE)
      pick([
        () => writeEntry(doc, 'state', key, step),
        () => writeEntry(doc, 'state', key, step, { ttlMs }),
        () => expireEntry(doc, 'state', key, ttlMs),
        () => persistEntry(doc, 'state', key),
        () => deleteEntry(doc, 'state', key),
        () =>
          typeof (readEntry(doc, 'state', key) ?? 0) === 'number' &&
          incrementEntry(doc, 'state', key),
        () => give(doc, pick(docs)),
        () => pass(Math.floor(random() * MINUTE)),
      ])()
    }
    await swept()
    exchange(...docs)
    await swept()
    exchange(...docs)
    for (const key of ['a', 'b', 'c']) {
      const [first, ...others] = docs.map((doc) => describeEntry(doc, 'state', key))
      for (const other of others) assert.equal(other, first, `seed ${seed}, ${key}`)
    }
    for (const doc of docs)
      for (const key of keysOf(doc, 'state')) expireEntry(doc, 'state', key, 1)
    exchange(...docs)
    pass(DELETE_MARGIN_MS + 2 * MINUTE)
    exchange(...docs)
    await swept()
    exchange(...docs)
    for (const doc of docs) assert.equal(elementsOf(doc), [], `seed ${seed}`)
  }
})

test('keys that end and are rewritten all day take no more than three times what lives', () => {
  const KEYS = 1_000
  const ROUNDS = 100
  const sizeOfDoc = (doc: Y.Doc) => ({
    bytes: Y.encodeStateAsUpdate(doc).length,
    structs: [...yjsInner.writers(doc)].reduce(
      (sum, writer) => sum + yjsInner.storedStructs(doc, writer)!.length,
      0,
    ),
  })
  const write = (doc: Y.Doc, round: number): void => {
    for (let n = 0; n < KEYS; n++) {
      writeEntry(doc, 'state', `key:${n}`, round * KEYS + n, { ttlMs: MINUTE })
    }
  }
  const once = docOf(1)
  write(once, ROUNDS)
  const living = sizeOfDoc(once)
  const time = { now: T0 }
  const doc = docOf(1, () => time.now)
  for (let round = 0; round < ROUNDS; round++) {
    write(doc, round)
    // Each tenth time all of them end.
    time.now += round % 10 === 9 ? 2 * MINUTE : 10_000
    passTime(doc)
  }
  assert.is(sizeOf(doc, 'state'), 0)
  write(doc, ROUNDS)
  const { bytes, structs } = sizeOfDoc(doc)
  assert.ok(bytes <= 3 * living.bytes, `${bytes} bytes for ${living.bytes}`)
  assert.ok(structs <= 3 * living.structs, `${structs} structs for ${living.structs}`)
})

test.run()
