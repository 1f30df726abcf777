/**
 * Transactions of a document whose listeners throw: all listeners are called, and no transaction
 * stays open.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { guardTransactions, Replica } from '../../crdt/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { docOf } from '../helpers/docs.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('transaction guard')

const EVENTS = [
  'beforeAllTransactions',
  'beforeTransaction',
  'beforeObserverCalls',
  'afterTransaction',
  'afterTransactionCleanup',
  'update',
  'updateV2',
  'afterAllTransactions',
] as const

/** Does Yjs make the change if a listener of this event throws? */
const isKept = (name: string): boolean =>
  name !== 'beforeAllTransactions' && name !== 'beforeTransaction'

const fails = (what: unknown) => (): void => {
  throw what
}

const isAtRest = (doc: Y.Doc): boolean =>
  doc._transaction === null && doc._transactionCleanups.length === 0

test('listeners of all events are called, and the first error is thrown at the end', () => {
  const doc = docOf(1)
  const guard = guardTransactions(doc)
  const reported: string[] = []
  for (const name of EVENTS) {
    doc.on(name, fails(name))
    doc.on(name, () => reported.push(name))
  }
  doc.getMap('m').observe(() => reported.push('observer'))
  assert.throws(
    () => doc.getMap('m').set('k', 1),
    (error: unknown) => error === 'beforeAllTransactions',
  )
  assert.equal(reported, [
    'beforeAllTransactions',
    'beforeTransaction',
    'beforeObserverCalls',
    'observer',
    ...EVENTS.slice(3),
  ])
  assert.ok(isAtRest(doc))
  guard.end()
})

test('errors are thrown only when the last of several transactions is over', () => {
  const doc = docOf(1)
  const guard = guardTransactions(doc)
  const map = doc.getMap<number>('m')
  doc.on('update', fails('update'))
  map.observe(() => {
    if ((map.get('k') ?? 0) < 3) map.set('k', (map.get('k') ?? 0) + 1)
  })
  assert.throws(() => map.set('k', 0))
  assert.is(map.get('k'), 3)
  assert.ok(isAtRest(doc))
  guard.end()
})

test('collect throws only what observers of types throw', () => {
  const doc = docOf(1)
  const guard = guardTransactions(doc)
  const off = fails('a listener')
  doc.on('update', off)
  const thrown: unknown[] = []
  guard.collect(thrown, () => doc.getMap('m').set('k', 1))
  assert.equal(thrown, ['a listener'])
  doc.getMap('m').observe(fails('an observer'))
  assert.throws(
    () => guard.collect(thrown, () => doc.getMap('m').set('k', 2)),
    (error: unknown) => error === 'an observer',
  )
  assert.equal(thrown, ['a listener', 'a listener'])
  assert.throws(() => doc.getMap('m').set('k', 3), 'and then they are thrown again')
  assert.is(doc.getMap('m').get('k'), 3)
  guard.end()
})

test('run reports all errors to all users', () => {
  const doc = docOf(1)
  const reported: unknown[] = []
  const guards = [1, 2].map((n) =>
    guardTransactions(doc, { onThrown: (error) => reported.push([n, error]) }),
  )
  doc.on('update', fails('a listener'))
  guards[0]!.run(() => {
    doc.getMap('m').set('k', 1)
    throw 'the caller'
  })
  assert.equal(reported, [
    [1, 'a listener'],
    [2, 'a listener'],
    [1, 'the caller'],
    [2, 'the caller'],
  ])
  for (const guard of guards) guard.end()
})

test('a transaction left open before the guard is ended when it is safe', () => {
  for (const name of EVENTS) {
    const doc = docOf(1)
    doc.once(name, fails(name))
    assert.throws(() => doc.getMap('m').set('a', 1))
    doc.getMap('m').set('b', 2)
    let updates = 0
    doc.on('update', () => updates++)
    const guard = guardTransactions(doc)
    doc.getMap('m').set('c', 3)
    guard.recover()
    assert.ok(isAtRest(doc), name)
    doc.getMap('m').set('d', 4)
    assert.ok(updates >= 2, `${name}: ${updates} updates`)
    assert.equal(doc.getMap('m').toJSON(), { ...(isKept(name) && { a: 1 }), b: 2, c: 3, d: 4 })
    guard.end()
  }
})

test('a transaction in which Yjs failed is reported completely', () => {
  const doc = docOf(1)
  const reported: unknown[] = []
  const guard = guardTransactions(doc, { onThrown: (error) => reported.push(error) })
  const copy = docOf(2)
  doc.on('update', (update) => Y.applyUpdate(copy, update))
  let isV2 = false
  doc.on('updateV2', () => {
    isV2 = true
  })
  const map = doc.getMap<number>('m')
  map.set('a', 1)
  doc.gcFilter = () => {
    throw 'a filter'
  }
  map.observe((event) => {
    if (event.keysChanged.has('a')) map.delete('b')
  })
  map.set('b', 1)
  isV2 = false
  assert.throws(() => map.set('a', 2))
  map.set('c', 3)
  guard.recover()
  assert.ok(isAtRest(doc))
  assert.ok(isV2)
  assert.equal(reported, ['a filter'], 'thrown at the caller once, and once on recovery')
  assert.equal(copy.getMap('m').toJSON(), { a: 2, c: 3 })
  assert.equal(Y.encodeStateVector(copy), Y.encodeStateVector(doc))
  guard.end()
})

test('recover without need does nothing', () => {
  const doc = docOf(1)
  const guard = guardTransactions(doc, { onThrown: fails('reported') })
  let transactions = 0
  doc.on('beforeTransaction', () => transactions++)
  guard.recover()
  assert.is(transactions, 0)
  guard.end()
})

test('end leaves no trace, and waits for a running transaction', () => {
  const doc = docOf(1)
  const guards = [guardTransactions(doc), guardTransactions(doc)]
  guards[0]!.end()
  assert.ok(Object.hasOwn(doc, 'emit'))
  doc.on('beforeTransaction', fails('early'))
  doc.once('update', () => guards[1]!.end())
  assert.throws(
    () => doc.getMap('m').set('k', 1),
    (error: unknown) => error === 'early',
  )
  assert.not.ok(Object.hasOwn(doc, 'emit'))
  assert.is(doc.emit, Y.Doc.prototype.emit)
})

test('a document that emits in its own way goes on doing so', () => {
  class Own extends Y.Doc {
    readonly emitted: string[] = []
    override emit(...[name, args]: Parameters<Y.Doc['emit']>): void {
      this.emitted?.push(name)
      super.emit(name, args)
    }
  }
  const doc = new Own()
  const guard = guardTransactions(doc)
  doc.on('afterTransaction', fails('a listener'))
  assert.throws(() => doc.getMap('m').set('k', 1))
  assert.ok(doc.emitted.includes('afterAllTransactions'))
  assert.ok(isAtRest(doc))
  guard.end()
  assert.is(doc.emit, Own.prototype.emit)
})

test('a replica stays correct whatever listeners do, and goes on after an open transaction', () => {
  for (const name of EVENTS) {
    const sender = docOf(1)
    const doc = docOf(2)
    doc.on(name, fails(name))
    const replica = new Replica(doc, nodePlatform)
    const later: (() => void)[] = []
    for (const key of ['a', 'b']) {
      sender.getMap('m').set(key, 1)
      const { status, thrown, delta } = replica.apply(Y.encodeStateAsUpdate(sender))
      assert.is(status, 'new')
      assert.equal(thrown, [name])
      assert.is(delta.structs.size, 1)
      assert.throws(() => doc.getMap('m').set(`own ${key}`, 1))
    }
    assert.is(replica.takeLocal().length, 2)
    assert.is(replica.version, 4)
    replica.destroy()

    const wedged = docOf(3)
    wedged.once(name, fails(name))
    assert.throws(() => wedged.getMap('m').set('own', 1))
    const other = new Replica(wedged, nodePlatform, { later: (run) => later.push(run) })
    for (const run of later.splice(0)) run()
    assert.is(other.apply(Y.encodeStateAsUpdate(sender)).status, 'new')
    wedged.getMap('m').set('more', 1)
    assert.is(other.takeLocal().at(-1)?.structs.get(3)?.to, isKept(name) ? 2 : 1)
    other.destroy()
  }
})

test.run()
