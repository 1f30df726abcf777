/** Do peers have what was written here? What counts as a proof, and what does not. */
import * as assert from 'uvu/assert'
import { type Delta, emptyDelta, encodePush, Replica } from '../../crdt/index.ts'
import { Unacknowledged } from '../../src/gossip/unacknowledged.ts'
import { nodePlatform } from '../../src/platform.ts'
import { docOf } from '../helpers/docs.ts'
import { DOC, type Member, packedState, pushText, readMessage, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: unacknowledged')

const sinceOf = ({ gossip }: Member): number | undefined =>
  gossip.statusOf(DOC)?.unacknowledgedSince
const syncsOf = ({ gossip }: Member): number => gossip.statusOf(DOC)!.syncs

const seatTwo = () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  table.round(a)
  table.round(b)
  table.advance(1_000)
  return { table, a, b }
}

const set = (table: Table, member: Member, key: string, value: unknown): void => {
  member.map.set(key, value)
  table.change(member)
}

test('a change is unacknowledged from when it was made, and a push that arrived proves nothing', () => {
  const { table, a, b } = seatTwo()
  assert.is(sinceOf(a), undefined)
  const at = table.now
  set(table, a, 'k', 1)
  table.advance(500)
  assert.is(b.map.get('k'), 1)
  assert.is(sinceOf(a), at)
})

test('an equal digest acknowledges everything', () => {
  const { table, a, b } = seatTwo()
  set(table, a, 'k', 1)
  table.advance(100)
  set(table, a, 'k', 2)
  table.advance(100)
  table.round(b)
  table.advance(100)
  assert.is(sinceOf(a), undefined)
})

test('a vector acknowledges what it covers', () => {
  const { table, a, b } = seatTwo()
  set(table, a, 'k', 1)
  table.advance(100)
  const later = table.now
  set(table, a, 'l', 1)
  const { vector, deletes } = b.replica.syncRequest()
  const text = pushText({ [DOC]: { vector, ...(deletes && { deletes }) } })
  table.deliver({ from: 'b', to: 'a', text })
  assert.is(sinceOf(a), later)
})

test('clocks alone acknowledge no delete', () => {
  const { table, a, b } = seatTwo()
  set(table, a, 'k', 1)
  table.advance(100)
  table.round(b)
  table.advance(100)
  const at = table.now
  a.map.delete('k')
  table.change(a)
  const { vector } = a.replica.syncRequest()
  table.deliver({ from: 'b', to: 'a', text: pushText({ [DOC]: { vector } }) })
  assert.is(sinceOf(a), at)
  const { deletes } = a.replica.syncRequest()
  table.deliver({ from: 'b', to: 'a', text: pushText({ [DOC]: { vector, deletes: deletes! } }) })
  assert.is(sinceOf(a), undefined)
})

test('the update that comes back is acknowledged', () => {
  const { table, a } = seatTwo()
  set(table, a, 'k', 1)
  const text = pushText({ [DOC]: { update: packedState(a.doc) } })
  table.deliver({ from: 'b', to: 'a', text })
  assert.is(sinceOf(a), undefined)
})

const askSoon = (member: Member): void => {
  member.gossip.close(DOC)
  member.gossip.open(DOC, member.replica, { confirmMs: 500 })
}

test('a peer is asked after a time, and its answer acknowledges', () => {
  const { table, a } = seatTwo()
  askSoon(a)
  table.change(a)
  table.advance(2_000)
  assert.is(sinceOf(a), undefined, 'nothing was written yet')
  set(table, a, 'k', 1)
  assert.ok(a.gossip.wakeAt <= table.now + 500)
  const messages = table.advance(600)
  assert.is(sinceOf(a), undefined)
  assert.ok(messages.some((message) => readMessage(message).state.get(DOC)?.vector))
  assert.is(table.advance(5_000).length, 0, 'and is left alone then')
})

test('an answer without a vector acknowledges, even if both have changed meanwhile', () => {
  const { table, a, b } = seatTwo()
  const at = table.now
  set(table, a, 'k', 1)
  table.advance(100)
  table.now++
  const [pull] = table.handle(a, { type: 'pull', document: DOC })
  assert.ok(pull)
  table.post.length = 0
  table.now++
  set(table, a, 'l', 1) // after it pulled
  const [answer] = table.deliver(pull)
  assert.is(sinceOf(a), at)
  table.deliver(answer!)
  assert.is(sinceOf(a), table.now, 'the second is not in what it answered')
  void b
})

test('an answer of a peer that is pulling from another does not acknowledge', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  for (const member of [a, b]) table.round(member)
  table.advance(1_000)
  // b lacks what a has written, and pulls from c.
  set(table, a, 'k', 1)
  table.advance(100, () => true)
  table.deliver({ from: 'c', to: 'b', text: pushText({ [DOC]: { digest: 'c'.repeat(22) } }) })
  table.post.length = 0
  table.now++
  const [pull] = table.handle(a, { type: 'pull', document: DOC })
  table.post.length = 0
  const [answer] = table.deliver(pull!)
  assert.is(readMessage(answer!).state.get(DOC)?.vector, undefined, 'it is asking c')
  table.deliver(answer!)
  assert.ok(sinceOf(a) !== undefined, 'no peer has it')
  assert.is(b.map.get('k'), undefined)
})

test('what a document contains when it is opened is unacknowledged until a peer has shown it', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  const doc = docOf(77)
  doc.getMap('m').set('k', 1)
  a.gossip.open('room', new Replica(doc, nodePlatform), { confirmMs: 500 })
  table.change(a)
  assert.is(a.gossip.statusOf('room')?.unacknowledgedSince, table.now)
  const rb = new Replica(docOf(78), nodePlatform)
  b.gossip.open('room', rb)
  table.change(b)
  table.advance(2_000)
  assert.is(a.gossip.statusOf('room')?.unacknowledgedSince, undefined)
  assert.is(rb.doc.getMap('m').get('k'), 1)
})

test('without peers a change stays unacknowledged forever, and costs no message', () => {
  const table = new Table()
  const a = table.add('a')
  askSoon(a)
  set(table, a, 'k', 1)
  const at = table.now
  assert.is(table.advance(60_000).length, 0)
  assert.is(sinceOf(a), at)
})

test('syncs counts what was merged of others, and nothing alone', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  set(table, b, 'k', 1)
  assert.is(syncsOf(a), 0)
  table.advance(100)
  assert.is(syncsOf(a), 0, 'a push is not all that the peer had')
  table.round(b)
  table.advance(100)
  assert.ok(syncsOf(a) > 0)
  assert.is(a.map.get('k'), 1)
})

test('a member that returns with what the others have is soon synced, though they send nothing', () => {
  const { table, a } = seatTwo()
  set(table, a, 'k', 1)
  table.advance(1_000)
  askSoon(a)
  table.change(a)
  assert.is(syncsOf(a), 0)
  table.advance(600)
  assert.ok(syncsOf(a) > 0)
  assert.is(table.advance(5_000).length, 0)
})

const change = (clock: number): Delta => ({
  ...emptyDelta(),
  structs: new Map([[1, { from: clock, to: clock + 1 }]]),
})

const known = (clock: number) => ({ clocks: new Map([[1, clock]]), deletes: undefined })

test('beyond 64 changes the newest are merged into one, and none is forgotten', () => {
  const unconfirmed = new Unacknowledged()
  for (let i = 0; i < 200; i++) unconfirmed.add(change(i), 1_000 + i)
  assert.is(unconfirmed.oldest, 1_000)
  unconfirmed.acknowledgeState(known(63))
  assert.is(unconfirmed.oldest, 1_063)
  unconfirmed.acknowledgeState(known(199))
  assert.is(unconfirmed.oldest, 1_063, 'of those that are one none is confirmed alone')
  unconfirmed.acknowledgeAll(1_198)
  assert.is(unconfirmed.oldest, 1_063)
  unconfirmed.acknowledgeState(known(200))
  assert.is(unconfirmed.oldest, undefined)
})

test('acknowledgeAll can be limited to changes up to a time', () => {
  const unconfirmed = new Unacknowledged()
  unconfirmed.add(change(0), 10)
  unconfirmed.add(change(1), 20)
  unconfirmed.acknowledgeAll(15)
  assert.is(unconfirmed.oldest, 20)
  unconfirmed.acknowledgeAll()
  assert.is(unconfirmed.oldest, undefined)
})

test('an empty push of a stranger acknowledges nothing', () => {
  const { table, a } = seatTwo()
  set(table, a, 'k', 1)
  const text = encodePush({
    version: 1,
    state: new Map([[DOC, { digest: 'd'.repeat(22), answer: true }]]),
    sender: 'x',
    timestamp: 1,
    swarm: 'table',
    members: [],
  })
  table.deliver({ from: 'x', to: 'a', text })
  assert.ok(sinceOf(a) !== undefined)
})

test.run()
