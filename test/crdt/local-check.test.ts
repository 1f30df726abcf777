/**
 * Changes that peers would reject are found at their writer: in any place of any history, whichever
 * program wrote them.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { LIMITS, type RejectedChange, Rejection, Replica } from '../../crdt/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { assertConverged, change, docOf, replicaOf, settle } from '../helpers/docs.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('local check')

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}

const TOO_DEEP = nested(LIMITS.depth + 1)

const rejectedBy = (replica: Replica): RejectedChange[] => {
  const rejected: RejectedChange[] = []
  replica.onRejected = (one) => rejected.push(one)
  return rejected
}

test('random histories lose only what is rejected, and all replicas agree', () => {
  let count = 0
  eachSeed(40, (random) => {
    const gc = random.chance(0.7)
    const replicas = [1, 2, 3].map((writer) => replicaOf(writer, { gc }))
    const rejected = replicas.map(rejectedBy)
    for (const { doc } of replicas) doc.on('update', () => undefined) // Yjs then writes each change.
    for (let i = 0; i < 60; i++) {
      const { doc } = random.pick(replicas)
      const bad = (): void => {
        const list = doc.getArray('list')
        random.pick<() => void>([
          () => doc.getMap('map').set(random.pick(['a', 'b', 'c']), TOO_DEEP),
          () => list.insert(random.int(0, list.length), [1, TOO_DEEP, 2]),
          () => doc.getText('text').insertEmbed(0, { n: 1n }),
          () => doc.getText('text').insert(0, 'x', { bold: undefined }),
        ])()
      }
      doc.transact(() => {
        if (random.chance(0.3)) bad()
        change(doc, random)
        if (random.chance(0.3)) bad()
      })
      if (random.chance(0.2)) {
        const [from, to] = random.shuffle(replicas)
        const known = to!.decode(to!.syncRequest())
        assert.not.equal(to!.apply(from!.encode(from!.lacking(known)).bytes).status, 'waiting')
      }
    }
    settle(replicas)
    assertConverged(replicas)
    count += rejected.flat().length
  })
  assert.ok(count > 0)
})

test('another program’s update is checked, too', () => {
  const other = docOf(1)
  other.getMap('m').set('a', 1)
  other.getMap('m').set('bad', TOO_DEEP)
  other.getMap('m').set('b', 2)
  const replica = replicaOf(2)
  const rejected = rejectedBy(replica)
  Y.applyUpdate(replica.doc, Y.encodeStateAsUpdate(other), 'another provider')
  assert.equal(replica.doc.getMap('m').toJSON(), { a: 1, b: 2 })
  assert.equal(
    rejected.map(({ reason, path }) => [reason, path]),
    [['too_deep', ['m', 'bad']]],
  )
})

test('of two replicas of one document, one reports the change, and both go on', () => {
  const doc = docOf(1)
  const replicas = [new Replica(doc, nodePlatform), new Replica(doc, nodePlatform)]
  const rejected = replicas.map(rejectedBy)
  doc.getMap('m').set('k', TOO_DEEP)
  doc.getMap('m').set('l', 1)
  assert.is(rejected.flat().length, 1)
  for (const replica of replicas) {
    const receiver = replicaOf(2)
    for (const delta of replica.takeLocal()) receiver.apply(replica.encode(delta).bytes)
    assert.is(receiver.digest, replica.digest)
  }
})

test('the message says where the change is, however keys are spelled', () => {
  const replica = replicaOf(1)
  const rejected = rejectedBy(replica)
  const root = replica.doc.getMap<unknown>('a root')
  root.set('k', Y.Array.from([0, new Y.Map<unknown>([['x y', 1]])]))
  const list = root.get('k') as Y.Array<Y.Map<unknown>>
  list.get(1).set('é', TOO_DEEP)
  list.get(1).set('plain', TOO_DEEP)
  replica.doc.getArray('l').push([TOO_DEEP])
  replica.doc.getMap('m').set('x'.repeat(100), TOO_DEEP)
  assert.equal(
    rejected.map(({ message }) => message.slice(0, message.indexOf(': '))),
    ['"a root".k[1]["é"]', '"a root".k[1].plain', 'l[0]', `m["${'x'.repeat(40)}…"]`],
  )
  assert.match(rejected[0]!.message, /: a value nested more than 2000 deep$/)
})

test('a value that cannot be read is rejected with what it threw', () => {
  const replica = replicaOf(1)
  const rejected = rejectedBy(replica)
  const value = {
    get broken(): never {
      throw new Error('not now')
    },
  }
  replica.doc.getMap('m').set('k', value)
  assert.match(rejected[0]!.message, /^m\.k: cannot be read: not now$/)
  assert.not.ok(replica.doc.getMap('m').has('k'))
})

test('keys that Yjs accepts and cannot write are rejected', () => {
  for (const key of [undefined, Symbol('s')] as unknown as string[]) {
    const replica = replicaOf(1)
    const rejected = rejectedBy(replica)
    replica.doc.on('update', () => undefined)
    const map = replica.doc.getMap<unknown>('m')
    let changed: unknown
    map.observe(({ changes }) => {
      changed = changes.keys.size
    })
    map.set('before', 1)
    map.set(key, new Y.Map([['in', 1]]))
    assert.not.ok(map.has(key))
    replica.doc.transact(() => {
      map.set(key, 1)
      map.set(key, 2)
      map.set('after', 2)
    })
    assert.is(changed, 1)
    assert.is(rejected.length, 3)
    assert.ok(rejected.every(({ reason }) => reason === 'malformed'))
    const receiver = replicaOf(2)
    for (const delta of replica.takeLocal()) receiver.apply(replica.encode(delta).bytes)
    assertConverged([replica, receiver])
    assert.equal(receiver.doc.getMap('m').toJSON(), { before: 1, after: 2 })
  }
})

test('a program’s update that cannot be sent on is rejected as a whole', () => {
  const fits = (bytes: number, encode: () => Uint8Array): boolean =>
    bytes < 1_000 || encode().length < 1_000
  const replica = new Replica(docOf(1), nodePlatform, { fits })
  const program = docOf(2)
  program.getArray('l').push(['x'.repeat(600), 'y'.repeat(600)])
  program.getText('t').insert(0, 'z'.repeat(5_000))
  assert.is(replica.accept(Y.encodeStateAsUpdate(program), 'it').status, 'new')
  const before = replica.digest
  program.getArray('l').push(['x', 'y'.repeat(1_001)])
  assert.throws(
    () => replica.accept(Y.encodeStateAsUpdate(program), 'it'),
    (error: unknown) => error instanceof Rejection && error.reason === 'too_large',
  )
  assert.is(replica.digest, before)
  assert.is(replica.apply(Y.encodeStateAsUpdate(program)).status, 'new', 'peers could send it')
})

test('changes that peers may have are not removed, however long they are', () => {
  const doc = docOf(1)
  doc.getMap('m').set('sent', 'x'.repeat(5_000))
  const sent = Y.getState(doc.store, 1)
  doc.getMap('m').set('unsent', 'x'.repeat(5_000))
  const other = docOf(2)
  other.getMap('m').set('theirs', 'x'.repeat(5_000))
  Y.applyUpdate(doc, Y.encodeStateAsUpdate(other))
  const replica = new Replica(doc, nodePlatform, { fits: (bytes) => bytes < 1_000 })
  const rejected = rejectedBy(replica)
  replica.examine(sent)
  assert.equal([...doc.getMap('m').keys()].sort(), ['sent', 'theirs'])
  assert.equal(
    rejected.map(({ reason, path }) => [reason, path]),
    [['too_large', ['m', 'unsent']]],
  )
  replica.examine(sent)
  assert.is(rejected.length, 1)
})

test.run()
