/**
 * The core as a state machine: what it rejects and reports, several documents side by side, when it
 * must be woken, and how long its messages are.
 */
import * as assert from 'uvu/assert'
import {
  type DocState,
  digestBytes,
  LIMITS,
  type Push,
  packUpdate,
  Replica,
} from '../../crdt/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { docOf, forge, imageOf } from '../helpers/docs.ts'
import {
  bytesOf,
  carriedBy,
  DOC,
  kindOf,
  type Member,
  noise,
  packedState,
  pushText,
  readMessage,
  SWARM,
  stateIn,
  Table,
} from '../helpers/gossip.ts'
import { eachSeed } from '../helpers/random.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: rejections, documents, time, sizes')

const BATCH_MS = 30

const source = (key = 'k', writer = 77) => {
  const doc = docOf(writer)
  doc.getMap('map').set(key, 1)
  return doc
}

const edited = (edit: (push: Record<string, unknown>) => void): string => {
  const push = JSON.parse(pushText({ [DOC]: { update: packedState(source()) } }))
  edit(push)
  return JSON.stringify(push)
}

const update = packedState(source())
const ownWriter = packedState(source('forged', 1)) // the first member's own writer id

const rejected: Record<string, { text: string; reason: string; isPeer: boolean }> = {
  'what is no JSON': { text: '{"type":"gossip_push"', reason: 'malformed', isPeer: false },
  'what is no push': { text: '{"type":"text"}', reason: 'malformed', isPeer: false },
  'another swarm': {
    text: pushText({ [DOC]: { update } }, { swarm: 'other' }),
    reason: 'wrong_swarm',
    isPeer: false,
  },
  'another format': {
    text: edited((push) => Object.assign(push, { format: 3 })),
    reason: 'wrong_format',
    isPeer: false,
  },
  'a longer message than allowed': {
    text: pushText({ [DOC]: { update: packedState(source(noise(60_000))) } }),
    reason: 'too_large',
    isPeer: false,
  },
  'more members than allowed': {
    text: pushText({ [DOC]: { update } }, { members: Array(65).fill('m') }),
    reason: 'too_many',
    isPeer: false,
  },
  'an update whose digest is another': {
    text: pushText({ [DOC]: { update: { ...update, digest: '0'.repeat(32) } } }),
    reason: 'damaged',
    isPeer: true,
  },
  'an update whose length is another': {
    text: pushText({ [DOC]: { update: { ...update, length: update.length + 1 } } }),
    reason: 'damaged',
    isPeer: true,
  },
  'an update under our own writer id': {
    text: pushText({ [DOC]: { update: ownWriter } }),
    reason: 'own_clock',
    isPeer: true,
  },
  'a vector that is none': {
    text: pushText({ [DOC]: { vector: new Uint8Array([255, 255, 255]) } }),
    reason: 'malformed',
    isPeer: true,
  },
}

for (const [name, { text, reason, isPeer }] of Object.entries(rejected)) {
  test(`${name} is rejected, counted and reported`, () => {
    const table = new Table({ limits: { ...LIMITS, messageBytes: 50_000 } })
    const [a] = table.seat('a', 'b')
    const before = imageOf(a.replica)
    table.deliver({ from: 'x', to: 'a', text })
    assert.equal(imageOf(a.replica), before, 'the document has changed')
    assert.equal(a.gossip.counters.rejected, { [reason]: 1 })
    assert.is(a.gossip.counters.pushesReceived, 1)
    assert.is(a.effects.length, 1)
    const [effect] = a.effects
    assert.is(effect!.type, 'refused')
    if (effect?.type !== 'refused') return
    assert.equal([effect.from, effect.reason], ['x', reason])
    assert.ok(effect.message.length > 0)
    assert.is(a.gossip.peers.get('x') !== undefined, isPeer)
    assert.ok(
      table.log.every(({ to }) => isPeer && to === 'x'),
      'passed on',
    )
    table.advance(BATCH_MS, ({ from }) => from === 'a')
    assert.not(
      table.log.some((m) => m.to === 'b'),
      'passed on',
    )
    // The core goes on: the next push is accepted.
    table.deliver({ from: 'x', to: 'a', text: pushText({ [DOC]: { update } }) })
    assert.is(a.map.get('k'), 1)
  })
}

test('a rejected document does not affect the other documents of the message', () => {
  const table = new Table()
  const a = table.add('a')
  const other = new Replica(docOf(5), nodePlatform)
  a.gossip.open('other', other)
  const text = pushText({
    [DOC]: { update: { ...update, digest: '0'.repeat(32) } },
    elsewhere: { update },
    other: { update },
  })
  table.deliver({ from: 'x', to: 'a', text })
  assert.is(a.map.size, 0)
  assert.is(other.doc.getMap('map').get('k'), 1)
  assert.equal(a.gossip.counters.rejected, { damaged: 1, unknown_document: 1 })
})

test('an update that is rejected after it had waited is reported with the peer that freed it', () => {
  const table = new Table({ limits: { ...LIMITS, clockJump: 100 } })
  const [a] = table.seat('a', 'b')
  const doc = docOf(77)
  doc.getMap('map').set('k', 1)
  const first = packedState(doc)
  const held = new Table({ config: { fanout: 1 } })
  const s = held.add('s', { doc })
  s.gossip.peers.add('a', 'given')
  for (let i = 0; i < 200; i++) doc.getMap('map').set('k', i)
  held.change(s)
  const [late] = held.advance(BATCH_MS, () => true)
  table.deliver({ from: 'b', to: 'a', text: late!.text })
  table.deliver({ from: 'b', to: 'a', text: pushText({ [DOC]: { update: first } }) })
  assert.is(a.map.get('k'), 1)
  assert.equal(a.gossip.counters.rejected, { clock_jump: 1 })
})

test('a delete of what is not yet written is forgotten after some rounds', () => {
  const table = new Table()
  const [a] = table.seat('a', 'b')
  const bytes = forge([], [[77, 0, 1]])
  const hostile = packUpdate(
    { bytes, digest: digestBytes(bytes, nodePlatform), needs: new Map() },
    nodePlatform,
  )
  table.deliver({ from: 'b', to: 'a', text: pushText({ [DOC]: { update: hostile } }) })
  assert.is(a.replica.waiting.updates, 1)
  table.advance(a.gossip.config.intervalMs * 20)
  assert.is(a.replica.waiting.updates, 0)
  table.deliver({ from: 'b', to: 'a', text: pushText({ [DOC]: { update } }) })
  assert.is(a.map.get('k'), 1)
})

test('an observer that throws is reported, and the update is merged and passed on', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  const thrown = new Error('observer')
  a.map.observe(() => {
    throw thrown
  })
  table.deliver({ from: 'x', to: 'a', text: pushText({ [DOC]: { update } }) })
  assert.is(a.map.get('k'), 1)
  assert.equal(a.effects, [{ type: 'observer_failed', document: DOC, error: thrown }])
  assert.equal(a.gossip.counters.rejected, {})
  table.advance(BATCH_MS)
  assert.is(b.map.get('k'), 1)
})

/** `a` and `b` share three documents. */
const threeDocuments = (config = {}) => {
  const table = new Table({ config })
  const [a, b] = table.seat('a', 'b')
  const open = (member: Member, name: string, writer: number) => {
    const replica = new Replica(docOf(writer), nodePlatform)
    member.gossip.open(name, replica)
    return replica
  }
  const more = {
    a: { one: open(a, 'one', 11), two: open(a, 'two', 12) },
    b: { one: open(b, 'one', 21), two: open(b, 'two', 22) },
  }
  // Each announces to the other the two documents that were opened later.
  for (const member of [a, b]) table.change(member)
  table.settle()
  return { table, a, b, more }
}

test('several changed documents travel in one message, and stay separate', () => {
  const { table, a, b, more } = threeDocuments()
  a.map.set('in', 'kv')
  more.a.one.doc.getMap('map').set('in', 'one')
  more.a.two.doc.getMap('map').set('in', 'two')
  table.change(a)
  const sent = table.advance(BATCH_MS)
  assert.is(sent.length, 1)
  assert.equal([...readMessage(sent[0]!).state.keys()], [DOC, 'one', 'two'])
  assert.is(readMessage(sent[0]!).version, 3)
  assert.equal(b.map.toJSON(), { in: 'kv' })
  assert.equal(more.b.one.doc.getMap('map').toJSON(), { in: 'one' })
  assert.equal(more.b.two.doc.getMap('map').toJSON(), { in: 'two' })
})

test('several documents that differ take four messages together', () => {
  const { table, a, b, more } = threeDocuments({ batchMs: 1e8 })
  for (const [i, { doc }] of [a, b, more.a.one, more.b.two].entries()) doc.getMap('map').set('k', i)
  table.round(a)
  const seen = table.settle()
  assert.ok(seen.length <= 4, `${seen.length} messages`)
  assert.is(a.replica.digest, b.replica.digest)
  assert.is(more.a.one.digest, more.b.one.digest)
  assert.is(more.a.two.digest, more.b.two.digest)
})

test('a closed document is neither sent nor received any more, and the others go on', () => {
  const { table, a, b, more } = threeDocuments()
  more.a.one.doc.getMap('map').set('k', 1)
  a.map.set('k', 1)
  table.change(a)
  a.gossip.close('one')
  const [push] = table.advance(BATCH_MS)
  assert.equal([...readMessage(push!).state.keys()], [DOC])
  assert.is(b.map.get('k'), 1)
  assert.is(more.b.one.doc.getMap('map').size, 0)
  const text = pushText({ one: { update } })
  table.deliver({ from: 'b', to: 'a', text })
  assert.equal(a.gossip.counters.rejected, { unknown_document: 1 })
  const rounds = table.round(a)
  assert.equal([...readMessage(rounds[0]!).state.keys()], [DOC, 'two'])
})

test('a document that is closed while a message waits and a pull is open leaves nothing behind', () => {
  const { table, a } = threeDocuments()
  table.fate = () => 'hangs'
  table.round(a) // b is busy
  table.deliver({ from: 'b', to: 'a', text: pushText({ one: { digest: 'f'.repeat(22) } }) })
  a.gossip.close('one')
  table.fate = () => 'sent'
  assert.equal(table.handle(a, { type: 'sent', to: 'b' }), [])
  assert.is(a.gossip.wakeAt > table.now + 1e8, true, 'still waits for an answer')
})

test('a document closed and opened again as another gets earlier updates again', () => {
  const table = new Table()
  const a = table.add('a')
  const text = pushText({ [DOC]: { update } })
  table.deliver({ from: 'x', to: 'a', text })
  assert.is(a.map.get('k'), 1)
  a.gossip.close(DOC)
  const fresh = new Replica(docOf(4), nodePlatform)
  a.gossip.open(DOC, fresh)
  table.deliver({ from: 'x', to: 'a', text })
  assert.is(fresh.doc.getMap('map').get('k'), 1)
})

test('a document opened twice is a TypeError', () => {
  const a = new Table().add('a')
  assert.throws(() => a.gossip.open(DOC, a.replica), /"kv" is open already/)
})

test('waking at wakeAt moves it on, so that no caller spins', () => {
  eachSeed(60, (random) => {
    const table = new Table({
      config: {
        intervalMs: 1_000,
        jitter: 0.1,
        maxSends: random.int(1, 4),
        pullTimeoutMs: 500,
        batchMs: random.pick([0, 30]),
        backoffMs: 100,
      },
    })
    const [a] = table.seat('a', 'b', 'c', 'd', 'e', 'f')
    const events = [
      () => {
        a.map.set('k', random.int(0, 9))
        table.change(a)
      },
      () => table.round(a),
      () => {
        const digest = noise(32, random.int(0, 99)).replace(/[g-z]/g, '0')
        const from = random.pick(['b', 'c', 'd', 'new'])
        const states: DocState[] = [
          { digest },
          { digest, answer: true },
          { ...a.replica.syncRequest() },
        ]
        table.deliver({ from, to: 'a', text: pushText({ [DOC]: random.pick(states) }) })
      },
      () => table.handle(a, { type: 'sent', to: random.pick(['b', 'c', 'd']) }),
      () => table.handle(a, { type: 'failed', to: random.pick(['b', 'c', 'd', 'e']) }),
    ]
    for (let step = 0; step < 80; step++) {
      table.fate = () => random.pick(['sent', 'failed', 'hangs'])
      random.pick(events)()
      const { wakeAt } = a.gossip
      if (wakeAt === Number.POSITIVE_INFINITY || random.chance(0.4)) continue
      table.now = Math.max(table.now, wakeAt)
      table.handle(a, { type: 'wake' })
      assert.ok(a.gossip.wakeAt > table.now, `woken at ${table.now}, wants ${a.gossip.wakeAt}`)
    }
  })
})

test('while all places are taken, only timers wake it', () => {
  const table = new Table({ config: { maxSends: 2 } })
  const [a] = table.seat('a', 'b', 'c', 'd', 'e')
  for (const peer of a.gossip.peers) a.gossip.peers.reached(peer)
  table.fate = () => 'hangs'
  for (let i = 0; i < 5; i++) {
    a.map.set('k', i)
    table.change(a)
    table.advance(BATCH_MS)
  }
  assert.is(a.gossip.sending, 2)
  assert.ok(a.gossip.wakeAt > table.now + 1e8, 'woken, though nothing can be sent')
  table.fate = () => 'sent'
  const [first] = table.log
  const next = table.handle(a, { type: 'sent', to: first!.to })
  assert.ok(next.length > 0, 'the free place stays empty')
})

test('sends are limited to one at a time for each peer and maxSends for all', () => {
  eachSeed(20, (random) => {
    const maxSends = random.int(1, 5)
    const table = new Table({ config: { maxSends, fanout: 3 } })
    const [a] = table.seat('a', 'b', 'c', 'd', 'e', 'f', 'g')
    for (const { address } of a.gossip.peers) {
      table.deliver({
        from: address,
        to: 'a',
        text: pushText({ [DOC]: { digest: '0'.repeat(22) } }),
      })
    }
    table.advance(10_000, () => true)
    table.fate = () => 'hangs'
    const busy = new Set<string>()
    for (let step = 0; step < 100; step++) {
      a.map.set('k', step)
      table.change(a)
      const seen = table.log.length
      table.advance(random.int(0, 60))
      if (busy.size > 0 && random.chance(0.5)) {
        const to = random.pick([...busy])
        busy.delete(to)
        table.handle(a, { type: random.chance(0.7) ? 'sent' : 'failed', to })
      }
      for (const { to } of table.log.slice(seen)) {
        assert.not(busy.has(to), `two messages to ${to} at once`)
        busy.add(to)
      }
      assert.is(a.gossip.sending, busy.size)
      assert.ok(busy.size <= maxSends)
    }
  })
})

test('"sent" and "failed" for what was never sent change nothing', () => {
  const table = new Table()
  const [a] = table.seat('a', 'b')
  for (const type of ['sent', 'failed'] as const) {
    for (const to of ['b', 'stranger']) assert.equal(table.handle(a, { type, to }), [])
  }
  assert.is(a.gossip.sending, 0)
  assert.is(a.gossip.peers.get('b')!.failures, 0)
  assert.is(a.gossip.counters.sendsFailed, 0)
})

/** A map of 10,000 keys, at a member that knows twenty peers by their Pilot addresses. */
const large = () => {
  const address = (i: number) => `0:0000.0000.${(0xa000 + i).toString(16).toUpperCase()}`
  const table = new Table({ config: { membersIntroduced: 5 } })
  const a = table.add(address(0))
  a.doc.transact(() => {
    for (let i = 0; i < 10_000; i++) a.map.set(`key-${i}`, { name: `entry ${i}`, count: i })
  })
  for (let i = 1; i <= 20; i++) {
    const text = pushText({ [DOC]: { digest: '0'.repeat(22) } })
    table.deliver({ from: address(i), to: address(0), text })
  }
  table.advance(60_000, () => true)
  return { table, a }
}

test("a round's push of a map of 10,000 keys is shorter than 600 bytes", () => {
  const { table, a } = large()
  for (const message of table.round(a)) {
    assert.is(kindOf(message), 'digest')
    assert.is(readMessage(message).members.length, 5)
    assert.ok(bytesOf([message]) < 600, `${bytesOf([message])} bytes`)
  }
})

test('a change of one key in such a map is a push shorter than 600 bytes, also together with a round', () => {
  const { table, a } = large()
  a.map.set('key-5000', { name: 'entry 5000', count: -1 })
  table.change(a)
  table.now += BATCH_MS
  const sent = table.round(a)
  assert.ok(sent.length >= 3)
  for (const message of sent) assert.ok(bytesOf([message]) < 600, `${bytesOf([message])} bytes`)
  const [push] = sent.filter((m) => stateIn(m).update)
  assert.is(carriedBy(push!).structs.size, 1)
})

test('a message names its sender and time, and its five fields are those of the seed', () => {
  const table = new Table()
  const [a] = table.seat('a', 'b')
  a.map.set('k', 1)
  const [message] = table.round(a)
  const json = JSON.parse(message!.text) as Record<string, unknown>
  const expected: Partial<Record<keyof Push | 'type', unknown>> = {
    type: 'gossip_push',
    version: 1,
    sender: 'a',
    timestamp: String(table.now / 1000),
    swarm: SWARM,
  }
  for (const [field, value] of Object.entries(expected)) assert.is(json[field], value, field)
  assert.type(json.state, 'object')
})

test('counters match what was done', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  a.map.set('k', 1)
  table.change(a)
  const [push] = table.advance(BATCH_MS)
  table.deliver(push!)
  assert.equal([a.gossip.counters.pushesSent, a.gossip.counters.bytesSent], [1, push!.text.length])
  assert.equal(
    [b.gossip.counters.pushesReceived, b.gossip.counters.bytesReceived],
    [2, 2 * push!.text.length],
  )
  assert.is(b.gossip.counters.redundant, 1)
})

test('a digest from before our last change proves nothing about its sender', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  const hasDigest = (): [boolean, boolean] => [
    a.gossip.hasCurrentDigest(DOC, 'b'),
    a.replica.published.hasDigest(a.gossip.peers.get('b')?.digests.get(DOC) ?? ''),
  ]
  assert.equal(hasDigest(), [false, false])
  table.round(b)
  table.settle()
  assert.equal(hasDigest(), [true, true])
  const [before] = table.round(b)
  table.post.pop()
  a.map.set('k', 1)
  table.change(a)
  table.advance(BATCH_MS)
  assert.is(b.map.get('k'), 1)
  assert.equal(hasDigest(), [false, false], 'they are equal, but b has not sent its digest')
  table.deliver(before!)
  assert.equal(hasDigest(), [false, false], 'b sent that digest before it got the change')
  table.now += 2_000
  table.round(b)
  table.settle()
  assert.equal(hasDigest(), [true, true])
  b.map.set('k', 2)
  b.replica.takeLocal() // never pushed
  const [digest] = table.round(b)
  table.post.pop()
  table.deliver(digest!)
  assert.equal(hasDigest(), [true, false], 'b has sent another digest')
  table.settle()
  assert.is(a.map.get('k'), 2)
  assert.equal(hasDigest(), [true, true], 'what comes with a digest is not a change after it')
  assert.is(a.gossip.hasCurrentDigest('unknown', 'b'), false)
})

test.run()
