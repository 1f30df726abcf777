/**
 * Merging a decoded update does what `Y.applyUpdate` does with its bytes: the same document, struct
 * by struct, the same events, and the same update for listeners.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { decodeUpdate } from '../../crdt/decoded.ts'
import { applyDeletes, integrate } from '../../crdt/integrate.ts'
import { LIMITS } from '../../crdt/limits.ts'
import { change, docOf, forge, forged, replicaOf, type Struct } from '../helpers/docs.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('integrate')

/** All structs of the document in order, and their content. */
const structsOf = (doc: Y.Doc): unknown[] =>
  [...doc.store.clients].map(([writer, structs]) => [
    writer,
    structs.map((struct) => [
      struct.constructor.name,
      struct.id.clock,
      struct.length,
      struct instanceof Y.Item && [
        struct.deleted,
        struct.parentSub,
        struct.content.constructor.name,
        struct.left?.lastId,
        struct.right?.id,
        struct.origin,
        struct.rightOrigin,
      ],
    ]),
  ])

/** A document that records its updates, and the events of its types. */
const listening = (writer: number): { doc: Y.Doc; seen: unknown[] } => {
  const doc = docOf(writer)
  const seen: unknown[] = []
  doc.on('update', (update, origin, _, { local }) => seen.push([[...update], origin, local]))
  for (const type of [doc.getMap('map'), doc.getArray('list'), doc.getText('text')]) {
    type.observeDeep((events) => {
      seen.push(events.map(({ path, changes }) => [path, changes.delta, [...changes.keys]].length))
    })
  }
  return { doc, seen }
}

test('whole, partly known and known updates are merged as Yjs merges their bytes', () => {
  eachSeed(60, (random) => {
    const writers = [1, 2, 3].map((writer) => docOf(writer))
    const [theirs, ours] = [listening(9), listening(9)]
    for (let i = 0; i < 40; i++) {
      const writer = random.pick(writers)
      change(writer, random)
      if (random.chance(0.4)) {
        const other = random.pick(writers)
        Y.applyUpdate(other, Y.encodeStateAsUpdate(writer, Y.encodeStateVector(other)))
      }
      if (!random.chance(0.5)) continue
      // The update begins anywhere between nothing and what the receiver has.
      const known = new Map(
        [...Y.decodeStateVector(Y.encodeStateVector(ours.doc))].map(([id, clock]) => [
          id,
          random.int(0, clock),
        ]),
      )
      const update = Y.encodeStateAsUpdate(writer, Y.encodeStateVector(known))
      Y.applyUpdate(theirs.doc, update, 'origin')
      integrate(ours.doc, decodeUpdate(update, LIMITS), 'origin')
      assert.equal(structsOf(ours.doc), structsOf(theirs.doc))
      assert.equal(Y.encodeStateAsUpdate(ours.doc), Y.encodeStateAsUpdate(theirs.doc))
    }
    assert.equal(ours.seen, theirs.seen)
  })
})

test('several updates are merged in a running transaction, which then is not local', () => {
  const [a, b] = [docOf(1), docOf(2)]
  a.getMap('map').set('a', 1)
  b.getMap('map').set('b', 2)
  const doc = docOf(9)
  const locals: boolean[] = []
  doc.on('afterTransaction', ({ local }) => locals.push(local))
  Y.transact(
    doc,
    () => {
      for (const other of [a, b]) {
        integrate(doc, decodeUpdate(Y.encodeStateAsUpdate(other), LIMITS), 'net')
      }
    },
    'net',
    false,
  )
  assert.equal(doc.getMap('map').toJSON(), { a: 1, b: 2 })
  assert.equal(locals, [false])
})

test('an update frees what waits in the document itself', () => {
  const source = docOf(1)
  const updates: Uint8Array[] = []
  source.on('update', (update) => updates.push(update))
  source.getMap('map').set('a', 1)
  source.getMap('map').set('b', 2)
  const doc = docOf(9)
  Y.applyUpdate(doc, updates[1]!)
  assert.ok(doc.store.pendingStructs)
  integrate(doc, decodeUpdate(updates[0]!, LIMITS), 'net')
  assert.is(doc.store.pendingStructs, null)
  assert.equal(doc.getMap('map').toJSON(), { a: 1, b: 2 })
})

test('an incomplete update throws rather than waiting forever', () => {
  const [a, b] = [docOf(1), docOf(2)]
  const updates: Uint8Array[] = []
  a.on('update', (update) => updates.push(update))
  a.getMap('map').set('k', 1)
  a.getMap('map').set('k', 2)
  const doc = docOf(9)
  assert.throws(
    () => integrate(doc, decodeUpdate(updates[1]!, LIMITS), 'net'),
    /writer 1 misses what comes before clock 1/,
  )
  Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
  b.getMap('map').set('k', 3)
  const late = Y.encodeStateAsUpdate(b, Y.encodeStateVector(a))
  assert.throws(
    () => integrate(docOf(8), decodeUpdate(late, LIMITS), 'net'),
    /needs more of writer 1/,
  )
})

test('deletes are merged alone, without the structs', () => {
  const source = docOf(1)
  source.getMap('map').set('k', 1)
  const doc = docOf(9)
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(source))
  source.getMap('map').delete('k')
  source.getMap('map').set('other', 1)
  applyDeletes(doc, decodeUpdate(Y.encodeStateAsUpdate(source), LIMITS), 'net')
  assert.equal(doc.getMap('map').toJSON(), {})
})

/** Nested maps, with a list and a text beside each. */
const tree = (writer: number, depth: number): Y.Doc => {
  const doc = docOf(writer)
  doc.transact(() => {
    let map = doc.getMap<unknown>('map')
    for (let i = 0; i < depth; i++) {
      const child = new Y.Map<unknown>()
      map.set('child', child)
      if (i % 50 === 0) {
        child.set('list', Y.Array.from([i, [i]]))
        child.set('text', new Y.Text(`${i}`))
      }
      map = child
    }
  })
  return doc
}

const ends = {
  deleted: () => forge([], [[1, 0, 1]]),
  overwritten: () => forge([{ writer: 2, structs: [forged.any({ origin: [1, 0] }, [5])] }]),
} as const

for (const [how, bytes] of Object.entries(ends)) {
  for (const gc of [true, false]) {
    test(`types 1,500 deep are ${how} as by Yjs, ${gc ? 'and' : 'not'} collected`, () => {
      const whole = Y.encodeStateAsUpdate(tree(1, 1_500))
      const docs = [docOf(9, { gc }), docOf(9, { gc })]
      const seen: unknown[][] = [[], []]
      docs.forEach((doc, i) => {
        Y.applyUpdate(doc, whole)
        const map = doc.getMap<Y.Map<unknown>>('map')
        map.observeDeep((events) => seen[i]!.push(events.map(({ keys }) => [...keys])))
        map.get('child')!.observe(() => seen[i]!.push('a type that is gone'))
        doc.on('update', (update) => seen[i]!.push([...update]))
      })
      const [ours, theirs] = docs
      Y.applyUpdate(theirs!, bytes(), 'net')
      integrate(ours!, decodeUpdate(bytes(), LIMITS), 'net')
      assert.is(JSON.stringify(seen[0]), JSON.stringify(seen[1]))
      assert.ok(seen[0]!.length > 0)
      assert.is(JSON.stringify(structsOf(ours!)), JSON.stringify(structsOf(theirs!)))
    })
  }

  test(`types 50,000 deep are ${how}, which Yjs cannot do`, () => {
    const source = tree(1, 50_000)
    const doc = docOf(9)
    integrate(doc, decodeUpdate(Y.encodeStateAsUpdate(source), LIMITS), 'net')
    integrate(doc, decodeUpdate(bytes(), LIMITS), 'net')
    const { clients } = Y.snapshot(doc).ds
    const runs = clients.get(1)?.map(({ clock, len }) => [clock, len])
    assert.equal(runs, [[0, Y.getState(source.store, 1)]])
    assert.is(doc.getMap('map').get('child'), how === 'deleted' ? undefined : 5)
    assert.is(doc._transactionCleanups.length, 0)
  })
}

test('an entry that loses leaves the winner alone, however deep it is', () => {
  const doc = docOf(9)
  integrate(doc, decodeUpdate(Y.encodeStateAsUpdate(tree(7, 3_000)), LIMITS), 'net')
  const losing = forge([{ writer: 2, structs: [forged.any({ key: 'child' }, [5])] }])
  integrate(doc, decodeUpdate(losing, LIMITS), 'net')
  let depth = 0
  for (let map: unknown = doc.getMap('map'); map instanceof Y.Map; map = map.get('child')) depth++
  assert.is(depth, 3_001)
})

test('an item whose beginning is known goes on where that is, whatever place it names', () => {
  const elsewhere = forge([{ writer: 5, structs: [forged.string({ parent: 'other' }, 'abcde')] }])
  const known: readonly [string, Struct[], string][] = [
    ['collected', [forged.gc(2)], ''],
    ['deleted', [forged.deleted({ parent: 'text' }, 2)], 'cde'],
    ['text', [forged.string({ parent: 'text' }, 'ab')], 'abcde'],
  ]
  for (const [name, structs, text] of known) {
    const replica = replicaOf(9)
    replica.apply(forge([{ writer: 5, structs }]))
    assert.equal(replica.apply(elsewhere).thrown, [], name)
    const { doc } = replica
    assert.is(Y.getState(doc.store, 5), 5, name)
    assert.equal(
      [doc.getText('text').toString(), doc.getText('other').toString()],
      [text, ''],
      name,
    )
    // What it has become can be encoded, and merged by others.
    const other = replicaOf(10)
    other.apply(Y.encodeStateAsUpdate(doc))
    assert.is(other.digest, replica.digest, name)
  }
})

test.run()
