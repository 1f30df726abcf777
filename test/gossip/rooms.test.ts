/**
 * Documents that only some members have (rooms): those that have one learn of it and are repaired,
 * and the others are left alone as soon as it is known what they have.
 */
import * as assert from 'uvu/assert'
import { LIMITS, Replica } from '../../crdt/index.ts'
import type { GossipEvent } from '../../src/gossip/index.ts'
import { nodePlatform } from '../../src/platform.ts'
import { docOf } from '../helpers/docs.ts'
import {
  DOC,
  kindOf,
  type Member,
  type Message,
  packedState,
  pushText,
  readMessage,
  SWARM,
  Table,
} from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip: rooms')

let writers = 1_000

const join = (table: Table, member: Member, room: string): Replica => {
  const replica = new Replica(docOf(writers++), nodePlatform)
  member.gossip.open(room, replica)
  table.handle(member, { type: 'wake' })
  return replica
}

const about = (messages: readonly Message[], room: string): Message[] =>
  messages.filter((message) => readMessage(message).state.has(room))

const reasonsOf = ({ effects }: Member): string[] =>
  effects.flatMap((effect) => (effect.type === 'refused' ? [effect.reason] : []))

/** Every member has sent its digests to every other. */
const acquaint = (table: Table, members: readonly Member[]): void => {
  for (let round = 0; round < members.length; round++) {
    for (const member of members) table.round(member)
    table.advance(1_000)
  }
}

test('a room that two of five have: pushes go only to the other, once it is known which peer has what', () => {
  const table = new Table()
  const all = table.seat('a', 'b', 'c', 'd', 'e')
  const [a, , c] = all
  const [ra, rc] = [join(table, a, 'room'), join(table, c, 'room')]
  acquaint(table, all)
  for (let i = 0; i < 10; i++) {
    ra.doc.getMap('m').set('k', i)
    table.change(a)
    const messages = about(table.advance(1_000), 'room')
    assert.ok(messages.length > 0)
    for (const { from, to } of messages) assert.equal([from, to].sort(), ['a', 'c'])
    assert.is(rc.doc.getMap('m').get('k'), i)
  }
  for (const member of all) assert.equal(reasonsOf(member), [])
})

test('the digest after a push goes to those that have the room', () => {
  const table = new Table({ config: { digestFanout: 3 } })
  const all = table.seat('a', 'b', 'c', 'd', 'e', 'f')
  const [a, b, c] = all
  const [ra, rb, rc] = [join(table, a, 'room'), join(table, b, 'room'), join(table, c, 'room')]
  acquaint(table, all)
  ra.doc.getMap('m').set('k', 1)
  table.change(a)
  // The push is lost, so only the digest helps.
  const pushed = table.advance(30, () => true)
  assert.ok(about(pushed, 'room').length > 0)
  table.advance(2_000)
  for (const replica of [rb, rc]) assert.is(replica.digest, ra.digest)
})

test('rounds repair a room that only one of many has, too', () => {
  const table = new Table({ config: { fanout: 2 } })
  const names = Array.from({ length: 20 }, (_, i) => `p${i}`)
  const all = table.seat(...names)
  const [a, , , , e] = all
  const [ra, re] = [join(table, a!, 'room'), join(table, e!, 'room')]
  acquaint(table, all)
  ra.doc.getMap('m').set('k', 1)
  table.change(a!)
  table.advance(200, () => true) // lost
  assert.is.not(re.digest, ra.digest)
  table.round(a!)
  table.advance(1_000)
  assert.is(re.digest, ra.digest, 'by the next round, although others had their turn, too')
})

test('a room that is opened later is found, and brings what it had', () => {
  const table = new Table()
  const all = table.seat('a', 'b', 'c')
  const ra = join(table, all[0], 'room')
  ra.doc.getMap('m').set('k', 1)
  table.change(all[0])
  table.advance(1_000)
  acquaint(table, all)
  const rc = join(table, all[2], 'room')
  table.advance(1_000)
  assert.is(rc.digest, ra.digest)
  // The other way round: the member that opens it has something.
  const doc = docOf(99)
  doc.getMap('m').set('later', 2)
  const rb = new Replica(doc, nodePlatform)
  all[1].gossip.open('room', rb)
  table.change(all[1])
  table.advance(2_000)
  for (const replica of [ra, rb, rc]) assert.is(replica.doc.getMap('m').get('later'), 2)
})

test('a document that is not open: its digest is accepted, an update and a vector are counted, and nothing is reported', () => {
  const table = new Table()
  const a = table.add('a')
  const say = (state: Parameters<typeof pushText>[0]): void =>
    void table.deliver({ from: 'x', to: 'a', text: pushText(state) })
  say({ other: { digest: 'd'.repeat(22) } })
  assert.equal(a.gossip.counters.rejected, {})
  say({ other: { update: packedState(docOf(5)) } })
  say({ other: { digest: 'd'.repeat(22), vector: new Uint8Array([0]) } })
  say({ other: { awareness: new Uint8Array([0, 0]) } })
  assert.equal(a.gossip.counters.rejected, { unknown_document: 2 })
  assert.equal(reasonsOf(a), [])
})

test('peers soon stop sending a room that was closed here', () => {
  const table = new Table()
  const all = table.seat('a', 'b')
  const [a, b] = all
  const ra = join(table, a, 'room')
  join(table, b, 'room')
  acquaint(table, all)
  b.gossip.close('room')
  ra.doc.getMap('m').set('k', 1)
  table.change(a)
  assert.is(about(table.advance(1_000), 'room').length, 1, 'it does not know yet')
  assert.equal(reasonsOf(b), [])
  table.round(b)
  table.advance(1_000)
  // Its message names the one document that it has.
  ra.doc.getMap('m').set('k', 2)
  table.change(a)
  assert.is(about(table.advance(1_000), 'room').length, 0)
  const again = join(table, b, 'room')
  table.advance(1_000)
  assert.is(again.doc.getMap('m').get('k'), 2)
})

test('a peer that closes one room and opens another gets the new one', () => {
  const table = new Table()
  const all = table.seat('a', 'b')
  const [a, b] = all
  join(table, a, 'one')
  const two = join(table, a, 'two')
  join(table, b, 'one')
  acquaint(table, all)
  b.gossip.close('one')
  const other = join(table, b, 'two')
  table.advance(1_000)
  two.doc.getMap('m').set('k', 1)
  table.change(a)
  table.advance(100)
  assert.is(other.doc.getMap('m').get('k'), 1)
})

test('what is queued when the room is closed is returned as messages', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  const [ra, rb] = [join(table, a, 'room'), join(table, b, 'room')]
  table.advance(1_000)
  // A message to b is under way, and does not end.
  table.fate = () => 'hangs'
  table.round(a)
  ra.doc.getMap('m').set('k', 1)
  table.change(a)
  assert.is(table.handle(a, { type: 'flush' }).length, 0, 'a send to b is under way')
  const words = a.gossip.close('room')
  assert.equal(
    words.map(({ to }) => to),
    ['b'],
  )
  for (const { to, text } of words) table.deliver({ from: 'a', to, text })
  assert.is(rb.doc.getMap('m').get('k'), 1)
  assert.equal(a.gossip.close('room'), [])
})

test('a peer that fails gets no final message', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  const ra = join(table, a, 'room')
  join(table, b, 'room')
  table.advance(1_000)
  table.fate = () => 'failed'
  table.round(a)
  ra.doc.getMap('m').set('k', 1)
  table.change(a)
  table.handle(a, { type: 'flush' })
  assert.equal(a.gossip.close('room'), [])
})

test('peers of older agents, which do not report how many documents they have, get no further ones', () => {
  const table = new Table()
  const a = table.add('a')
  const replica = join(table, a, 'room')
  const text = pushText({ [DOC]: { digest: a.replica.digest } })
  assert.is(JSON.parse(text).documents, undefined)
  table.deliver({ from: 'old', to: 'a', text })
  table.advance(1_000)
  replica.doc.getMap('m').set('k', 1)
  a.map.set('k', 1)
  table.change(a)
  const messages = table.advance(1_000).filter(({ to }) => to === 'old')
  assert.ok(messages.length > 0)
  assert.is(about(messages, 'room').length, 0)
  assert.ok(messages.some((message) => kindOf(message).includes('update')))
})

test('a member reports how many documents it has', () => {
  const table = new Table()
  const [a] = table.seat('a', 'b')
  const documentsOf = (messages: readonly Message[]): unknown => readMessage(messages[0]!).documents
  assert.is(documentsOf(table.round(a)) ?? 1, 1)
  table.advance(1_000)
  join(table, a, 'room')
  table.advance(1_000)
  assert.is(documentsOf(table.round(a)), 2)
})

test('more rooms than one message may name go into several', () => {
  const table = new Table()
  const [a, b] = table.seat('a', 'b')
  for (let i = 0; i < LIMITS.documents + 10; i++) {
    for (const member of [a, b])
      member.gossip.open(`room ${i}`, new Replica(docOf(2_000 + i), nodePlatform))
  }
  table.round(a)
  table.advance(1_000)
  assert.equal([...reasonsOf(a), ...reasonsOf(b)], [])
  assert.ok(table.log.every((message) => readMessage(message).swarm === SWARM))
  assert.is(b.gossip.peers.get('a')?.digests.size, LIMITS.documents + 11)
})

test('an event names the documents that it concerns', () => {
  const table = new Table({ config: { batchMs: 20 } })
  const [a, b] = table.seat('a', 'b')
  for (const member of [a, b]) for (const room of ['one', 'two']) join(table, member, room)
  acquaint(table, [a, b])
  const concernedBy = (event: GossipEvent): readonly string[] | undefined => {
    a.gossip.handle(event, table.now)
    const { concerned } = a.gossip
    return concerned && [...concerned].sort()
  }
  assert.equal(concernedBy({ type: 'changed', document: 'one' }), ['one'])
  assert.equal(concernedBy({ type: 'pull', document: 'two' }), ['two'])
  const about = pushText({ two: { digest: '0'.repeat(22) } }, { sender: 'b' })
  assert.is(concernedBy({ type: 'message', from: 'b', text: about }), undefined, 'b has one now')
  assert.equal(concernedBy({ type: 'message', from: 'b', text: about }), ['two'])
  assert.is(concernedBy({ type: 'message', from: 'new', text: about }), undefined, 'a new peer')
  assert.is(concernedBy({ type: 'changed' }), undefined)
  assert.is(concernedBy({ type: 'sent', to: 'b' }), undefined)
  table.advance(1_000)
  join(table, a, 'three').doc.getMap('m').set('k', 1)
  assert.equal(concernedBy({ type: 'changed', document: 'one' }), ['one', 'three'])
  table.now += 20
  assert.is(concernedBy({ type: 'changed', document: 'one' }), undefined, 'the batch is due')
})

test('a document is opened once', () => {
  const a = new Table().add('a')
  assert.throws(() => a.gossip.open(DOC, a.replica), /open already/)
  a.gossip.close(DOC)
  a.gossip.open(DOC, a.replica)
  assert.is(a.gossip.statusOf('other'), undefined)
})

test.run()
