/** Deltas and delete sets, compared with a model that keeps every clock by itself in a `Set`. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import {
  coversDelta,
  type DeleteSet,
  type Delta,
  decodeDeletes,
  deltaOfTransaction,
  deltaSince,
  emptyDeletes,
  emptyDelta,
  encodeDeletes,
  encodeDelta,
  hasDeletes,
  isEmptyDelta,
  mergeDeltas,
  subtractDeletes,
} from '../../crdt/index.ts'
import {
  assertConverged,
  change,
  contentOf,
  docOf,
  give,
  idsOf,
  replicaOf,
  settle,
} from '../helpers/docs.ts'
import { eachSeed, type Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('delta')

const WRITERS = [1, 2, 2 ** 53 - 1]

/** A delete set of random clocks, made by Yjs, so sorted and merged. */
const randomDeletes = (random: Random): DeleteSet => {
  const deletes = emptyDeletes()
  for (const writer of WRITERS) {
    const runs = Array.from({ length: random.int(0, 6) }, () => ({
      clock: random.int(0, 40),
      len: random.int(1, 8),
    }))
    if (runs.length > 0) deletes.clients.set(writer, runs)
  }
  return Y.mergeDeleteSets([deletes])
}

const randomDelta = (random: Random): Delta => {
  const structs = new Map<number, { from: number; to: number }>()
  for (const writer of WRITERS) {
    const from = random.int(0, 20)
    if (random.chance(0.6)) structs.set(writer, { from, to: from + random.int(1, 15) })
  }
  return { structs, deletes: randomDeletes(random) }
}

const minus = (a: Set<string>, b: Set<string>) => new Set([...a].filter((id) => !b.has(id)))
const deletesOf = (deletes: DeleteSet) => idsOf({ structs: new Map(), deletes }).deletes

/** Sorted, merged, no empty run, no writer without runs: as Yjs itself would have it. */
const assertTidy = (deletes: DeleteSet): void => {
  for (const [writer, runs] of deletes.clients) {
    assert.ok(runs.length > 0, `writer ${writer} has no runs`)
    runs.forEach((run, i) => {
      assert.ok(run.len > 0)
      const before = runs[i - 1]
      if (before) assert.ok(before.clock + before.len < run.clock, 'runs touch')
    })
  }
}

test('subtractDeletes is the difference of sets', () => {
  eachSeed(2_000, (random) => {
    const all = randomDeletes(random)
    const known = random.chance(0.1) ? emptyDeletes() : randomDeletes(random)
    const rest = subtractDeletes(all, known)
    assert.equal(deletesOf(rest), minus(deletesOf(all), deletesOf(known)))
    assertTidy(rest)
    assert.is(hasDeletes(rest), deletesOf(rest).size > 0)
    assert.not.ok(hasDeletes(subtractDeletes(all, all)))
    assert.equal(deletesOf(subtractDeletes(all, emptyDeletes())), deletesOf(all))
  })
})

test('subtractDeletes changes neither of its arguments', () => {
  eachSeed(200, (random) => {
    const [all, known] = [randomDeletes(random), randomDeletes(random)]
    const before = [deletesOf(all), deletesOf(known)]
    const rest = subtractDeletes(all, known)
    for (const runs of rest.clients.values()) runs.length = 0
    assert.equal([deletesOf(all), deletesOf(known)], before)
  })
})

test('encodeDeletes and decodeDeletes are inverse', () => {
  eachSeed(300, (random) => {
    const deletes = randomDeletes(random)
    assert.equal(deletesOf(decodeDeletes(encodeDeletes(deletes))), deletesOf(deletes))
  })
})

test('decodeDeletes sorts and merges what a peer wrote in disorder', () => {
  const disorder = emptyDeletes()
  disorder.clients.set(1, [
    { clock: 7, len: 3 },
    { clock: 0, len: 4 },
    { clock: 2, len: 6 },
  ])
  assert.equal(decodeDeletes(encodeDeletes(disorder)).clients.get(1)?.length, 1)
  assert.is(deletesOf(decodeDeletes(encodeDeletes(disorder))).size, 10)
})

test('mergeDeltas holds all of each delta, and the hole between two runs', () => {
  eachSeed(1_000, (random) => {
    const deltas = Array.from({ length: random.int(1, 4) }, () => randomDelta(random))
    const merged = mergeDeltas(deltas)
    const expected = new Map<number, [number, number]>()
    const deletes = new Set<string>()
    for (const delta of deltas) {
      for (const [writer, { from, to }] of delta.structs) {
        const [low, high] = expected.get(writer) ?? [from, to]
        expected.set(writer, [Math.min(low, from), Math.max(high, to)])
      }
      for (const id of idsOf(delta).deletes) deletes.add(id)
    }
    assert.equal(
      new Map([...merged.structs].map(([writer, { from, to }]) => [writer, [from, to]])),
      expected,
    )
    assert.equal(idsOf(merged).deletes, deletes)
    assertTidy(merged.deletes)
    for (const delta of deltas) assert.ok(coversDelta(merged, delta))
  })
})

test('mergeDeltas changes none of its arguments', () => {
  eachSeed(200, (random) => {
    const deltas = [randomDelta(random), randomDelta(random)]
    const before = deltas.map(idsOf)
    mergeDeltas(deltas)
    mergeDeltas([mergeDeltas(deltas), randomDelta(random)])
    assert.equal(deltas.map(idsOf), before)
  })
})

test('mergeDeltas of nothing is empty', () => {
  assert.ok(isEmptyDelta(mergeDeltas([])))
  assert.ok(isEmptyDelta(mergeDeltas([emptyDelta(), emptyDelta()])))
})

test('coversDelta requires every clock and delete of the inner delta to be in the outer one', () => {
  let covered = 0
  eachSeed(3_000, (random) => {
    const outer = randomDelta(random)
    const inner = random.chance(0.5)
      ? randomDelta(random)
      : {
          structs: new Map(
            [...outer.structs].map(([writer, { from, to }]) => [
              writer,
              { from: random.int(from, to - 1), to: random.chance(0.9) ? to : to + 1 },
            ]),
          ),
          deletes: subtractDeletes(outer.deletes, randomDeletes(random)),
        }
    const [o, i] = [idsOf(outer), idsOf(inner)]
    const expected =
      minus(i.structs, o.structs).size === 0 && minus(i.deletes, o.deletes).size === 0
    if (expected) covered++
    assert.is(coversDelta(outer, inner), expected)
    assert.ok(coversDelta(outer, emptyDelta()))
    assert.is(coversDelta(emptyDelta(), inner), isEmptyDelta(inner))
  })
  if (!process.env.SEED) assert.ok(covered > 300, `only ${covered} were covered`)
})

test('deltaSince is exactly what the other lacks', () => {
  eachSeed(500, (random) => {
    const state = () => {
      const clocks = new Map(WRITERS.map((writer) => [writer, random.int(0, 12)]))
      return { clocks, deletes: randomDeletes(random) }
    }
    const [own, other] = [state(), state()]
    const { structs, deletes } = idsOf(deltaSince(own, other.clocks, other.deletes))
    const expected = new Set<string>()
    for (const [writer, to] of own.clocks)
      for (let c = other.clocks.get(writer) ?? 0; c < to; c++) expected.add(`${writer}:${c}`)
    assert.equal(structs, expected)
    assert.equal(deletes, minus(deletesOf(own.deletes), deletesOf(other.deletes)))
  })
})

for (const gc of [true, false]) {
  test(`a transaction’s delta (gc: ${gc}): brings a replica one transaction further`, () => {
    eachSeed(15, (random) => {
      const sender = docOf(1, { gc })
      const receiver = docOf(2, { gc })
      // The bytes are made after the transaction has ended, as in practice.
      const deltas: Delta[] = []
      sender.on('afterTransaction', (transaction) => deltas.push(deltaOfTransaction(transaction)))
      for (let i = 0; i < 60; i++) {
        change(sender, random)
        for (const delta of deltas.splice(0)) {
          const update = encodeDelta(sender, delta)
          Y.decodeUpdate(update)
          Y.applyUpdate(receiver, update)
        }
        assert.is(receiver.store.pendingStructs, null)
        assert.is(receiver.store.pendingDs, null)
        assert.ok(Y.equalSnapshots(Y.snapshot(sender), Y.snapshot(receiver)))
        assert.equal(contentOf(receiver), contentOf(sender))
      }
    })
  })

  test(`a difference (gc: ${gc}): makes the other equal, and contains nothing known`, () => {
    eachSeed(20, (random) => {
      const replicas = [1, 2, 3].map((writer) => replicaOf(writer, { gc }))
      for (let i = 0; i < 80; i++) {
        change(random.pick(replicas).doc, random)
        if (random.chance(0.3)) {
          const [from, to] = random.shuffle(replicas)
          const known = to!.decode(to!.syncRequest())
          const bytes = give(from!, to!)
          const { structs, ds } = Y.decodeUpdate(bytes)
          for (const { id } of structs) {
            assert.ok(id.clock >= (known.clocks.get(id.client) ?? 0), 'a known struct is sent')
          }
          const sent = deletesOf(ds)
          assert.is(
            minus(sent, deletesOf(known.deletes!)).size,
            sent.size,
            'a known delete is sent',
          )
        }
      }
      settle(replicas)
      assertConverged(replicas)
    })
  })
}

test('a run may begin in the middle of a struct, of grown text, an array or garbage', () => {
  const sender = docOf(1)
  const receiver = docOf(2)
  const text = sender.getText('text')
  text.insert(0, 'abc')
  sender.getArray('list').insert(0, [1, 2])
  Y.applyUpdate(receiver, Y.encodeStateAsUpdate(sender))
  // Yjs merges each into the struct before it, unless another writer's clock is in between.
  sender.getArray('list').insert(2, [3, 4])
  const state = (doc: Y.Doc) => {
    const { sv, ds } = Y.snapshot(doc)
    return { clocks: sv, deletes: ds }
  }
  const { clocks, deletes } = state(receiver)
  const delta = deltaSince(state(sender), clocks, deletes)
  const list = sender.store.clients.get(1)!
  const { from } = delta.structs.get(1)!
  assert.ok(
    list.some(({ id, length }) => id.clock < from && from < id.clock + length),
    'the run does not begin inside of a struct',
  )
  Y.applyUpdate(receiver, encodeDelta(sender, delta))
  assert.equal(contentOf(receiver), contentOf(sender))
})

test('a run that ends in the middle of a struct brings just its part, and the rest joins it', () => {
  const sender = docOf(1)
  sender.getText('text').insert(0, 'abcdef')
  sender.getArray('array').push([1, 2, 3])
  const receiver = docOf(2)
  const text = { from: 0, to: 2 }
  Y.applyUpdate(
    receiver,
    encodeDelta(sender, { structs: new Map([[1, text]]), deletes: emptyDeletes() }),
  )
  assert.is(receiver.getText('text').toString(), 'ab')
  const rest = { from: 2, to: 8 }
  Y.applyUpdate(
    receiver,
    encodeDelta(sender, { structs: new Map([[1, rest]]), deletes: emptyDeletes() }),
  )
  assert.is(receiver.getText('text').toString(), 'abcdef')
  assert.equal(receiver.getArray('array').toJSON(), [1, 2])
  assert.is(sender.getText('text').toString(), 'abcdef')
})

test('deleted content travels without its content', () => {
  const sender = docOf(1)
  let delta = emptyDelta()
  sender.once('afterTransaction', (transaction) => {
    delta = deltaOfTransaction(transaction)
  })
  sender.getMap('map').set('secret', 'x'.repeat(1_000))
  assert.ok(encodeDelta(sender, delta).length > 1_000)
  sender.getMap('map').delete('secret')
  assert.ok(encodeDelta(sender, delta).length < 50)
})

test('an empty delta is the empty update', () => {
  assert.equal([...encodeDelta(docOf(1), emptyDelta())], [0, 0])
})

test('a delta of an unknown writer is a TypeError', () => {
  const structs = new Map([[7, { from: 0, to: 1 }]])
  assert.throws(
    () => encodeDelta(docOf(1), { structs, deletes: emptyDeletes() }),
    (error: unknown) => error instanceof TypeError && /writer 7/.test(error.message),
  )
})

test('a delta of the whole state encodes to the very bytes that Yjs writes', () => {
  eachSeed(20, (random) => {
    const replica = replicaOf(1)
    for (let i = 0; i < 30; i++) change(replica.doc, random)
    const whole = replica.lacking({ clocks: new Map(), deletes: undefined })
    assert.equal(encodeDelta(replica.doc, whole), Y.encodeStateAsUpdate(replica.doc))
  })
})

test.run()
