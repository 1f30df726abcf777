/** Cutting deltas: each piece merges by itself, in order; in any order the end is the same. */
import * as assert from 'uvu/assert'
import type * as Y from 'yjs'
import {
  type Delta,
  emptyDeletes,
  encodeDelta,
  fitsChunk,
  isEmptyDelta,
  mergeDeltas,
  type Replica,
  takeChunk,
} from '../../crdt/index.ts'
import {
  assertConverged,
  change,
  contentOf,
  forge,
  forged,
  idsOf,
  replicaOf,
  settle,
} from '../helpers/docs.ts'
import { eachSeed, type Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('piece')

const cut = (doc: Y.Doc, delta: Delta, maxBytes: number): Delta[] => {
  const pieces: Delta[] = []
  for (let rest: Delta | undefined = delta; rest; ) {
    const taken = takeChunk(doc, rest, maxBytes)
    pieces.push(taken.chunk)
    rest = taken.rest
    if (pieces.length > 100_000) throw new Error('cutting does not end')
  }
  return pieces
}

/** Several writers who build upon each other's structs. */
const history = (random: Random, steps: number, gc = true): Replica => {
  const replicas = [1, 2, 2 ** 40, 77].map((writer) => replicaOf(writer, { gc }))
  for (let i = 0; i < steps; i++) {
    change(random.pick(replicas).doc, random)
    if (random.chance(0.3)) {
      const [from, to] = random.shuffle(replicas)
      to!.apply(from!.encode(from!.lacking(to!.decode(to!.syncRequest()))).bytes)
    }
  }
  settle(replicas)
  return replicas[0]!
}

const wholeOf = (replica: Replica): Delta =>
  replica.lacking({ clocks: new Map(), deletes: undefined })

for (const maxBytes of [200, 1_000, 10_000]) {
  test(`pieces of ${maxBytes} bytes merge at once in order, and to the same in any order`, () => {
    eachSeed(12, (random) => {
      const sender = history(random, 150, random.chance(0.8))
      const whole = wholeOf(sender)
      const pieces = cut(sender.doc, whole, maxBytes)
      assert.equal(idsOf(mergeDeltas(pieces)), idsOf(whole))

      const inOrder = replicaOf(9)
      for (const piece of pieces) {
        assert.ok(!isEmptyDelta(piece), 'an empty piece')
        const { status, thrown } = inOrder.apply(sender.encode(piece).bytes)
        // `known` where all its deletes had come with structs that travel without content.
        assert.not.equal(status, 'waiting')
        assert.equal(thrown, [])
      }
      settle([inOrder, sender])
      assertConverged([inOrder, sender])

      const anyOrder = replicaOf(8)
      for (const piece of random.shuffle(pieces)) anyOrder.apply(sender.encode(piece).bytes)
      assert.is(anyOrder.waiting.updates, 0, 'something still waits')
      assert.is(anyOrder.waiting.bytes, 0)
      settle([anyOrder, sender])
      assertConverged([anyOrder, sender])
    })
  })
}

test('no structs come twice, and every piece but for a long struct is about as long as asked', () => {
  eachSeed(10, (random) => {
    const sender = history(random, 150)
    const seen = new Set<string>()
    for (const piece of cut(sender.doc, wholeOf(sender), 400)) {
      const { structs, deletes } = idsOf(piece)
      for (const id of [...structs, ...[...deletes].map((d) => `d${d}`)]) {
        assert.not(seen.has(id), `${id} comes twice`)
        seen.add(id)
      }
      // A struct of these histories takes less than 100 bytes, a writer's head less than 20.
      assert.ok(encodeDelta(sender.doc, piece).length < 600)
    }
  })
})

test('pieces continue a history that is known in part, from the middle of a struct on', () => {
  eachSeed(20, (random) => {
    const sender = history(random, 60)
    const receiver = replicaOf(9)
    receiver.apply(sender.encode(wholeOf(sender)).bytes)
    settle([sender, receiver])
    for (let i = 0; i < 40; i++) change(sender.doc, random)
    const delta = sender.lacking(receiver.decode(receiver.syncRequest()))
    for (const piece of cut(sender.doc, delta, 200))
      assert.not.equal(receiver.apply(sender.encode(piece).bytes).status, 'waiting')
    settle([sender, receiver])
    assertConverged([sender, receiver])
  })
})

test('no visible key vanishes between pieces when each was overwritten once', () => {
  eachSeed(20, (random) => {
    const a = replicaOf(1)
    const b = replicaOf(2)
    const map = a.doc.getMap('map')
    for (let i = 0; i < 60; i++) map.set(`k${i}`, random.text(9))
    b.apply(a.encode(wholeOf(a)).bytes)
    const gone = new Set<string>()
    for (const i of random.shuffle([...Array(60).keys()])) {
      const writer = random.chance(0.5) ? a : b
      if (random.chance(0.2)) {
        writer.doc.getMap('map').delete(`k${i}`)
        gone.add(`k${i}`)
      } else writer.doc.getMap('map').set(`k${i}`, random.text(9))
    }
    const c = replicaOf(3)
    c.apply(a.encode(a.lacking({ clocks: new Map([[2, 0]]), deletes: emptyDeletes() })).bytes)
    settle([a, b])
    const visible = () => new Set(Object.keys(c.doc.getMap('map').toJSON()))
    const before = visible()
    for (const piece of cut(a.doc, a.lacking(c.decode(c.syncRequest())), 200)) {
      c.apply(a.encode(piece).bytes)
      const now = visible()
      for (const key of before) assert.ok(now.has(key) || gone.has(key), `${key} vanished`)
    }
    settle([a, c])
    assertConverged([a, b, c])
  })
})

test('merged one by one, without what they need, pieces end equal all the same', () => {
  // All values of a key but the last travel without content and delete what they replace, so
  // keys vanish in between here; `gate.test.ts` shows that with their needs none does.
  const a = replicaOf(1)
  const c = replicaOf(3)
  const map = a.doc.getMap('map')
  for (let i = 0; i < 10; i++) map.set(`k${i}`, 0)
  c.apply(a.encode(wholeOf(a)).bytes)
  for (let n = 1; n <= 100; n++) for (let i = 0; i < 10; i++) map.set(`k${i}`, n)
  const delta = a.lacking(c.decode(c.syncRequest()))
  const pieces = cut(a.doc, delta, 400)
  assert.ok(pieces.length > 5)
  for (const piece of pieces) c.apply(a.encode(piece).bytes)
  assert.is(c.doc.getMap('map').size, 10)
  assertConverged([a, c])
})

test('as one update, a key overwritten many times never vanishes', () => {
  const a = replicaOf(1)
  const c = replicaOf(3)
  const map = a.doc.getMap('map')
  map.set('k', 0)
  c.apply(a.encode(wholeOf(a)).bytes)
  const sizes: number[] = []
  c.doc.getMap('map').observe(() => sizes.push(c.doc.getMap('map').size))
  for (let n = 1; n <= 100; n++) map.set('k', n)
  c.apply(a.encode(a.lacking(c.decode(c.syncRequest()))).bytes)
  assert.equal(sizes, [1])
})

test('deletes alone are cut too, and no piece is longer than asked', () => {
  const a = replicaOf(2 ** 52 + 1)
  const b = replicaOf(3)
  const list = a.doc.getArray('list')
  for (let i = 0; i < 900; i++) list.insert(0, [i])
  b.apply(a.encode(wholeOf(a)).bytes)
  for (let i = 0; i < 300; i++) list.delete(2 * i, 1)
  const delta = a.lacking(b.decode(b.syncRequest()))
  assert.is(delta.structs.size, 0)
  const pieces = cut(a.doc, delta, 100)
  assert.ok(pieces.length > 5)
  for (const piece of pieces) {
    const { bytes } = a.encode(piece)
    assert.ok(bytes.length <= 100, `${bytes.length} bytes`)
    assert.is(b.apply(bytes).status, 'new')
  }
  assertConverged([a, b])
})

test('deletes of many writers with large clocks are cut by their bytes, heads included', () => {
  const a = replicaOf(1)
  const b = replicaOf(2)
  const blocks = Array.from({ length: 100 }, (_, i) => ({
    writer: 2 ** 52 + i,
    structs: [forged.gc(2 ** 31), forged.any({ parent: 'list' }, ['x'])],
  }))
  a.apply(forge(blocks))
  b.apply(forge(blocks))
  a.doc.getArray('list').delete(0, 100)
  const pieces = cut(a.doc, a.lacking(b.decode(b.syncRequest())), 200)
  assert.ok(pieces.length > 3)
  for (const piece of pieces) {
    const { bytes } = a.encode(piece)
    assert.ok(bytes.length <= 200, `${bytes.length} bytes`)
    b.apply(bytes)
  }
  assertConverged([a, b])
})

test('a struct longer than a piece goes alone', () => {
  const a = replicaOf(1)
  a.doc.getMap('map').set('small', 1)
  a.doc.getMap('map').set('large', 'x'.repeat(5_000))
  a.doc.getMap('map').set('last', 1)
  const pieces = cut(a.doc, wholeOf(a), 10)
  assert.is(pieces.length, 3)
  const b = replicaOf(2)
  for (const piece of pieces) b.apply(a.encode(piece).bytes)
  assert.equal(contentOf(b.doc), contentOf(a.doc))
})

test('a text and an array longer than a piece are cut, never through a character', () => {
  const sender = replicaOf(1)
  const text = '😀'.repeat(3_000) + 'x'.repeat(2_000)
  sender.doc.getText('text').insert(0, text)
  const array = sender.doc.getArray('array')
  for (let i = 0; i < 500; i++) array.push([`${i}`.repeat(10)])
  const whole = sender.lacking({ clocks: new Map(), deletes: undefined })
  for (const bytes of [100, 101, 102, 103, 1_000]) {
    const receiver = replicaOf(2)
    const pieces = cut(sender.doc, whole, bytes)
    assert.ok(pieces.length > 10)
    for (const piece of pieces) {
      const update = encodeDelta(sender.doc, piece)
      // Where to cut is reckoned from the average: characters are not all of one length.
      assert.ok(update.length <= bytes * 1.5 + 60, `${update.length} bytes, cut at ${bytes}`)
      assert.is(receiver.apply(update).status, 'new')
    }
    assert.is(receiver.doc.getText('text').toString(), text)
    assert.equal(receiver.doc.getArray('array').toJSON(), array.toJSON())
  }
})

test('one long struct does not fit, however few clocks it has', () => {
  const { doc } = replicaOf(1)
  doc.getMap('map').set('large', 'x'.repeat(5_000))
  const whole = { structs: new Map([[1, { from: 0, to: 1 }]]), deletes: emptyDeletes() }
  assert.is(fitsChunk(doc, whole, 4_096), false)
  assert.is(fitsChunk(doc, whole, 6_000), true)
})

test.run()
