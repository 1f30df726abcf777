/** The causal gate, by itself and in front of a replica: what was visible never vanishes. */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { CausalGate, type HeldUpdate } from '../../crdt/gate.ts'
import {
  type Clocks,
  type Delta,
  type EncodedUpdate,
  emptyDeletes,
  isEmptyDelta,
  LIMITS,
  type Rejection,
  type Replica,
  takeChunk,
} from '../../crdt/index.ts'
import { assertConverged, change, forge, forged, give, replicaOf, settle } from '../helpers/docs.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gate')

const clocks = (of: Record<number, number>): Clocks =>
  new Map(Object.entries(of).map(([writer, clock]) => [Number(writer), clock]))

/**
 * An update that waits: its bytes, what must come before it, what it carries, what must come with
 * it.
 */
const held = (
  bytes: number[],
  missing: Record<number, number>,
  carried: Record<number, [from: number, to: number]> = { 70: [0, 1] },
  needs: Record<number, number> = {},
): HeldUpdate => ({
  bytes: new Uint8Array(bytes),
  missing: clocks(missing),
  needs: clocks(needs),
  carried: {
    structs: new Map(
      Object.entries(carried).map(([writer, [from, to]]) => [Number(writer), { from, to }]),
    ),
    deletes: emptyDeletes(),
  },
})

const clocksOf =
  (clocks: Record<number, number>) =>
  (writer: number): number =>
    clocks[writer] ?? 0

const bytesOf = (updates: readonly HeldUpdate[]): number[][] =>
  updates.map(({ bytes }) => [...bytes])

/** Each local transaction of the replica, encoded when it ended. */
const record = (replica: Replica): Uint8Array[] => {
  const updates: Uint8Array[] = []
  replica.onLocal = () => {
    for (const delta of replica.takeLocal()) updates.push(replica.encode(delta).bytes)
  }
  return updates
}

test('an update waits until every writer has reached its clock', () => {
  const gate = new CausalGate(LIMITS)
  gate.hold(held([1], { 1: 5 }))
  gate.hold(held([2, 2], { 1: 2, 2: 1 }))
  gate.hold(held([3], { 1: 5 }))
  assert.is(gate.size, 3)
  assert.is(gate.bytes, 4)
  assert.equal(gate.release(clocksOf({ 1: 4 })), [])
  assert.equal(bytesOf(gate.release(clocksOf({ 1: 5 }))), [[1], [3]])
  assert.equal(bytesOf(gate.release(clocksOf({ 1: 5, 2: 1 }))), [[2, 2]])
  assert.is(gate.size, 0)
  assert.is(gate.bytes, 0)
  assert.is(gate.dropped, 0)
})

test('a chain is released at once, in the order in which it can be merged', () => {
  const gate = new CausalGate(LIMITS)
  gate.hold(held([3], { 1: 3, 2: 9 }, { 1: [3, 4] }))
  gate.hold(held([2], { 1: 2 }, { 1: [2, 3], 2: [5, 9] }))
  gate.hold(held([1], { 1: 1 }, { 1: [1, 2] }))
  assert.equal(gate.release(clocksOf({})), [])
  assert.equal(
    gate.reach(clocksOf({ 1: 1, 2: 5 })),
    new Map([
      [1, 4],
      [2, 9],
    ]),
  )
  assert.equal(bytesOf(gate.release(clocksOf({ 1: 1, 2: 5 }))), [[1], [2], [3]])
  assert.is(gate.size, 0)
})

test('updates that need one another are released together, and not before', () => {
  const gate = new CausalGate(LIMITS)
  gate.hold(held([1], {}, { 1: [0, 1] }, { 2: 1 }))
  assert.equal(gate.release(clocksOf({})), [])
  gate.hold(held([2], { 1: 1 }, { 2: [0, 1] }, { 3: 1 }))
  assert.equal(gate.release(clocksOf({})), [])
  gate.hold(held([9], { 9: 1 }, { 4: [0, 1] }))
  gate.hold(held([3], { 2: 1 }, { 3: [0, 1] }))
  assert.equal(bytesOf(gate.release(clocksOf({}))), [[1], [2], [3]])
  assert.equal(gate.size, 1)
})

test('an update that needs what no peer has holds up only what depends on it', () => {
  const gate = new CausalGate(LIMITS)
  gate.hold(held([1], {}, { 1: [0, 1] }, { 99: 1 }))
  gate.hold(held([2], { 1: 1 }, { 1: [1, 2] }))
  gate.hold(held([3], { 5: 1 }, { 2: [0, 1] }))
  assert.equal(bytesOf(gate.release(clocksOf({ 5: 1 }))), [[3]])
  assert.equal(bytesOf(gate.release(clocksOf({ 5: 1, 99: 1 }))), [[1], [2]])
})

test('an update that came another way need not wait any longer', () => {
  const gate = new CausalGate(LIMITS)
  gate.hold(held([1], { 1: 5 }, { 1: [5, 7] }, { 99: 1 }))
  assert.equal(gate.release(clocksOf({ 1: 7 })), [])
  assert.is(gate.size, 0)
  assert.is(gate.bytes, 0)
  assert.is(gate.dropped, 0)
})

test('a waiting update is kept once, however often it comes', () => {
  const gate = new CausalGate(LIMITS)
  for (let i = 0; i < 5; i++) gate.hold(held([1, 2, 3], { 1: 5 }))
  assert.is(gate.size, 1)
  assert.is(gate.bytes, 3)
  assert.is(gate.dropped, 0)
})

test('a gate full by number drops and counts the oldest', () => {
  const gate = new CausalGate({ waitingBytes: 1_000, waitingUpdates: 2 })
  for (let i = 1; i <= 5; i++) gate.hold(held([i], { 1: 1 }))
  assert.is(gate.size, 2)
  assert.is(gate.dropped, 3)
  assert.equal(bytesOf(gate.release(clocksOf({ 1: 1 }))), [[4], [5]])
})

test('a gate full by bytes drops as many of the oldest as needed', () => {
  const gate = new CausalGate({ waitingBytes: 10 + 2 * 200, waitingUpdates: 100 })
  gate.hold(held([1, 1, 1, 1], { 1: 1 }))
  gate.hold(held([2, 2, 2, 2], { 1: 1 }))
  gate.hold(held([3, 3, 3, 3, 3, 3], { 1: 1 }))
  assert.is(gate.bytes, 10)
  assert.is(gate.dropped, 1)
  gate.hold(held(Array(211).fill(0), { 1: 1 }))
  assert.is(gate.size, 0, 'one too large for the gate goes itself')
  assert.is(gate.bytes, 0)
  assert.is(gate.dropped, 4)
})

test('what an update needs counts by the memory that it takes', () => {
  const gate = new CausalGate({ waitingBytes: 110_000, waitingUpdates: 100 })
  const needs = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [i, 1]))
  for (let i = 0; i < 5; i++) gate.hold(held([i], { 1000: 1 }, { 1001: [0, 1] }, needs))
  assert.is(gate.size, 2)
  assert.is(gate.dropped, 3)
  const free = clocksOf({ 1000: 1, ...needs })
  assert.is(gate.release(free).length, 2)
  gate.hold(held([9], { 1000: 1 }, { 1001: [0, 1] }, needs))
  gate.hold(held([8], { 1000: 1 }, { 1001: [0, 1] }, needs))
  assert.is(gate.size, 2, 'what went out leaves room')
})

test('a delete of what is not yet written does not wait for it', () => {
  const [honest, other] = [replicaOf(1), replicaOf(2)]
  for (let i = 0; i < 500; i++) assert.is(other.apply(forge([], [[1, i, 1]])).status, 'waiting')
  for (let round = 0; round < 12; round++) {
    // Sending it again gives it no more time.
    other.apply(forge([], [[1, 0, 1]]))
    other.endRound()
  }
  assert.is(other.waiting.updates, 0)
  assert.is(other.waiting.dropped, 500)
  for (let i = 0; i < 10; i++) honest.doc.getMap('map').set(`k${i}`, i)
  give(honest, other)
  assert.is(other.doc.getMap('map').size, 10)
  assert.is(other.digest, honest.digest)
})

test('a delete waits some rounds for what it deletes, and other updates for as long as it takes', () => {
  const sender = replicaOf(1)
  const updates = record(sender)
  const map = sender.doc.getMap('map')
  map.set('k', 1)
  map.delete('k')
  map.set('l', 1)
  map.set('m', 1)
  const [set, remove, ...others] = updates
  const receiver = replicaOf(2)
  assert.is(receiver.apply(remove!).status, 'waiting')
  assert.is(receiver.apply(others[1]!).status, 'waiting')
  for (let round = 0; round < 11; round++) receiver.endRound()
  receiver.apply(set!)
  assert.is(map.has('k'), receiver.doc.getMap('map').has('k'))
  for (let round = 0; round < 50; round++) receiver.endRound()
  assert.is(receiver.waiting.updates, 1)
  receiver.apply(others[0]!)
  assert.equal(receiver.doc.getMap('map').toJSON(), { l: 1, m: 1 })
})

test('writers without structs take no place', () => {
  const replica = replicaOf(9)
  const empty = Array.from({ length: 1_000 }, (_, i) => ({ writer: 2 ** 40 + i, structs: [] }))
  assert.is(replica.apply(forge(empty)).status, 'known')
  assert.is(replica.clocks.size, 0)
  assert.is(replica.syncRequest(true).vector.length, 1)
})

test('a replica bounds what waits by number and bytes, and drops the oldest', () => {
  const sender = replicaOf(1)
  const updates = record(sender)
  for (let i = 0; i < 21; i++) sender.doc.getMap('map').set('k', i)
  const few = replicaOf(2, { limits: { ...LIMITS, waitingUpdates: 5 } })
  for (const update of updates.slice(1)) assert.is(few.apply(update).status, 'waiting')
  assert.equal({ ...few.waiting, bytes: 0 }, { updates: 5, bytes: 0, dropped: 15 })
  const small = replicaOf(3, { limits: { ...LIMITS, waitingBytes: 1_000 } })
  for (const update of updates.slice(1)) small.apply(update)
  assert.ok(small.waiting.bytes <= 100 && small.waiting.updates > 0)
  assert.is(small.waiting.updates + small.waiting.dropped, 20)
  // Repair brings what was dropped.
  for (const replica of [few, small]) {
    give(sender, replica)
    assertConverged([sender, replica])
    assert.is(replica.waiting.updates, 0, 'what came by repair need not wait any more')
  }
})

test('1,000 updates in reverse order merge all at once when the first arrives', () => {
  const sender = replicaOf(1)
  const updates = record(sender)
  for (let i = 0; i < 1_000; i++) sender.doc.getMap('map').set(`k${i % 50}`, i)
  const receiver = replicaOf(2)
  for (const update of updates.slice(1).reverse()) {
    assert.is(receiver.apply(update).status, 'waiting')
    assert.is(receiver.version, 0)
  }
  assert.is(receiver.waiting.updates, 999)
  const { status, delta, thrown } = receiver.apply(updates[0]!)
  assert.is(status, 'new')
  assert.equal(thrown, [])
  assert.equal(delta.structs, new Map([[1, { from: 0, to: 1_000 }]]))
  assert.equal(receiver.waiting, { updates: 0, bytes: 0, dropped: 0 })
  assertConverged([sender, receiver])
})

test('any order and losses: a visible key never vanishes', () => {
  eachSeed(30, (random) => {
    const senders = [replicaOf(1), replicaOf(2)]
    const logs = senders.map(record)
    const KEYS = 12
    for (let i = 0; i < KEYS; i++) senders[0]!.doc.getMap('map').set(`k${i}`, 'first')
    settle(senders)
    for (let i = 0; i < 150; i++) {
      const sender = random.pick(senders)
      sender.doc.getMap('map').set(`k${random.int(0, KEYS - 1)}`, i)
      if (random.chance(0.2)) settle(senders)
    }
    settle(senders)
    const receiver = replicaOf(9)
    const map = receiver.doc.getMap('map')
    for (const update of logs[0]!.slice(0, KEYS)) receiver.apply(update)
    assert.is(map.size, KEYS)
    const sizes = new Set<number>()
    map.observe(() => sizes.add(map.size))
    // Reordered within a window of 20, one in ten lost.
    const waiting = [...logs[0]!.slice(KEYS), ...logs[1]!]
    let held = 0
    while (waiting.length > 0) {
      const [update] = waiting.splice(random.int(0, Math.min(19, waiting.length - 1)), 1)
      if (random.chance(0.1)) continue
      if (receiver.apply(update!).status === 'waiting') held++
      assert.is(map.size, KEYS, 'a key vanished')
      assert.is(receiver.doc.store.pendingStructs, null)
      assert.is(receiver.doc.store.pendingDs, null)
    }
    assert.ok(held > 0, 'nothing was held back')
    give(senders[0]!, receiver)
    assert.is(receiver.waiting.updates, 0)
    assert.equal([...sizes], [KEYS])
    assertConverged([...senders, receiver])
  })
})

test('gaps: own clock, origin, right origin, parent and delete are all found', () => {
  const first = forge([
    {
      writer: 1,
      structs: [forged.map({ key: 'held' }), forged.any({ parent: 'list' }, ['x', 'y'])],
    },
  ])
  const gaps: Record<string, Uint8Array> = {
    'own clock': forge([{ writer: 1, clock: 3, structs: [forged.any({ key: 'b' }, [1])] }]),
    origin: forge([{ writer: 2, structs: [forged.any({ origin: [1, 2] }, [1])] }]),
    'right origin': forge([{ writer: 2, structs: [forged.any({ right: [1, 1] }, [1])] }]),
    parent: forge([{ writer: 2, structs: [forged.any({ parent: [1, 0], key: 'in' }, [1])] }]),
    delete: forge([], [[1, 2, 1]]),
    'delete beside a struct': forge(
      [{ writer: 2, structs: [forged.any({ key: 'c' }, [1])] }],
      [[1, 0, 1]],
    ),
  }
  for (const [kind, update] of Object.entries(gaps)) {
    const replica = replicaOf(9)
    const empty = replica.digest
    assert.is(replica.apply(update).status, 'waiting', kind)
    assert.is(replica.digest, empty, kind)
    assert.is(replica.waiting.updates, 1, kind)
    assert.is(replica.apply(first).status, 'new', kind)
    assert.is(replica.waiting.updates, 0, kind)
    assert.is(replica.doc.store.pendingStructs, null, kind)
    const straight = replicaOf(8)
    for (const bytes of [first, update]) straight.apply(bytes)
    assert.is(replica.digest, straight.digest, kind)
  }
})

test('a released update is inspected again, and only then a circle of writers is found', () => {
  const replica = replicaOf(9)
  // Each of 3 and 4 needs the other first, and 3 needs what 1 has not sent yet.
  const circle = forge([
    {
      writer: 3,
      structs: [forged.any({ parent: [1, 0], key: 'a' }, [1]), forged.any({ origin: [4, 0] }, [2])],
    },
    { writer: 4, structs: [forged.any({ origin: [3, 1] }, [3])] },
  ])
  assert.is(replica.apply(circle).status, 'waiting')
  const first = forge([{ writer: 1, structs: [forged.map({ key: 'k' })] }])
  const { status, thrown } = replica.apply(first)
  assert.is(status, 'new')
  assert.equal(
    thrown.map((error) => (error as Rejection).reason),
    ['malformed'],
  )
  assert.is(replica.version, 1)
  assert.is(replica.waiting.updates, 0)
})

test('nested types come in backwards, to any depth', () => {
  const nest = (writer: number, from: string | [number, number]): Uint8Array =>
    forge([
      {
        writer,
        structs: Array.from({ length: 400 }, (_, i) =>
          forged.map({ key: 'k', parent: i === 0 ? from : [writer, i - 1] }),
        ),
      },
    ])
  const replica = replicaOf(9)
  assert.is(replica.apply(nest(2, [1, 399])).status, 'waiting')
  const { status, thrown } = replica.apply(nest(1, 'map'))
  assert.is(status, 'new')
  assert.equal(thrown, [])
  assert.is(replica.version, 800)
})

test('another provider’s update frees what waited, with the next update', () => {
  const sender = replicaOf(1)
  const updates = record(sender)
  for (let i = 0; i < 4; i++) sender.doc.getMap('map').set('k', i)
  const receiver = replicaOf(2)
  receiver.apply(updates[3]!)
  for (const update of updates.slice(0, 3)) Y.applyUpdate(receiver.doc, update, 'disk')
  assert.is(receiver.waiting.updates, 1)
  const { status, delta } = receiver.apply(updates[0]!)
  assert.is(status, 'new')
  assert.equal(delta.structs, new Map([[1, { from: 3, to: 4 }]]))
  assertConverged([sender, receiver])
})

test('lazy encoding, reordering and losses: no key is missing unless it was deleted', () => {
  // Replicas relay what was new to them, as gossip does. The bytes are made late, when some of it
  // has been overwritten already, also by writers that the receiver does not know.
  eachSeed(40, (random) => {
    const KEYS = 6
    const replicas = [1, 2, 3, 4].map((writer) => replicaOf(writer))
    for (let i = 0; i < KEYS; i++) replicas[0]!.doc.getMap('map').set(`k${i}`, 'first')
    settle(replicas)
    for (const replica of replicas) replica.takeLocal()
    for (const [i, { doc }] of replicas.entries()) {
      const map = doc.getMap('map')
      map.observe(() => assert.is(map.size, KEYS, `a key vanished at ${i + 1}`))
    }
    const pending: { from: Replica; to: Replica; delta: Delta }[] = []
    const wire: { to: Replica; update: EncodedUpdate }[] = []
    const tell = (from: Replica, delta: Delta) => {
      for (const to of replicas)
        if (to !== from && random.chance(0.7)) pending.push({ from, to, delta })
    }
    for (let step = 0; step < 150; step++) {
      const replica = random.pick(replicas)
      if (random.chance(0.4)) {
        replica.doc.getMap('map').set(`k${random.int(0, KEYS - 1)}`, step)
        for (const delta of replica.takeLocal()) tell(replica, delta)
      }
      if (pending.length > 0 && random.chance(0.7)) {
        const [taken] = pending.splice(random.int(0, pending.length - 1), 1)
        const { from, to, delta } = taken!
        wire.push({ to, update: from.encode(delta) })
      }
      if (wire.length > 0 && random.chance(0.7)) {
        const [message] = wire.splice(random.int(0, wire.length - 1), 1)
        if (random.chance(0.1)) continue
        const { to, update } = message!
        const { delta, thrown } = to.apply(update.bytes, update.needs)
        assert.equal(thrown, [])
        if (!isEmptyDelta(delta)) tell(to, delta)
      }
      for (const { doc } of replicas) assert.is(doc.getMap('map').size, KEYS, 'a key vanished')
    }
    settle(replicas)
    assertConverged(replicas)
  })
})

/** What the receiver lacks, in chunks. */
const piecesFor = (sender: Replica, receiver: Replica, maxBytes: number): Delta[] => {
  const chunks: Delta[] = []
  for (
    let rest: Delta | undefined = sender.lacking(receiver.decode(receiver.syncRequest()));
    rest;
  ) {
    const cut = takeChunk(sender.doc, rest, maxBytes)
    chunks.push(cut.chunk)
    rest = cut.rest
  }
  return chunks
}

test('chunks of often overwritten keys are merged together in any order, and none ever vanishes', () => {
  eachSeed(20, (random) => {
    const sender = replicaOf(1)
    const receiver = replicaOf(2)
    const map = sender.doc.getMap('map')
    for (let i = 0; i < 10; i++) map.set(`k${i}`, 0)
    give(sender, receiver)
    for (let n = 1; n <= 30; n++) for (let i = 0; i < 10; i++) map.set(`k${i}`, n)
    const chunks = piecesFor(sender, receiver, 300)
    assert.ok(chunks.length > 3)
    const sizes = new Set<number>()
    receiver.doc.getMap('map').observe(() => sizes.add(receiver.doc.getMap('map').size))
    for (const chunk of random.shuffle(chunks)) {
      const { bytes, needs } = sender.encode(chunk)
      assert.equal(receiver.apply(bytes, needs).thrown, [])
    }
    assert.equal([...sizes], [10])
    assert.equal(receiver.waiting, { updates: 0, bytes: 0, dropped: 0 })
    assertConverged([sender, receiver])
  })
})

test('what waits after a lost chunk is not requested again, and the next answer completes it', () => {
  const sender = replicaOf(1)
  const receiver = replicaOf(2)
  for (let i = 0; i < 200; i++) sender.doc.getMap('map').set(`k${i}`, i)
  const [first, lost, ...others] = piecesFor(sender, receiver, 300)
  for (const chunk of [first!, ...others]) {
    const { bytes, needs } = sender.encode(chunk)
    receiver.apply(bytes, needs)
  }
  assert.is(receiver.version, first!.structs.get(1)!.to)
  assert.is(receiver.waiting.updates, others.length)
  // Each waits for its predecessor, so everything from the hole on is requested.
  const lacking = sender.lacking(receiver.decode(receiver.syncRequest(true)))
  assert.equal(lacking.structs.get(1), { from: lost!.structs.get(1)!.from, to: 200 })
  assert.is(receiver.apply(sender.encode(lost!).bytes).status, 'new')
  assertConverged([sender, receiver])
  assert.is(receiver.waiting.updates, 0)
})

test('syncRequest(true) counts as known what waits only for its needs; syncRequest() does not', () => {
  const sender = replicaOf(1)
  const receiver = replicaOf(2)
  const map = sender.doc.getMap('map')
  map.set('k', 0)
  give(sender, receiver)
  for (let i = 1; i <= 50; i++) map.set(i % 2 === 0 ? 'k' : `k${i}`, i)
  const [first, ...others] = piecesFor(sender, receiver, 300)
  const { bytes, needs } = sender.encode(first!)
  assert.ok(needs.size > 0)
  assert.is(receiver.apply(bytes, needs).status, 'waiting')
  const { to } = first!.structs.get(1)!
  assert.is(receiver.decode(receiver.syncRequest()).clocks.get(1), 1)
  assert.is(receiver.decode(receiver.syncRequest(true)).clocks.get(1), to)
  // The answer to the shorter request completes what waits.
  const rest = sender.encode(sender.lacking(receiver.decode(receiver.syncRequest(true))))
  assert.is(receiver.apply(rest.bytes, rest.needs).status, 'new')
  assert.ok(others.length > 0)
  assert.is(receiver.waiting.updates, 0)
  assertConverged([sender, receiver])
})

test('random histories in random order end equal, with nothing waiting', () => {
  eachSeed(20, (random) => {
    const senders = [1, 2, 3].map((writer) => replicaOf(writer))
    const logs = senders.map(record)
    for (let i = 0; i < 60; i++) {
      change(random.pick(senders).doc, random)
      if (random.chance(0.2)) give(random.pick(senders.slice(0, 2)), senders[2]!)
    }
    const receiver = replicaOf(9)
    for (const update of random.shuffle(logs.flat())) receiver.apply(update)
    assert.equal(receiver.waiting, { updates: 0, bytes: 0, dropped: 0 })
    settle([...senders, receiver])
    assertConverged([...senders, receiver])
  })
})

test.run()
