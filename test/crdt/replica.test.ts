/** The replica: its digest, what a peer lacks, and what was new in a merge. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import {
  coversDelta,
  type Delta,
  encodeDeletes,
  isEmptyDelta,
  mergeDeltas,
  Rejection,
  Replica,
  withDelta,
} from '../../crdt/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import {
  assertConverged,
  change,
  contentOf,
  docOf,
  forge,
  forged,
  give,
  idsOf,
  replicaOf,
  settle,
  spyPlatform,
} from '../helpers/docs.ts'
import { eachSeed, type Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('replica')

const wholeOf = (replica: Replica): Delta =>
  replica.lacking({ clocks: new Map(), deletes: undefined })

const known = (replica: Replica) => replica.decode(replica.syncRequest())

/** The update events of a document while `run` runs. */
const eventsOf = (doc: Y.Doc, run: () => void): Uint8Array[] => {
  const events: Uint8Array[] = []
  const listen = (update: Uint8Array) => events.push(update)
  doc.on('update', listen)
  run()
  doc.off('update', listen)
  return events
}

/** Each local change of the replica from now on, encoded. */
const record = (replica: Replica): Uint8Array[] => {
  const updates: Uint8Array[] = []
  replica.onLocal = () => {
    for (const delta of replica.takeLocal()) updates.push(replica.encode(delta).bytes)
  }
  return updates
}

// Digest

test('the digest is the same for all replicas that converged, whatever the order of arrival', () => {
  let unequalStates = 0
  eachSeed(25, (random) => {
    const senders = [1, 2, 3].map((writer) => replicaOf(writer, { gc: random.chance(0.8) }))
    const logs = senders.map(record)
    for (let i = 0; i < 60; i++) {
      change(random.pick(senders).doc, random)
      if (random.chance(0.2)) {
        const [from, to] = random.shuffle(senders)
        give(from!, to!)
      }
    }
    const receivers = [7, 8, 9].map((writer) => replicaOf(writer))
    for (const receiver of receivers) {
      for (const update of random.shuffle(logs.flat())) receiver.apply(update)
    }
    const all = [...senders, ...receivers]
    settle(all)
    assertConverged(all)
    const states = new Set(all.map(({ doc }) => String(Y.encodeStateAsUpdate(doc))))
    if (states.size > 1) unequalStates++
  })
  // This is why the digest is not that of the encoded state.
  if (!process.env.SEED) assert.ok(unequalStates > 0, 'encodeStateAsUpdate was equal everywhere')
})

test('the digest changes with a delete, though the state vectors stay equal', () => {
  const a = replicaOf(1)
  const b = replicaOf(2)
  a.doc.getMap('map').set('k', 1)
  give(a, b)
  assert.is(a.digest, b.digest)
  a.doc.getMap('map').delete('k')
  assert.equal(Y.encodeStateVector(a.doc), Y.encodeStateVector(b.doc))
  assert.not.equal(a.digest, b.digest)
  give(a, b)
  assert.is(a.digest, b.digest)
})

test('the digest is 22 characters, and that of an empty document is the same everywhere', () => {
  assert.match(replicaOf(1).digest, /^[A-Za-z0-9+/]{22}$/)
  assert.is(replicaOf(1).digest, replicaOf(2, { gc: false }).digest)
})

test('the digest is computed once for each state, and again after each change', () => {
  const platform = spyPlatform()
  const replica = replicaOf(1, { platform })
  const peer = replicaOf(2)
  peer.doc.getMap('map').set('theirs', 1)
  const theirs = Y.encodeStateAsUpdate(peer.doc)
  const read = () => {
    const before = platform.hashed
    const digests = [replica.digest, replica.digest]
    replica.syncRequest()
    replica.lacking(known(peer))
    replica.isBehind(known(peer))
    assert.is(digests[0], digests[1])
    return { digest: digests[0]!, hashed: platform.hashed - before }
  }
  const seen = new Set<string>()
  const changes: (() => void)[] = [
    () => {},
    () => replica.doc.getMap('map').set('k', 1),
    () => replica.doc.getMap('map').delete('k'),
    () => replica.apply(theirs),
    () => Y.applyUpdate(replica.doc, Y.encodeStateAsUpdate(otherDoc())),
  ]
  for (const change of changes) {
    change()
    const { digest, hashed } = read()
    assert.is(hashed, 1, 'computed once')
    assert.not(seen.has(digest), 'changed')
    seen.add(digest)
  }
  // None of this is a change.
  for (const idle of [
    () => replica.apply(theirs),
    () => replica.apply(new Uint8Array([0, 0])),
    () => replica.doc.transact(() => {}),
    () => replica.doc.getMap('map').delete('nothing'),
    () => assert.throws(() => replica.apply(new Uint8Array([9]))),
    () => replica.apply(forge([{ writer: 70, clock: 5, structs: [forged.gc(1)] }])),
  ]) {
    idle()
    const { digest, hashed } = read()
    assert.is(hashed, 0, 'computed again for nothing')
    assert.ok(seen.has(digest))
  }
})

const otherDoc = (): Y.Doc => {
  const doc = docOf(3)
  doc.getMap('map').set('from elsewhere', 1)
  return doc
}

test('the version is the sum of the clocks', () => {
  const replica = replicaOf(1)
  assert.is(replica.version, 0)
  replica.doc.getArray('list').push([1, 2, 3])
  replica.doc.getMap('map').set('k', 1)
  replica.apply(Y.encodeStateAsUpdate(otherDoc()))
  assert.is(replica.version, 5)
  assert.equal(
    new Map([...replica.clocks].sort()),
    new Map([
      [1, 4],
      [3, 1],
    ]),
  )
  replica.doc.getMap('map').delete('k')
  assert.is(replica.version, 5)
})

// Differences

/** Three replicas of a random history, not converged. */
const diverged = (random: Random): Replica[] => {
  const replicas = [1, 2, 3].map((writer) => replicaOf(writer, { gc: random.chance(0.7) }))
  for (let i = 0; i < 70; i++) {
    change(random.pick(replicas).doc, random)
    if (random.chance(0.25)) {
      const [from, to] = random.shuffle(replicas)
      give(from!, to!)
    }
  }
  return replicas
}

test('a difference each way makes two replicas equal, deletes included', () => {
  eachSeed(25, (random) => {
    const [a, b] = diverged(random)
    // Plain maps and arrays need exactly one exchange; Yjs may clean up rich text afterwards.
    const [toB, toA] = [a!.lacking(known(b!)), b!.lacking(known(a!))]
    const [forB, forA] = [a!.encode(toB), b!.encode(toA)]
    assert.not.equal(b!.apply(forB.bytes).status, 'waiting')
    assert.not.equal(a!.apply(forA.bytes).status, 'waiting')
    settle([a!, b!])
    assertConverged([a!, b!])
  })
})

test('a difference contains exactly the structs and deletes that the other lacks', () => {
  eachSeed(25, (random) => {
    const [a, b] = diverged(random)
    const all = (replica: Replica) => idsOf(wholeOf(replica))
    const minus = (x: Set<string>, y: Set<string>) => new Set([...x].filter((id) => !y.has(id)))
    const { structs, deletes } = idsOf(a!.lacking(known(b!)))
    assert.equal(structs, minus(all(a!).structs, all(b!).structs))
    assert.equal(deletes, minus(all(a!).deletes, all(b!).deletes))
  })
})

test('a peer that has everything lacks nothing, at the cost of two bytes', () => {
  eachSeed(20, (random) => {
    const [a, b] = diverged(random)
    settle([a!, b!])
    const nothing = a!.lacking(known(b!))
    assert.ok(isEmptyDelta(nothing))
    assert.is(a!.encode(nothing).bytes.length, 2)
    assert.not.ok(a!.isBehind(known(b!)))
    assert.not.ok(b!.isBehind(known(a!)))
  })
})

test('a single delete is a difference of a few bytes, among 2,000 others', () => {
  const a = replicaOf(1)
  const b = replicaOf(2)
  const map = a.doc.getMap('map')
  for (let i = 0; i < 1_000; i++) map.set(`k${i}`, i)
  for (let i = 0; i < 1_000; i += 2) map.delete(`k${i}`)
  give(a, b)
  map.delete('k501')
  const delta = a.lacking(known(b))
  assert.is(delta.structs.size, 0)
  assert.ok(a.encode(delta).bytes.length < 12)
  assert.ok(b.isBehind(known(a)))
  assert.not.ok(a.isBehind(known(b)))
  give(a, b)
  assert.is(a.digest, b.digest)
})

test('a long delete set is left out of the request, and the answer carries all deletes', () => {
  const a = replicaOf(1)
  const b = replicaOf(2)
  const list = a.doc.getArray('list')
  list.push(Array.from({ length: 6_000 }, (_, i) => i))
  give(a, b)
  for (let i = 0; i < 2_999; i++) list.delete(i, 1)
  assert.ok(encodeDeletes(wholeOf(a).deletes).length > 4_096)
  const summary = a.syncRequest()
  assert.is(summary.deletes, undefined)
  assert.ok(summary.vector.length < 10)
  assert.ok(b.isBehind(a.decode(summary)), 'unknown deletes may be new')
  assert.is(idsOf(a.lacking(known(b))).deletes.size, 2_999)
  give(a, b)
  assert.is(a.digest, b.digest)
  // Now neither sends its deletes: all of them travel, and nothing is new.
  const delta = a.lacking(known(b))
  assert.is(idsOf(delta).deletes.size, 2_999)
  const { status } = b.apply(a.encode(delta).bytes)
  assert.is(status, 'known')
})

test('deletes of up to 4 KB travel with the vector', () => {
  const a = replicaOf(1)
  const list = a.doc.getArray('list')
  list.push(Array.from({ length: 2_000 }, (_, i) => i))
  for (let i = 0; i < 900; i++) list.delete(i, 1)
  const { deletes } = a.syncRequest()
  assert.ok(deletes && deletes.length <= 4_096)
})

test('isBehind is true exactly if the other has a struct or a delete that we lack', () => {
  eachSeed(25, (random) => {
    const replicas = diverged(random)
    for (const a of replicas) {
      for (const b of replicas) {
        const lacks = !isEmptyDelta(b.lacking(known(a)))
        assert.is(a.isBehind(known(b)), lacks)
      }
    }
  })
})

test('a request that is not one is rejected as malformed', () => {
  const replica = replicaOf(1)
  const vector = Y.encodeStateVector(docOf(1))
  for (const summary of [
    { vector: new Uint8Array([5]) },
    { vector: new Uint8Array() },
    { vector: new Uint8Array(200).fill(255) },
    { vector, deletes: new Uint8Array([7]) },
    { vector, deletes: new Uint8Array() },
  ]) {
    assert.throws(
      () => replica.decode(summary),
      (error: unknown) => error instanceof Rejection && error.reason === 'malformed',
    )
  }
})

test('a false request with far clocks and deletes of nothing costs only its sender', () => {
  const replica = replicaOf(1)
  replica.doc.getMap('map').set('k', 1)
  const lies = new Map([
    [1, Number.MAX_SAFE_INTEGER],
    [99, 7],
  ])
  const lie = { clocks: lies, deletes: undefined }
  assert.ok(isEmptyDelta(replica.lacking(lie)))
  assert.ok(replica.isBehind(lie))
})

test('withDelta is the peer’s state once it has got a delta', () => {
  eachSeed(30, (random) => {
    const [a, b] = diverged(random)
    const before = known(b!)
    const delta = a!.lacking(before)
    const after = withDelta(before, delta)
    assert.ok(isEmptyDelta(a!.lacking(after)))
    assert.equal(known(b!), before, 'the first is not changed')
  })
})

// What a merge returns

test('apply returns exactly what was new', () => {
  eachSeed(25, (random) => {
    const [a, b] = diverged(random)
    const before = known(b!)
    // More than it lacks: some of it is known, or all of it.
    const sent = random.chance(0.7) ? wholeOf(a!) : a!.lacking(before)
    const own = idsOf(wholeOf(b!))
    b!.takeLocal()
    const { status, delta, carried, thrown } = b!.apply(a!.encode(sent).bytes)
    assert.equal(thrown, [])
    // The clean-up of rich text is a change of our own.
    const cleanup = mergeDeltas([...b!.takeLocal()])
    const after = idsOf(wholeOf(b!))
    const [merged, cleaned] = [idsOf(delta), idsOf(cleanup)]
    for (const kind of ['structs', 'deletes'] as const) {
      const fresh = new Set([...after[kind]].filter((id) => !own[kind].has(id)))
      const reported = new Set([...merged[kind], ...cleaned[kind]])
      // Garbage structs carry only their clocks: to have them is to have them deleted.
      if (kind === 'deletes')
        for (const id of fresh)
          if (after.structs.has(id) && merged.structs.has(id)) reported.add(id)
      assert.equal([...reported].sort(), [...fresh].sort(), kind)
    }
    assert.is(status, isEmptyDelta(delta) ? 'known' : 'new')
    assert.ok(coversDelta(carried, sent))
  })
})

test('apply of a known update gives an empty delta, no event and no change', () => {
  eachSeed(25, (random) => {
    const [a, b] = diverged(random)
    const { bytes } = a!.encode(wholeOf(a!))
    b!.apply(bytes)
    b!.takeLocal()
    const before = [b!.digest, contentOf(b!.doc), String(Y.encodeStateAsUpdate(b!.doc))]
    const events = eventsOf(b!.doc, () => {
      const { status, delta, thrown } = b!.apply(bytes)
      assert.is(status, 'known')
      assert.ok(isEmptyDelta(delta))
      assert.equal(thrown, [])
    })
    assert.equal(events, [])
    assert.equal(b!.takeLocal(), [])
    assert.equal([b!.digest, contentOf(b!.doc), String(Y.encodeStateAsUpdate(b!.doc))], before)
  })
})

test('apply of known structs with one new delete returns only the delete', () => {
  const a = replicaOf(1)
  const b = replicaOf(2)
  a.doc.getMap('map').set('k', 1)
  a.doc.getMap('map').set('l', 1)
  give(a, b)
  a.doc.getMap('map').delete('k')
  const { status, delta } = b.apply(a.encode(wholeOf(a)).bytes)
  assert.is(status, 'new')
  assert.is(delta.structs.size, 0)
  assert.equal(idsOf(delta).deletes, new Set(['1:0']))
})

test('what was new brings the next replica as far when it is passed on', () => {
  eachSeed(20, (random) => {
    const [a, b] = diverged(random)
    const c = replicaOf(9)
    give(b!, c)
    const { delta } = b!.apply(a!.encode(wholeOf(a!)).bytes)
    for (const cleanup of b!.takeLocal()) c.apply(b!.encode(mergeDeltas([delta, cleanup])).bytes)
    c.apply(b!.encode(delta).bytes)
    settle([b!, c])
    assertConverged([b!, c])
  })
})

// Local changes

test('onLocal is called for each local transaction, and takeLocal returns it once; never for what is applied', () => {
  const replica = replicaOf(1)
  let calls = 0
  replica.onLocal = () => calls++
  const map = replica.doc.getMap('map')
  map.set('k', 1)
  replica.doc.transact(() => {
    map.set('k', 2)
    map.set('l', 3)
  })
  map.delete('l')
  assert.is(calls, 3)
  const local = replica.takeLocal()
  assert.equal(
    local.map((delta) => [...idsOf(delta).structs]),
    [['1:0'], ['1:1', '1:2'], []],
  )
  assert.equal(replica.takeLocal(), [])
  replica.apply(Y.encodeStateAsUpdate(otherDoc()))
  replica.apply(Y.encodeStateAsUpdate(otherDoc()))
  replica.doc.transact(() => {})
  assert.is(calls, 3)
  assert.equal(replica.takeLocal(), [])
})

test('another provider’s update is local, so it is passed on', () => {
  const replica = replicaOf(1)
  let calls = 0
  replica.onLocal = () => calls++
  Y.applyUpdate(replica.doc, Y.encodeStateAsUpdate(otherDoc()), 'disk')
  assert.is(calls, 1)
  assert.equal(idsOf(mergeDeltas([...replica.takeLocal()])).structs, new Set(['3:0']))
})

test('an observer’s write during a merge is a local change, not part of what was new', () => {
  const replica = replicaOf(1)
  const map = replica.doc.getMap('map')
  map.observe((_, transaction) => {
    if (transaction.origin === replica) map.set('seen', map.get('from elsewhere'))
  })
  const writer = replica.doc.clientID
  const { status, delta } = replica.apply(Y.encodeStateAsUpdate(otherDoc()))
  assert.is(status, 'new')
  assert.equal(idsOf(delta).structs, new Set(['3:0']))
  assert.equal(idsOf(mergeDeltas([...replica.takeLocal()])).structs, new Set(['1:0']))
  assert.is(replica.doc.clientID, writer)
  assert.equal(map.toJSON(), { 'from elsewhere': 1, seen: 1 })
})

test('an observer that throws stops nothing: the update is merged and reported, and the error returned', () => {
  const sender = replicaOf(1)
  const updates = record(sender)
  for (const key of ['a', 'b', 'c']) sender.doc.getMap('map').set(key, 1)
  const replica = replicaOf(2)
  replica.apply(updates[2]!)
  const mine = new Error('mine')
  replica.doc.getMap('map').observe(() => {
    throw mine
  })
  replica.apply(updates[1]!)
  const { status, delta, thrown } = replica.apply(updates[0]!)
  assert.is(status, 'new')
  assert.equal(idsOf(delta).structs, new Set(['1:0', '1:1', '1:2']))
  assert.ok(thrown.length > 0 && thrown.every((error) => error === mine))
  assertConverged([sender, replica])
})

test('a failure of Yjs before anything was merged is a Rejection, apply_failed', () => {
  const replica = replicaOf(2)
  const before = replica.digest
  // Yjs lets a listener of this event stop a transaction before anything is in it.
  replica.doc.on('beforeAllTransactions', () => {
    replica.doc._transaction = null
    replica.doc._transactionCleanups = []
    throw new Error('no room')
  })
  assert.throws(
    () => replica.apply(Y.encodeStateAsUpdate(otherDoc())),
    (error: unknown) =>
      error instanceof Rejection &&
      error.reason === 'apply_failed' &&
      /no room/.test(error.message),
  )
  assert.is(replica.digest, before)
  assert.is(replica.version, 0)
})

test('apply in a transaction or an observer is a TypeError, and changes nothing', () => {
  const replica = replicaOf(1)
  const update = Y.encodeStateAsUpdate(otherDoc())
  const misuse = (error: unknown) => error instanceof TypeError && /afterwards/.test(error.message)
  replica.doc.transact(() => assert.throws(() => replica.apply(update), misuse))
  let tried = 0
  replica.doc.getMap('map').observe(() => {
    tried++
    assert.throws(() => replica.apply(update), misuse)
  })
  replica.doc.getMap('map').set('k', 1)
  assert.is(tried, 1)
  assert.is(replica.version, 1)
  assert.is(replica.apply(update).status, 'new')
})

test('transactions of apply have the chosen origin, and are not local', () => {
  const origins: unknown[] = []
  const provider = { name: 'provider' }
  for (const origin of [provider, undefined]) {
    const doc = docOf(1)
    const replica = new Replica(doc, nodePlatform, origin ? { origin } : {})
    doc.on('afterTransaction', (transaction) => {
      if (!isEmpty(transaction)) origins.push(transaction.origin, transaction.local)
    })
    replica.apply(Y.encodeStateAsUpdate(otherDoc()))
    assert.equal(origins.splice(0), [origin ?? replica, false])
  }
})

const isEmpty = (transaction: Y.Transaction): boolean => transaction.changed.size === 0

test('destroy ends all reports, and the document lives on', () => {
  const replica = replicaOf(1)
  let calls = 0
  replica.onLocal = () => calls++
  replica.destroy()
  replica.doc.getMap('map').set('k', 1)
  assert.is(calls, 0)
  assert.is(replica.doc.getMap('map').get('k'), 1)
})

test('the digest of an update is that of its bytes', () => {
  const replica = replicaOf(1)
  replica.doc.getMap('map').set('k', 1)
  const { bytes, digest } = replica.encode(wholeOf(replica))
  const hash = nodePlatform.sha256(bytes)
  assert.is(digest, Buffer.from(hash).toString('hex').slice(0, 32))
})

test.run()
