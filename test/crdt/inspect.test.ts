/**
 * Hostile and damaged updates: each is rejected with its reason, and leaves document, digest and
 * state vector as they were. And honest updates are never rejected.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { inspectUpdate, LIMITS, Rejection, type Replica } from '../../crdt/index.ts'
import {
  assertConverged,
  change,
  docOf,
  forge,
  forged,
  imageOf,
  rejectionReasonOf,
  replicaOf,
  type Struct,
  settle,
} from '../helpers/docs.ts'
import { eachSeed, type Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('inspect')

/**
 * Writer 9, with an entry `own` of its own, and `known` and `x` of writer 5 (clocks 0 to 2, 1
 * overwritten).
 */
const victim = (limits = LIMITS): Replica => {
  const replica = replicaOf(9, { limits })
  replica.apply(
    forge(
      [
        {
          writer: 5,
          structs: [
            forged.map({ key: 'known' }),
            forged.any({ key: 'x' }, [1]),
            forged.any({ origin: [5, 1] }, [2]),
          ],
        },
      ],
      [[5, 1, 1]],
    ),
  )
  replica.doc.getMap('map').set('own', 1)
  return replica
}

const rejects = (
  name: string,
  reason: string,
  make: () => Uint8Array,
  limits: Partial<typeof LIMITS> = {},
): void =>
  test(`${reason}: ${name}`, () => {
    assert.is(rejectionReasonOf(victim({ ...LIMITS, ...limits }), make()), reason)
  })

const one = (writer: number, ...structs: Struct[]): Uint8Array => forge([{ writer, structs }])
const entry = (value: unknown): Uint8Array => one(1, forged.any({ key: 'k' }, [value]))

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value }
  return value
}

/** `depth` nested shared maps. */
const maps = (writer: number, depth: number): Uint8Array =>
  one(
    writer,
    ...Array.from({ length: depth }, (_, i) =>
      forged.map({ key: 'k', parent: i === 0 ? 'map' : [writer, i - 1] }),
    ),
  )

// Clocks

rejects('a GC struct of length 2^40', 'clock_jump', () => one(5, forged.gc(2 ** 40)))
rejects('a deleted item of length 2^40', 'clock_jump', () =>
  one(1, forged.deleted({ key: 'k' }, 2 ** 40)),
)
rejects('a start beyond the limit', 'clock_jump', () =>
  forge([{ writer: 1, clock: 2 ** 33, structs: [forged.gc(1)] }]),
)
rejects('a Skip of length 2^40 and a struct', 'clock_jump', () =>
  one(1, forged.skip(2 ** 40), forged.gc(1)),
)
rejects(
  'more clocks than a small limit',
  'clock_jump',
  () => forge([{ writer: 5, clock: 3, structs: [forged.gc(11)] }]),
  { clockJump: 10 },
)
rejects('clocks beyond 2^53', 'malformed', () =>
  forge([{ writer: 1, clock: Number.MAX_SAFE_INTEGER, structs: [forged.gc(5)] }]),
)
rejects('deletes [0, 2^31) of a known writer', 'delete_jump', () => forge([], [[5, 0, 2 ** 31]]))
rejects('deletes [0, 2^31) of an unknown writer', 'delete_jump', () =>
  forge([], [[77, 0, 2 ** 31]]),
)
rejects('a delete far beyond the known', 'delete_jump', () => forge([], [[5, 2 ** 30, 1]]))
rejects('a delete further than a small limit', 'delete_jump', () => forge([], [[5, 0, 14]]), {
  deleteJump: 10,
})
rejects('deletes beyond 2^53', 'malformed', () =>
  forge([], [[5, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]]),
)
rejects('structs under our own id', 'own_clock', () =>
  forge([{ writer: 9, clock: 1, structs: [forged.any({ key: 'k' }, [1])] }]),
)
rejects('structs under our own id that overlap known ones', 'own_clock', () =>
  forge([{ writer: 9, clock: 0, structs: [forged.gc(2)] }]),
)
rejects('structs under our own id after a gap', 'own_clock', () =>
  forge([{ writer: 9, clock: 50, structs: [forged.gc(1)] }]),
)
rejects('deletes under our own id beyond our clock', 'own_clock', () => forge([], [[9, 0, 2]]))

// Content

for (const guid of [null, 1n, [1], { toString: 1, valueOf: 1 }]) {
  rejects(
    `a subdocument whose id is ${Array.isArray(guid) ? 'a list' : typeof guid}`,
    'malformed',
    () => one(1, forged.subdocument({ key: 'k' }, { guid })),
  )
}

test('a subdocument with odd options is accepted, and can be encoded', () => {
  const replica = victim()
  replica.apply(one(1, forged.subdocument({ key: 'k' }, { gc: 1, meta: [1n], collectionid: {} })))
  replica.apply(one(2, forged.subdocument({ key: 'l' }, 'odd')))
  assert.is(
    replica.encode(replica.lacking(replicaOf(3).decode(replicaOf(3).syncRequest()))).bytes.length >
      0,
    true,
  )
})

// Keys

for (const key of ['__proto__', 'constructor', 'prototype']) {
  const inJson = `{"a":[{${JSON.stringify(key)}:{}}]}`
  const all: Readonly<Record<string, Uint8Array>> = {
    'map key': one(1, forged.any({ key }, [1])),
    'key of a nested map': one(1, forged.any({ parent: [5, 0], key }, [1])),
    'root name': one(1, forged.any({ parent: key }, [1])),
    'format key': one(1, forged.format({ parent: 'text' }, key, 'true')),
    'key within a format': one(1, forged.format({ parent: 'text' }, 'bold', inJson)),
    'key within an embed': one(1, forged.embed({ parent: 'text' }, inJson)),
    'key within old JSON content': one(1, forged.json({ key: 'k' }, [inJson])),
    // As lib0 writes an object with own keys, whatever their names.
    'key within a value': entry({ a: [Object.fromEntries([[key, { evil: 1 }]])] }),
  }
  for (const [name, bytes] of Object.entries(all)) {
    test(`${name} ${key} is accepted, and passed on as it came`, () => {
      const replica = victim()
      const { status, carried } = replica.apply(bytes)
      assert.is(status, 'new')
      assert.equal(replica.encode(carried).bytes, bytes)
      assert.is(({} as { evil?: unknown }).evil, undefined)
    })
  }
}

// Depth

const { depth } = LIMITS
const json = JSON.stringify(nested(depth + 1))

rejects('a value nested too deep', 'too_deep', () => entry(nested(depth + 1)))
rejects('old JSON content nested too deep', 'too_deep', () =>
  one(1, forged.json({ key: 'k' }, [json])),
)
rejects('an embed nested too deep', 'too_deep', () =>
  one(1, forged.embed({ parent: 'text' }, json)),
)
rejects('a format nested too deep', 'too_deep', () =>
  one(1, forged.format({ parent: 'text' }, 'bold', json)),
)
// As bytes, as lib0 itself could not write it.
rejects('a value nested 50,000 deep', 'too_deep', () => {
  const arrays = Array.from({ length: 50_000 }, () => [117, 1]).flat()
  return one(1, forged.raw(8, { key: 'k' }, [1, ...arrays, 126]))
})

test(`values of ${depth} levels are accepted, as are shared types of any depth`, () => {
  for (const bytes of [
    entry(nested(depth)),
    one(1, forged.json({ key: 'k' }, [JSON.stringify(nested(depth))])),
    maps(1, 50_000),
  ]) {
    assert.is(victim().apply(bytes).status, 'new')
  }
})

test('shared types nested by one level an update are accepted at any depth', () => {
  const replica = replicaOf(999)
  for (let i = 0; i < 300; i++) {
    const parent = i === 0 ? 'map' : ([i, 0] as const)
    assert.is(replica.apply(one(i + 1, forged.map({ key: 'k', parent }))).status, 'new')
  }
})

test(
  'many shared types side by side cost one walk, 20,000 in one array',
  () => {
    // A search through its neighbours took a walk for each: 45 s instead of 0.3 s.
    const sender = replicaOf(1)
    sender.doc.getArray('list').push(Array.from({ length: 20_000 }, () => new Y.Map()))
    const receiver = replicaOf(2)
    receiver.apply(Y.encodeStateAsUpdate(sender.doc))
    assertConverged([sender, receiver])
  },
  { timeout: 10_000 },
)

test(
  'a long deleted run beside a shared type costs nothing',
  () => {
    // Listed clock by clock it took 26 s and then threw a RangeError.
    const bytes = one(1, forged.deleted({ key: 'x' }, 2 ** 31), forged.map({ key: 'y' }))
    assert.is(victim().apply(bytes).status, 'new')
  },
  { timeout: 10_000 },
)

// Number

const gcs = (count: number) => one(1, ...Array.from({ length: count }, () => forged.gc(1)))
rejects('more structs than the limit', 'too_many', () => gcs(10), { entries: 10 })
rejects(
  'more deletes than the limit',
  'too_many',
  () =>
    forge(
      [],
      Array.from({ length: 11 }, () => [5, 0, 1] as const),
    ),
  { entries: 10 },
)
rejects(
  'more writers without structs than the limit',
  'too_many',
  () => forge(Array.from({ length: 11 }, (_, i) => ({ writer: 100 + i, structs: [] }))),
  { entries: 10 },
)

test('the number of entries is counted while reading, and nothing after the limit is read', () => {
  // The struct after the limit is damaged, so reading it would give another reason.
  const bytes = forge([
    { writer: 1, structs: [...Array(10).fill(forged.gc(1)), forged.raw(8, { key: 'k' }, [1, 3])] },
  ])
  assert.is(rejectionReasonOf(victim({ ...LIMITS, entries: 5 }), bytes), 'too_many')
  assert.is(rejectionReasonOf(victim(), bytes), 'malformed')
})

test('the number of entries may be the limit', () => {
  assert.is(victim({ ...LIMITS, entries: 11 }).apply(gcs(10)).status, 'new')
})

// Shape

rejects('no bytes', 'malformed', () => new Uint8Array())
rejects('V2 bytes in the place of V1', 'malformed', () => {
  const doc = docOf(1)
  for (let i = 0; i < 5; i++) doc.getMap('map').set(`k${i}`, 'value')
  return Y.encodeStateAsUpdateV2(doc)
})
rejects('the empty update in V2', 'malformed', () => Y.encodeStateAsUpdateV2(docOf(1)))
rejects('trailing garbage', 'malformed', () => new Uint8Array([...entry(1), 1, 2, 3]))
rejects('one trailing zero', 'malformed', () => new Uint8Array([...entry(1), 0]))
rejects('one writer in two runs', 'malformed', () =>
  forge([
    { writer: 1, structs: [forged.any({ key: 'a' }, [1])] },
    { writer: 1, clock: 1, structs: [forged.any({ key: 'b' }, [1])] },
  ]),
)
rejects('an empty GC struct', 'malformed', () => one(1, forged.gc(0)))
rejects('an empty deleted item', 'malformed', () =>
  one(1, forged.gc(1), forged.deleted({ key: 'k' }, 0), forged.gc(1)),
)
rejects('an empty text', 'malformed', () => one(1, forged.string({ parent: 'text' }, '')))
rejects('an empty list of values', 'malformed', () => one(1, forged.any({ parent: 'list' }, [])))
rejects(
  'an empty run of deletes, at the end of what is known, beside new structs',
  'malformed',
  () => forge([{ writer: 1, structs: [forged.any({ key: 'k' }, [1])] }], [[5, 3, 0]]),
)
rejects('an unknown kind of content', 'malformed', () => one(1, forged.raw(21, { key: 'k' }, [0])))
rejects('an unknown kind of shared type', 'malformed', () =>
  one(1, forged.raw(7, { key: 'k' }, [99])),
)
rejects('an unknown kind of value', 'malformed', () => one(1, forged.raw(8, { key: 'k' }, [1, 3])))
rejects('JSON that is none', 'malformed', () => one(1, forged.json({ key: 'k' }, ['{'])))
rejects(
  'more structs announced than there are',
  'malformed',
  () => new Uint8Array([1, 200, 1, 1, 0]),
)
rejects(
  '2^50 writers announced',
  'malformed',
  () => new Uint8Array([128, 128, 128, 128, 128, 128, 128, 1]),
)
rejects('2^32 values announced', 'malformed', () =>
  one(1, forged.raw(8, { key: 'k' }, [128, 128, 128, 128, 16])),
)
rejects('a struct that refers to itself', 'malformed', () =>
  one(1, forged.any({ key: 'a' }, [1]), forged.any({ origin: [1, 1] }, [1])),
)
rejects('a struct that refers to a later one of its writer', 'malformed', () =>
  one(1, forged.any({ right: [1, 2] }, [1]), forged.gc(5)),
)
rejects('a struct within a later one of its writer', 'malformed', () =>
  one(1, forged.any({ parent: [1, 1], key: 'k' }, [1]), forged.map({ key: 'm' })),
)
rejects('a known struct that now refers to a later one of its writer', 'malformed', () =>
  one(5, forged.any({ origin: [5, 40] }, [1]), forged.gc(50)),
)
rejects('two writers who wait for one another', 'malformed', () =>
  forge([
    { writer: 2, structs: [forged.any({ origin: [1, 0] }, [1])] },
    { writer: 1, structs: [forged.any({ origin: [2, 0] }, [1])] },
  ]),
)
rejects('three writers who wait in a circle, beside an honest one', 'malformed', () =>
  forge([
    { writer: 4, structs: [forged.any({ key: 'honest' }, [1])] },
    { writer: 3, structs: [forged.any({ right: [2, 0] }, [1])] },
    { writer: 2, structs: [forged.any({ parent: [1, 1], key: 'k' }, [1])] },
    { writer: 1, structs: [forged.any({ key: 'a' }, [1]), forged.any({ origin: [3, 0] }, [1])] },
  ]),
)

test('writers that refer to one another in turn are not a circle', () => {
  const turns = (writer: number, other: number): Struct[] =>
    Array.from({ length: 50 }, (_, i) =>
      writer === 1 && i === 0
        ? forged.any({ parent: 'list' }, [0])
        : forged.any({ origin: [other, writer === 1 ? i - 1 : i] }, [i]),
    )
  for (const order of [
    [1, 2],
    [2, 1],
  ]) {
    const replica = victim()
    const blocks = order.map((writer) => ({ writer, structs: turns(writer, 3 - writer) }))
    assert.is(replica.apply(forge(blocks)).status, 'new')
    assert.is(replica.doc.getArray('list').length, 100)
    assert.is(replica.doc.store.pendingStructs, null)
  }
})

// Skips

test('a Skip over what is known is not a gap', () => {
  const replica = victim()
  const bytes = forge([{ writer: 5, structs: [forged.skip(3), forged.any({ key: 'new' }, [7])] }])
  assert.is(replica.apply(bytes).status, 'new')
  assert.is(replica.doc.getMap('map').get('new'), 7)
  assert.is(replica.doc.store.pendingStructs, null)
})

test('a Skip over what is not known is a gap, and everything waits, also the structs before it', () => {
  const replica = replicaOf(9)
  const a = docOf(1)
  const updates: Uint8Array[] = []
  a.on('update', (update) => updates.push(update))
  for (const key of ['a', 'b', 'c']) a.getMap('map').set(key, key)
  const holed = Y.mergeUpdates([updates[0]!, updates[2]!])
  assert.ok(Y.decodeUpdate(holed).structs.some((struct) => struct instanceof Y.Skip))
  assert.is(replica.apply(holed).status, 'waiting')
  assert.is(replica.version, 0)
  replica.apply(updates[0]!)
  assert.is(replica.apply(updates[1]!).status, 'new')
  assert.equal(replica.doc.getMap('map').toJSON(), { a: 'a', b: 'b', c: 'c' })
  assert.is(replica.waiting.updates, 0)
})

test('Skips alone carry nothing', () => {
  const replica = victim()
  const before = imageOf(replica)
  assert.is(replica.apply(one(1, forged.skip(5))).status, 'known')
  assert.equal(imageOf(replica), before)
})

// What an inspection returns

test('an inspection reports what is carried, what is missing, and whether structs are new', () => {
  const { doc } = victim()
  const seen = inspectUpdate(
    doc,
    forge(
      [
        { writer: 5, clock: 1, structs: [forged.gc(2)] },
        { writer: 4, clock: 3, structs: [forged.any({ origin: [6, 8] }, [1])] },
      ],
      [[7, 0, 2]],
    ),
    LIMITS,
  )
  assert.equal(
    seen.delta.structs,
    new Map([
      [5, { from: 1, to: 3 }],
      [4, { from: 3, to: 4 }],
    ]),
  )
  assert.equal(
    seen.missing,
    new Map([
      [4, 3],
      [6, 9],
      [7, 2],
    ]),
  )
  assert.ok(seen.hasNewStructs)
  assert.not.ok(inspectUpdate(doc, one(5, forged.gc(3)), LIMITS).hasNewStructs)
  assert.not.ok(inspectUpdate(doc, forge([], [[5, 1, 1]]), LIMITS).hasNewStructs)
})

// Mutations

/**
 * A document with something of everything, and an update that brings new structs and deletes to it.
 */
const scene = (random: Random): { replica: Replica; update: Uint8Array } => {
  const sender = replicaOf(1)
  const replica = replicaOf(9)
  for (let i = 0; i < 6; i++) {
    change(sender.doc, random)
    change(replica.doc, random)
  }
  settle([sender, replica])
  const vector = Y.encodeStateVector(sender.doc)
  for (let i = 0; i < 4; i++) change(sender.doc, random)
  return { replica, update: Y.encodeStateAsUpdate(sender.doc, vector) }
}

const mutate = (bytes: Uint8Array, random: Random): Uint8Array => {
  const copy = new Uint8Array(bytes)
  const at = random.int(0, copy.length - 1)
  return random.pick([
    () => copy.slice(0, at),
    () => {
      copy[at]! ^= 1 << random.int(0, 7)
      return copy
    },
    () => {
      for (let i = random.int(2, 6); i > 0; i--)
        copy[random.int(0, copy.length - 1)] = random.int(0, 255)
      return copy
    },
    () => new Uint8Array([...copy.slice(0, at), random.int(0, 255), ...copy.slice(at)]),
    () => new Uint8Array([...copy.slice(0, at), ...copy.slice(at + random.int(1, 4))]),
  ])()
}

/** Applies an update; a Rejection must have changed nothing, and any other error is thrown. */
const applied = (replica: Replica, bytes: Uint8Array): string => {
  const before = imageOf(replica)
  try {
    const { status } = replica.apply(bytes)
    assert.is(replica.doc.store.pendingStructs, null, 'structs wait inside the document')
    assert.is(replica.doc.store.pendingDs, null, 'deletes wait inside the document')
    // What was accepted can be passed on until both have the same. (Content of hostile structs can
    // differ: a forged struct looks like an honest one.)
    const again = replicaOf(4_000)
    settle([replica, again])
    return status
  } catch (error) {
    if (!(error instanceof Rejection)) throw error
    assert.equal(imageOf(replica), before, `rejected (${error.reason}), yet changed`)
    return error.reason
  }
}

test('2,000 damaged updates are rejected without a trace, or accepted whole', () => {
  const counts: Record<string, number> = {}
  eachSeed(400, (random) => {
    const { replica, update } = scene(random)
    for (let i = 0; i < 5; i++) {
      const result = applied(replica, mutate(update, random))
      counts[result] = (counts[result] ?? 0) + 1
    }
  })
  assert.is(counts.apply_failed, undefined, 'Yjs met what inspection had let pass')
  if (!process.env.SEED) assert.ok(counts.malformed! > 500 && counts.new! > 20)
})

test('1,000 well-formed updates that refer to anything are rejected without a trace, or accepted whole', () => {
  const counts: Record<string, number> = {}
  eachSeed(1_000, (random) => {
    const replica = victim()
    const id = () => [random.pick([1, 2, 5, 9]), random.int(0, 4)] as const
    const at = () =>
      random.pick([
        () => ({ key: random.pick(['k', 'known']) }),
        () => ({ parent: random.pick(['map', 'list', 'text']) }),
        () => ({ parent: id(), ...(random.chance(0.5) && { key: 'k' }) }),
        () => ({ origin: id() }),
        () => ({ right: id() }),
        () => ({ origin: id(), right: id() }),
      ])()
    const struct = () =>
      random.pick([
        () => forged.any(at(), [1, 2].slice(0, random.int(1, 2))),
        () => forged.string(at(), 'text'),
        () => forged.map(at()),
        () => forged.format(at(), 'bold', 'true'),
        () => forged.embed(at(), '{}'),
        () => forged.deleted(at(), random.int(1, 3)),
        () => forged.json(at(), ['1', '2']),
        () => forged.gc(random.int(1, 3)),
        () => forged.skip(random.int(1, 2)),
        // A subdocument: a guid and options.
        () => forged.raw(9, at(), [1, 103, 118, 0]),
        () => forged.raw(3, at(), [1, 7]),
      ])()
    for (let i = 0; i < 4; i++) {
      const writers = random.shuffle([1, 2, 5]).slice(0, random.int(1, 3))
      const bytes = forge(
        writers.map((writer) => ({
          writer,
          clock: random.chance(0.5) ? (replica.clocks.get(writer) ?? 0) : random.int(0, 4),
          structs: Array.from({ length: random.int(1, 4) }, struct),
        })),
        random.chance(0.3) ? [[random.pick([1, 2, 5, 9]), random.int(0, 3), random.int(0, 3)]] : [],
      )
      const result = applied(replica, bytes)
      counts[result] = (counts[result] ?? 0) + 1
    }
  })
  assert.is(counts.apply_failed, undefined, 'Yjs met what inspection had let pass')
  if (!process.env.SEED) assert.ok(counts.new! > 200 && counts.malformed! > 200)
})

test('honest updates are never rejected, in random histories, whole and in every difference', () => {
  eachSeed(20, (random) => {
    const replicas = [1, 2, 3].map((writer) => replicaOf(writer, { gc: random.chance(0.7) }))
    for (let i = 0; i < 60; i++) change(random.pick(replicas).doc, random)
    const joiner = replicaOf(4)
    for (const { doc } of replicas) joiner.apply(Y.encodeStateAsUpdate(doc))
    settle([...replicas, joiner])
    assertConverged([...replicas, joiner])
  })
})

test.run()
