/**
 * What this project uses of Yjs's inner fields, tried on real documents. If one of these tests fails
 * with a new Yjs, `crdt/yjs-inner.ts` must follow it; the rest of the code needs no change.
 */
import * as assert from 'uvu/assert'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import * as inner from '../../crdt/yjs-inner.ts'
import { docOf } from '../helpers/docs.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('yjs-inner')

const idOf = ({ id, length }: Y.Item | Y.GC) => [id.client, id.clock, length]

test('structs: of each writer, in order of clock and without holes', () => {
  const [a, b] = [docOf(1), docOf(2)]
  a.getMap('map').set('k', 1)
  a.getMap('map').set('k', 2)
  a.getArray('list').push([1, 2, 3])
  b.getMap('map').set('other', 1)
  Y.applyUpdate(a, Y.encodeStateAsUpdate(b))
  assert.equal([...inner.writers(a)].sort(), [1, 2])
  assert.equal(inner.storedStructs(a, 1)!.map(idOf), [
    [1, 0, 1],
    [1, 1, 1],
    [1, 2, 3],
  ])
  assert.is(inner.storedStructs(a, 3), undefined)
  const [first] = inner.storedStructs(a, 2)!
  assert.instance(first, Y.Item)
  assert.is(Y.findIndexSS(inner.storedStructs(a, 1)!, 3), 2)
})

test('structs: a collected one is a GC', () => {
  const doc = docOf(1)
  doc.getMap('map').set('k', new Y.Array())
  doc.getMap<Y.Array<number>>('map').get('k')!.push([1, 2])
  doc.getMap('map').delete('k')
  const [holder, below] = inner.storedStructs(doc, 1)!
  assert.ok(holder instanceof Y.Item && holder.deleted)
  assert.instance(holder.content, Y.ContentDeleted)
  assert.instance(below, Y.GC)
  assert.is(below!.length, 2)
})

test('structs: can be moved to another writer, and a writer without any is gone', () => {
  const doc = docOf(1)
  doc.getMap('map').set('k', 1)
  const structs = inner.storedStructs(doc, 1)!
  const moved = structs.splice(0)
  for (const struct of moved) struct.id = Y.createID(9, struct.id.clock)
  inner.setStoredStructs(doc, 9, moved)
  inner.setStoredStructs(doc, 1, structs)
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  assert.equal(copy.getMap('map').toJSON(), { k: 1 })
  assert.equal([...Y.decodeStateVector(Y.encodeStateVector(doc))], [[9, 1]])
})

test('pending: structs and deletes that wait for something before them', () => {
  const doc = docOf(1)
  const updates: Uint8Array[] = []
  doc.on('update', (update: Uint8Array) => updates.push(update))
  doc.getMap('map').set('k', 1)
  doc.getMap('map').set('l', 2)
  doc.getMap('map').delete('l')
  for (const late of [1, 2]) {
    const copy = new Y.Doc()
    assert.not(inner.hasPending(copy))
    Y.applyUpdate(copy, updates[late]!)
    assert.ok(inner.hasPending(copy))
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
    assert.not(inner.hasPending(copy))
  }
})

test('lists: all items in their order, deleted ones too', () => {
  const doc = docOf(1)
  const list = doc.getArray<number>('list')
  assert.is(inner.firstItem(list), null)
  list.push([1, 2, 3])
  list.delete(1)
  const found = [...inner.items(list)]
  assert.equal(found.map(idOf), [
    [1, 0, 1],
    [1, 1, 1],
    [1, 2, 1],
  ])
  assert.equal(
    found.map(({ deleted }) => deleted),
    [false, true, false],
  )
  assert.is(inner.firstItem(list), found[0])
  assert.ok(found.every(({ parent, parentSub }) => parent === list && parentSub === null))
  assert.is(found[0]!.right, found[1])
  assert.is(found[1]!.left, found[0])
})

test('maps: the newest item under each key, deleted ones too; what it replaced is to its left', () => {
  const doc = docOf(1)
  const map = doc.getMap('map')
  map.set('a', 1)
  map.set('a', 2)
  map.set('b', 3)
  map.delete('b')
  assert.equal([...inner.entryItems(map).keys()], ['a', 'b'])
  assert.equal(idOf(inner.entryItem(map, 'a')!), [1, 1, 1])
  assert.equal(idOf(inner.entryItem(map, 'a')!.left!), [1, 0, 1])
  assert.ok(inner.entryItem(map, 'b')!.deleted)
  assert.is(inner.entryItem(map, 'c'), undefined)
})

test('maps: an item can be moved to another key, or to none', () => {
  const doc = docOf(1)
  const map = doc.getMap('map')
  map.set('a', 1)
  map.set('b', 2)
  inner.moveEntryItem(map, inner.entryItem(map, 'a')!, 'c')
  inner.moveEntryItem(map, inner.entryItem(map, 'b')!, null)
  assert.equal(map.toJSON(), { c: 1 })
})

test('entries: an item is put before the first of a key', () => {
  const doc = docOf(1)
  const map = doc.getMap('map')
  for (const value of [1, 2, 3]) map.set('k', value)
  const newest = inner.entryItem(map, 'k')!
  const first = newest.left!
  inner.withEntryItem(map, 'k', first, () => {
    assert.is(inner.entryItem(map, 'k'), first)
    doc.transact((transaction) => {
      const id = Y.createID(5, 0)
      const item = new Y.Item(id, null, null, first, null, map, 'k', new Y.ContentAny([0]))
      item.integrate(transaction, 0)
      assert.is(first.left, item)
      assert.ok(item.deleted)
    })
  })
  assert.is(inner.entryItem(map, 'k'), newest)
  assert.is(map.get('k'), 3)
})

test('holders: the item that holds a type; a root has none', () => {
  const doc = docOf(1)
  const map = doc.getMap('map')
  map.set('k', new Y.Array())
  const nested = map.get('k') as Y.Array<number>
  assert.is(inner.holderOf(map), null)
  assert.is(inner.holderOf(nested), inner.entryItem(map, 'k'))
})

test('roots: one that gets its kind later is the same type', () => {
  const [a, b] = [docOf(1), docOf(2)]
  a.getMap('map').set('k', 1)
  Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
  const early = b.share.get('map')!
  assert.is(early.constructor, Y.AbstractType)
  const late = b.getMap('map')
  assert.is.not(early, late)
  assert.ok(inner.isSameType(early, late))
  assert.not(inner.isSameType(early, b.getMap('other')))
})

test('positions: a list that was changed past Yjs is found again', () => {
  const doc = docOf(1)
  const list = doc.getArray<number>('list')
  for (let i = 0; i < 100; i++) list.insert(0, [i])
  assert.is(list.get(60), 39) // Yjs remembers where that was
  doc.transact((transaction) => {
    for (const item of [...inner.items(list)].slice(0, 20)) item.delete(transaction)
    inner.forgetPositions(list)
    assert.is(list.get(60), 19)
  })
  inner.forgetPositions(doc.getMap('map'))
})

test('insertItem: writes as Yjs itself does', () => {
  const [a, b] = [docOf(1), docOf(1)]
  a.getArray('list').push(['x'])
  a.getArray('list').push(['y'])
  a.getMap('map').set('k', 'z')
  for (const value of ['x', 'y']) {
    b.transact((transaction) => {
      const list = b.getArray('list')
      const last = [...inner.items(list)].at(-1) ?? null
      inner.insertItem(transaction, last, list, null, new Y.ContentAny([value]))
    })
  }
  b.transact((transaction) => {
    inner.insertItem(transaction, null, b.getMap('map'), 'k', new Y.ContentAny(['z']))
  })
  assert.equal(Y.encodeStateAsUpdate(b), Y.encodeStateAsUpdate(a))
})

test('looseItem: is written as the item whose place it has, and in no document', () => {
  const doc = docOf(1)
  const list = doc.getArray<number>('list')
  list.push([1, 2])
  list.push([3])
  const [item] = [...inner.items(list)]
  const bytesOf = (one: Y.Item): Uint8Array => {
    const encoder = new Y.UpdateEncoderV1()
    one.write(encoder, 0)
    return encoder.toUint8Array()
  }
  assert.equal(bytesOf(inner.looseItem(item!, item!.id, item!.content)), bytesOf(item!))
  inner.looseItem(item!, Y.createID(1, 9), new Y.ContentAny([9]))
  assert.equal(list.toJSON(), [1, 2, 3])
})

test('transactions: running, being cleaned up, over', () => {
  const doc = docOf(1)
  const seen: boolean[] = []
  doc.on('afterTransaction', () => {
    seen.push(inner.runningTransaction(doc) !== null, inner.isInTransaction(doc))
  })
  assert.is(inner.runningTransaction(doc), null)
  doc.transact((transaction) => {
    assert.is(inner.runningTransaction(doc), transaction)
    assert.equal(inner.openTransactions(doc), [transaction])
    assert.ok(inner.isInTransaction(doc))
  })
  assert.equal(seen, [false, true])
  assert.not(inner.isInTransaction(doc))
  assert.equal(inner.openTransactions(doc), [])
})

test('transactions: one that a listener left open is dropped, and ended later', () => {
  const doc = docOf(1)
  const fail = () => {
    throw new Error('of a listener')
  }
  doc.on('beforeTransaction', fail)
  assert.throws(() => doc.getMap('map').set('k', 1), 'of a listener')
  doc.off('beforeTransaction', fail)
  assert.ok(inner.isInTransaction(doc))
  const dropped = inner.dropTransactions(doc)
  assert.is(dropped.length, 1)
  assert.not(inner.isInTransaction(doc))
  const ended: Y.Transaction[] = []
  doc.on('afterTransactionCleanup', (transaction) => ended.push(transaction))
  inner.endTransactions(doc, dropped)
  assert.ok(ended.includes(dropped[0]!))
  assert.not(inner.isInTransaction(doc))
  doc.getMap('map').set('k', 2)
  assert.equal(doc.getMap('map').toJSON(), { k: 2 })
})

test('listeners: of documents and of awareness, in the order of their calls', () => {
  const doc = docOf(1)
  const awareness = new Awareness(doc)
  const [one, other] = [() => undefined, () => undefined]
  for (const emitter of [doc, awareness]) {
    assert.equal(inner.listenersOf(emitter, 'update'), [])
    assert.not(inner.hasListeners(emitter, 'update'))
    emitter.on('update', one)
    emitter.on('update', other)
    assert.equal(inner.listenersOf(emitter, 'update'), [one, other])
    assert.ok(inner.hasListeners(emitter, 'update'))
    emitter.off('update', one)
    emitter.off('update', other)
    assert.not(inner.hasListeners(emitter, 'update'))
    emitter.on('update', one)
    inner.removeListeners(emitter)
    assert.not(inner.hasListeners(emitter, 'update'))
  }
  awareness.destroy()
})

test.run()
