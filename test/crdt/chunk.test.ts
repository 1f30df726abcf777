/** Cuts of deltas: each chunk merges by itself, in order; in any order the end is the same. */
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

const test = suite('chunk')

const cut = (doc: Y.Doc, delta: Delta, maxBytes: number): Delta[] => {
  const chunks: Delta[] = []
  for (let rest: Delta | undefined = delta; rest; ) {
    const taken = takeChunk(doc, rest, maxBytes)
    chunks.push(taken.chunk)
    rest = taken.rest
    if (chunks.length > 100_000) throw new Error('cutting does not end')
  }
  return chunks
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
  test(`chunks of ${maxBytes} bytes merge at once in order, and give the same in any order`, () => {
    eachSeed(12, (random) => {
      const sender = history(random, 150, random.chance(0.8))
      const whole = wholeOf(sender)
      const chunks = cut(sender.doc, whole, maxBytes)
      assert.equal(idsOf(mergeDeltas(chunks)), idsOf(whole))

      const inOrder = replicaOf(9)
      for (const chunk of chunks) {
        assert.ok(!isEmptyDelta(chunk), 'an empty chunk')
        const { status, thrown } = inOrder.apply(sender.encode(chunk).bytes)
        // `known` if all its deletes came with structs that travel without content.
        assert.not.equal(status, 'waiting')
        assert.equal(thrown, [])
      }
      settle([inOrder, sender])
      assertConverged([inOrder, sender])

      const anyOrder = replicaOf(8)
      for (const chunk of random.shuffle(chunks)) anyOrder.apply(sender.encode(chunk).bytes)
      assert.is(anyOrder.waiting.updates, 0, 'something still waits')
      assert.is(anyOrder.waiting.bytes, 0)
      settle([anyOrder, sender])
      assertConverged([anyOrder, sender])
    })
  })
}

test('chunks: no struct occurs twice, and a chunk is about as long as requested, except for a long struct', () => {
  eachSeed(10, (random) => {
    const sender = history(random, 150)
    const seen = new Set<string>()
    for (const chunk of cut(sender.doc, wholeOf(sender), 400)) {
      const { structs, deletes } = idsOf(chunk)
      for (const id of [...structs, ...[...deletes].map((d) => `d${d}`)]) {
        assert.not(seen.has(id), `${id} comes twice`)
        seen.add(id)
      }
      // A struct of these histories takes less than 100 bytes, a writer's head less than 20.
      assert.ok(encodeDelta(sender.doc, chunk).length < 600)
    }
  })
})

test('chunks continue a partly known history, even from the middle of a struct', () => {
  eachSeed(20, (random) => {
    const sender = history(random, 60)
    const receiver = replicaOf(9)
    receiver.apply(sender.encode(wholeOf(sender)).bytes)
    settle([sender, receiver])
    for (let i = 0; i < 40; i++) change(sender.doc, random)
    const delta = sender.lacking(receiver.decode(receiver.syncRequest()))
    for (const chunk of cut(sender.doc, delta, 200))
      assert.not.equal(receiver.apply(sender.encode(chunk).bytes).status, 'waiting')
    settle([sender, receiver])
    assertConverged([sender, receiver])
  })
})

test('chunks: no visible key vanishes in between if each was overwritten once', () => {
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
    for (const chunk of cut(a.doc, a.lacking(c.decode(c.syncRequest())), 200)) {
      c.apply(a.encode(chunk).bytes)
      const now = visible()
      for (const key of before) assert.ok(now.has(key) || gone.has(key), `${key} vanished`)
    }
    settle([a, c])
    assertConverged([a, b, c])
  })
})

test('chunks without their needs give the same end when they are merged one by one', () => {
  // All values of a key but the last travel without content and delete what they replace, so keys
  // vanish in between here. `gate.test.ts` shows that with their needs none does.
  const a = replicaOf(1)
  const c = replicaOf(3)
  const map = a.doc.getMap('map')
  for (let i = 0; i < 10; i++) map.set(`k${i}`, 0)
  c.apply(a.encode(wholeOf(a)).bytes)
  for (let n = 1; n <= 100; n++) for (let i = 0; i < 10; i++) map.set(`k${i}`, n)
  const delta = a.lacking(c.decode(c.syncRequest()))
  const chunks = cut(a.doc, delta, 400)
  assert.ok(chunks.length > 5)
  for (const chunk of chunks) c.apply(a.encode(chunk).bytes)
  assert.is(c.doc.getMap('map').size, 10)
  assertConverged([a, c])
})

test('a key overwritten many times in one update never vanishes', () => {
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

test('deletes alone are cut, too, and no chunk is longer than requested', () => {
  const a = replicaOf(2 ** 52 + 1)
  const b = replicaOf(3)
  const list = a.doc.getArray('list')
  for (let i = 0; i < 900; i++) list.insert(0, [i])
  b.apply(a.encode(wholeOf(a)).bytes)
  for (let i = 0; i < 300; i++) list.delete(2 * i, 1)
  const delta = a.lacking(b.decode(b.syncRequest()))
  assert.is(delta.structs.size, 0)
  const chunks = cut(a.doc, delta, 100)
  assert.ok(chunks.length > 5)
  for (const chunk of chunks) {
    const { bytes } = a.encode(chunk)
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
  const chunks = cut(a.doc, a.lacking(b.decode(b.syncRequest())), 200)
  assert.ok(chunks.length > 3)
  for (const chunk of chunks) {
    const { bytes } = a.encode(chunk)
    assert.ok(bytes.length <= 200, `${bytes.length} bytes`)
    b.apply(bytes)
  }
  assertConverged([a, b])
})

test('a struct longer than a chunk is sent alone', () => {
  const a = replicaOf(1)
  a.doc.getMap('map').set('small', 1)
  a.doc.getMap('map').set('large', 'x'.repeat(5_000))
  a.doc.getMap('map').set('last', 1)
  const chunks = cut(a.doc, wholeOf(a), 10)
  assert.is(chunks.length, 3)
  const b = replicaOf(2)
  for (const chunk of chunks) b.apply(a.encode(chunk).bytes)
  assert.equal(contentOf(b.doc), contentOf(a.doc))
})

test('a text and an array longer than a chunk are cut, but never inside a character', () => {
  const sender = replicaOf(1)
  const text = '😀'.repeat(3_000) + 'x'.repeat(2_000)
  sender.doc.getText('text').insert(0, text)
  const array = sender.doc.getArray('array')
  for (let i = 0; i < 500; i++) array.push([`${i}`.repeat(10)])
  const whole = sender.lacking({ clocks: new Map(), deletes: undefined })
  for (const bytes of [100, 101, 102, 103, 1_000]) {
    const receiver = replicaOf(2)
    const chunks = cut(sender.doc, whole, bytes)
    assert.ok(chunks.length > 10)
    for (const chunk of chunks) {
      const update = encodeDelta(sender.doc, chunk)
      // The place of the cut is computed from the average, but characters differ in length.
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
