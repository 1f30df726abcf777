/** The places of concurrent items: those that Yjs finds, in fewer steps, and within bounds. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import {
  LIMITS,
  mergeOwn,
  mergeOwnState,
  Rejection,
  type Replica,
  stateToUpdate,
} from '../../crdt/index.ts'
import { docOf, forge, forged, rejectionReasonOf, replicaOf, type Struct } from '../helpers/docs.ts'
import { eachSeed, type Random } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('place')

type SharedType = NonNullable<ReturnType<Y.Doc['share']['get']>>

const replicaWith = (comparisons: number): Replica =>
  replicaOf(99, { limits: { ...LIMITS, comparisons } })

const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

/** Lists of all items, by place, as `client:clock`. */
const orderOf = (doc: Y.Doc): unknown => {
  const walk = (type: SharedType): unknown => {
    const line = (item: Y.Item | null): unknown[] => {
      const items: unknown[] = []
      for (let at = item; at !== null; at = at.right) {
        const inner = at.content instanceof Y.ContentType ? [walk(at.content.type)] : []
        items.push(
          `${at.id.client}:${at.id.clock}+${at.length}${at.deleted ? ' deleted' : ''}`,
          ...inner,
        )
      }
      return items
    }
    const keys = [...type._map].map(([key, last]) => {
      let first = last
      while (first.left !== null) first = first.left
      return [key, line(first), last.id.client, last.id.clock]
    })
    return [keys.sort(), line(type._start)]
  }
  const isUsed = ([, type]: [string, SharedType]) => type._start !== null || type._map.size > 0
  return [...doc.share]
    .filter(isUsed)
    .map(([name, type]) => [name, walk(type)])
    .sort()
}

/** Structs of three writers that refer to any items before them, as no honest program would. */
const anyUpdates = (random: Random): Uint8Array[] => {
  const clocks = new Map<number, number>()
  return times(random.int(1, 4), () => {
    const writers = [3, 5, 7].filter(() => random.chance(0.7))
    const known = [...clocks]
    const blocks = writers.map((writer) => {
      const clock = clocks.get(writer) ?? 0
      const count = random.int(1, 25)
      clocks.set(writer, clock + count)
      const any = (i: number): readonly [number, number] | undefined => {
        const own = clock + i > 0 && random.chance(0.5)
        if (own) return [writer, random.int(Math.max(0, clock + i - 6), clock + i - 1)]
        const other = known.length > 0 ? random.pick(known) : undefined
        return other && [other[0], random.int(0, other[1] - 1)]
      }
      const structs = times(count, (i): Struct => {
        const origin = random.chance(0.6) ? any(i) : undefined
        const right = random.chance(0.5) ? any(i) : undefined
        const place = random.chance(0.5)
          ? { parent: 'list' }
          : { parent: 'map', key: random.pick(['a', 'b']) }
        return forged.any({ ...place, ...(origin && { origin }), ...(right && { right }) }, [i])
      })
      return { writer, clock, structs }
    })
    return forge(blocks)
  })
}

test('random items, whatever they refer to, come where Yjs puts them', () => {
  let count = 0
  eachSeed(300, (random) => {
    const updates = anyUpdates(random)
    const replica = replicaOf(99)
    const bare = docOf(98)
    for (const update of updates) {
      try {
        replica.apply(update)
      } catch (error) {
        if (!(error instanceof Rejection) || error.reason === 'apply_failed') throw error
        return
      }
      Y.applyUpdate(bare, update)
      assert.equal(orderOf(replica.doc), orderOf(bare))
      count++
    }
  })
  assert.ok(count > 200, `${count} updates were compared`)
})

const oneKey = (count: number): Uint8Array =>
  forge([{ writer: 3, structs: times(count, (i) => forged.any({ key: 'k' }, [i])) }])

const manyWriters = (count: number): Uint8Array =>
  forge(times(count, (i) => ({ writer: 100 + i, structs: [forged.any({ key: 'k' }, [i])] })))

test('values of one key without origin are not compared with all others', () => {
  for (const update of [oneKey(20_000), manyWriters(20_000)]) {
    const replica = replicaWith(40_000)
    assert.equal(replica.apply(update).thrown, [])
    assert.is(replica.version, 20_000)
  }
  for (const update of [oneKey(500), manyWriters(500)]) {
    const bare = docOf(98)
    Y.applyUpdate(bare, update)
    const replica = replicaWith(1_000)
    replica.apply(update)
    assert.equal(orderOf(replica.doc), orderOf(bare))
  }
})

test('5,000 writers of one key, one after the other in any order, are merged', () => {
  const replica = replicaOf(99)
  const updates = times(5_000, (i) => ({
    bytes: forge([{ writer: 100 + ((i * 7) % 5_000), structs: [forged.any({ key: 'k' }, [i])] }]),
    needs: undefined,
  }))
  for (let start = 0; start < updates.length; start += 100) {
    const { outcomes } = replica.applyAll(updates.slice(start, start + 100))
    assert.ok(outcomes.every((outcome) => !(outcome instanceof Rejection)))
  }
  assert.is(replica.version, 5_000)
})

/** `count` items of writer 5, each of which belongs beyond all those of writer 3. */
const crossing = (count: number): Uint8Array =>
  forge([
    { writer: 5, structs: times(count, (i) => forged.any({ right: [3, count - 1 - i] }, [i])) },
    { writer: 3, structs: times(count, (i) => forged.any({ parent: 'list' }, [i])) },
  ])

const reasonOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof Rejection) return error.reason
    throw error
  }
  return 'none'
}

test('too_costly: items that must be compared with too many others; the part before them stays', () => {
  const replica = replicaWith(10_000)
  const update = crossing(400)
  const { thrown, status } = replica.apply(update)
  assert.is(status, 'new')
  assert.is((thrown[0] as Rejection).reason, 'too_costly')
  const first = replica.version
  assert.ok(first > 400 && first < 800, String(first))
  // Sent again it continues there, until all is merged as Yjs would.
  let tries = 0
  for (; replica.version < 800; tries++) {
    const before = replica.version
    const reason = reasonOf(() => replica.apply(update))
    assert.ok(reason === 'none' || reason === 'too_costly', reason)
    assert.ok(replica.version > before)
  }
  assert.ok(tries > 1)
  const bare = docOf(98)
  Y.applyUpdate(bare, update)
  assert.equal(orderOf(replica.doc), orderOf(bare))
  const other = replicaOf(97)
  other.apply(replica.encode(replica.lacking(other.decode(other.syncRequest()))).bytes)
  assert.is(other.digest, replica.digest)
})

test('an update that is too costly leaves the others of its batch alone', () => {
  const replica = replicaWith(10_000)
  const honest = times(50, (i) => ({
    bytes: forge([
      {
        writer: 100 + i,
        structs: [forged.any({ key: `k${i}` }, [1]), forged.any({ key: 'k' }, [1])],
      },
    ]),
    needs: undefined,
  }))
  const { outcomes } = replica.applyAll([{ bytes: crossing(400), needs: undefined }, ...honest])
  assert.is((outcomes[0] as Rejection).reason, 'too_costly')
  assert.ok(outcomes.slice(1).every((outcome) => !(outcome instanceof Rejection)))
  assert.is(replica.doc.getMap('map').size, 51)
})

test('a state of the store with many values of one key is loaded as Yjs would', () => {
  const whole = docOf(98)
  for (const update of [oneKey(20), crossing(5)]) Y.applyUpdate(whole, update)
  const state = Y.encodeStateAsUpdateV2(whole)
  const loaded = docOf(97)
  mergeOwnState(loaded, state, undefined)
  assert.equal(orderOf(loaded), orderOf(whole))
  assert.equal(Y.encodeStateVector(loaded), Y.encodeStateVector(whole))
})

test('a state of the store keeps values with any keys', () => {
  const value = JSON.parse('{"a":{"__proto__":{"b":1}},"list":[{"__proto__":2,"constructor":3}]}')
  const writer = docOf(96)
  writer.getMap('map').set('k', value)
  const state = Y.encodeStateAsUpdateV2(writer)
  const [loaded, converted] = [docOf(95), docOf(94)]
  mergeOwnState(loaded, state, undefined)
  assert.ok(mergeOwn(converted, stateToUpdate(state), undefined))
  for (const doc of [loaded, converted]) {
    assert.is(JSON.stringify(doc.getMap('map').get('k')), JSON.stringify(value))
    assert.equal(Y.encodeStateAsUpdate(doc), Y.encodeStateAsUpdate(writer))
  }
})

test('a state of the store whose predecessors are missing waits inside the document', () => {
  const [a, b] = [docOf(1), docOf(2)]
  a.getArray('list').push([1])
  Y.applyUpdate(b, Y.encodeStateAsUpdate(a))
  b.getArray('list').push([2])
  const state = Y.encodeStateAsUpdateV2(b, Y.encodeStateVector(a))
  const loaded = docOf(3)
  mergeOwnState(loaded, state, undefined)
  assert.ok(loaded.store.pendingStructs !== null)
  Y.applyUpdate(loaded, Y.encodeStateAsUpdate(a))
  assert.equal(loaded.getArray('list').toJSON(), [1, 2])
})

test('too_many: more structs than twice a large map', () => {
  const bytes = forge([{ writer: 3, structs: times(300, () => forged.gc(1)) }])
  const replica = replicaOf(9, { limits: { ...LIMITS, entries: 200 } })
  assert.is(rejectionReasonOf(replica, bytes), 'too_many')
})

test.run()
