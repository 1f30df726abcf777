/**
 * What a document publishes of its own writer after a start, while another copy may use the same
 * id: nothing new, until a peer has shown that it knows no more, or no peer was there for a while.
 */
import * as assert from 'uvu/assert'
import * as Y from 'yjs'
import { DEFAULTS } from '../../src/gossip/index.ts'
import { docOf } from '../helpers/docs.ts'
import { DOC, idsIn, type Member, type Message, noise, stateIn, Table } from '../helpers/gossip.ts'
import { suite } from '../helpers/suite.ts'

const test = suite('gossip probation')

/** Milliseconds in which a fresh change is batched and sent. */
const BATCH_MS = 50
const { aloneMs } = DEFAULTS

/** A document in which writer 1 has written so many keys. */
const written = (count: number): Y.Doc => {
  const doc = docOf(1)
  for (let i = 0; i < count; i++) doc.getMap('map').set(`key-${i}`, i)
  return doc
}

const copyOf = (doc: Y.Doc, writer: number): Y.Doc => {
  const copy = new Y.Doc()
  Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc))
  copy.clientID = writer
  return copy
}

/** Started again: what is on disk was published up to that clock. */
const restart = (member: Member, published = member.replica.ownClock): void =>
  member.replica.withhold({ from: published, fresh: member.replica.ownClock })

/** The highest own clock in its messages, by updates and vectors. */
const highestClock = ({ log }: Table, from: string, writer = 1): number => {
  const clocks = log
    .filter((message) => message.from === from)
    .map((message) => {
      const { update, vector } = stateIn(message)
      const known = vector ? (Y.decodeStateVector(vector).get(writer) ?? 0) : 0
      if (update?.encoding !== 'v1') return known
      const bytes = new Uint8Array(Buffer.from(update.data, 'base64'))
      return Math.max(known, Y.parseUpdateMeta(bytes).to.get(writer) ?? 0)
    })
  return Math.max(0, ...clocks)
}

const isPull = (message: Message): boolean => stateIn(message).vector !== undefined

test('with a peer nothing new leaves before its answer, and everything right after', () => {
  const table = new Table()
  const doc = written(5)
  const a = table.add('a', { doc })
  const b = table.add('b', { doc: copyOf(doc, 2) })
  restart(a)
  a.map.set('new', 1)
  table.handle(a, { type: 'peers', addresses: ['b'], source: 'given' })
  assert.ok(table.post.some(isPull), 'no pull is sent')
  assert.ok(a.gossip.statusOf(DOC)?.withheldUntil)
  table.advance(BATCH_MS)
  assert.is(a.replica.withheld, undefined)
  assert.is(b.map.get('new'), 1)
  assert.equal(a.gossip.statusOf(DOC)?.isUnproven, false)
  const asked = table.log.findIndex((message) => message.from === 'a' && isPull(message))
  const answered = table.log.findIndex(({ from }, i) => from === 'b' && i > asked)
  assert.is(highestClock({ ...table, log: table.log.slice(0, answered) } as Table, 'a'), 5)
})

test('a change made here can be read here, and the digest stays that of before', () => {
  const doc = written(3)
  const table = new Table()
  const a = table.add('a', { doc })
  const before = a.replica.digest
  restart(a)
  a.map.set('new', 1)
  a.map.set('key-0', 'changed')
  a.map.delete('key-1')
  assert.is(a.replica.digest, before)
  assert.is(a.map.get('key-0'), 'changed')
  assert.is(a.replica.publishedClock, 3)
  a.replica.release()
  assert.is.not(a.replica.digest, before)
})

test('without a peer it ends by itself, and the status shows it', () => {
  const table = new Table()
  const a = table.add('a', { doc: written(5) })
  restart(a)
  a.map.set('new', 1)
  table.change(a)
  table.advance(aloneMs - 1)
  assert.ok(a.replica.withheld)
  assert.is(a.gossip.statusOf(DOC)?.withheldUntil, table.now + 1)
  table.advance(1)
  assert.is(a.replica.withheld, undefined)
  assert.equal(a.gossip.statusOf(DOC)?.isUnproven, true)
  const b = table.add('b')
  table.introduce(['a', 'b'])
  table.round(a)
  table.advance(BATCH_MS)
  assert.is(b.map.get('new'), 1)
  table.round(b)
  table.advance(BATCH_MS)
  assert.equal(a.gossip.statusOf(DOC)?.isUnproven, false, 'a peer has it all by now')
})

for (const fate of ['failed', 'hangs'] as const) {
  test(`with peers that cannot be reached (${fate}) it ends by itself, too`, () => {
    const table = new Table()
    const a = table.add('a', { doc: written(5) })
    table.fate = () => fate
    restart(a)
    a.map.set('new', 1)
    table.handle(a, { type: 'peers', addresses: ['x', 'y'], source: 'given' })
    table.advance(aloneMs - 1)
    assert.ok(a.replica.withheld)
    assert.is(highestClock(table, 'a'), 5)
    table.advance(2)
    assert.is(a.replica.withheld, undefined)
  })
}

test('a lost answer is pulled again', () => {
  const table = new Table()
  const doc = written(5)
  const a = table.add('a', { doc })
  table.add('b', { doc: copyOf(doc, 2) })
  restart(a)
  a.map.set('new', 1)
  let lost = 0
  table.handle(a, { type: 'peers', addresses: ['b'], source: 'given' })
  table.advance(aloneMs - 1, ({ from }) => from === 'b' && lost++ === 0)
  assert.is(a.replica.withheld, undefined)
  assert.is(lost > 1, true)
})

test('a peer that is behind proves as much as one that is not', () => {
  const table = new Table()
  const doc = written(3)
  const b = table.add('b', { doc: copyOf(doc, 2) })
  doc.getMap('map').set('later', 1)
  const a = table.add('a', { doc })
  restart(a)
  doc.getMap('map').set('new', 1)
  table.handle(a, { type: 'peers', addresses: ['b'], source: 'given' })
  table.advance(BATCH_MS)
  assert.is(a.replica.withheld, undefined)
  assert.equal(b.map.toJSON(), a.map.toJSON())
})

test('nothing withheld is published before what a peer that is far ahead sends is here', () => {
  const table = new Table({ maxMessageBytes: 20_000 })
  const doc = written(3)
  const a = table.add('a', { doc })
  const b = table.add('b', { doc: copyOf(doc, 2) })
  for (let i = 0; i < 20; i++) b.map.set(`theirs-${i}`, noise(4_000, i))
  b.replica.takeLocal()
  restart(a)
  a.map.set('new', 1)
  table.handle(a, { type: 'peers', addresses: ['b'], source: 'given' })
  table.advance(BATCH_MS)
  assert.is(a.replica.withheld, undefined)
  assert.equal(b.map.toJSON(), a.map.toJSON())
  assert.is(a.map.size, 24)
})

test('a whole swarm that starts at once does not wait', () => {
  const table = new Table()
  const doc = written(3)
  const members = ['a', 'b', 'c'].map((name, i) => {
    const member = table.add(name, { doc: copyOf(doc, i + 1) })
    if (i > 0) member.map.set(`by ${name}`, i)
    member.replica.takeLocal()
    restart(member)
    member.map.set(`new of ${name}`, i)
    return member
  })
  table.introduce(['a', 'b', 'c'])
  for (const member of members) table.change(member)
  for (const member of members) table.round(member)
  table.advance(3 * BATCH_MS)
  for (const { replica } of members) assert.is(replica.withheld, undefined)
  for (const member of members) table.round(member)
  table.advance(3 * BATCH_MS)
  for (const { map } of members) assert.equal(map.toJSON(), members[0]!.map.toJSON())
  assert.is(members[0]!.map.size, 8)
})

test('a message from before the start proves nothing', () => {
  const table = new Table()
  const doc = written(5)
  const old = table.add('old', { doc: copyOf(doc, 3) })
  const a = table.add('a', { doc })
  old.gossip.peers.add('a', 'given')
  const [stale] = table.round(old)
  assert.ok(stale)
  table.members.delete('old')
  table.post.length = 0
  restart(a)
  a.map.set('new', 1)
  table.deliver(stale)
  assert.ok(a.replica.withheld)
  table.advance(aloneMs - 1)
  assert.ok(a.replica.withheld)
})

test('nothing of ours leaves under an id of which a peer knows more', () => {
  const table = new Table()
  const doc = written(5)
  const a = table.add('a', { doc })
  const theirs = copyOf(doc, 1)
  for (let i = 0; i < 3; i++) theirs.getMap('map').set(`theirs-${i}`, i)
  const b = table.add('b', { doc: copyOf(theirs, 2) })
  restart(a)
  for (let i = 0; i < 3; i++) a.map.set(`ours-${i}`, i)
  table.handle(a, { type: 'peers', addresses: ['b'], source: 'given' })
  table.advance(BATCH_MS)
  assert.is(highestClock(table, 'a'), 5)
  assert.is(a.replica.fork, 5)
  assert.ok(a.effects.some((effect) => effect.type === 'refused' && effect.reason === 'own_clock'))
  a.replica.rename(5, 9)
  table.change(a)
  table.advance(BATCH_MS)
  assert.equal(a.map.toJSON(), b.map.toJSON())
  assert.is(a.map.size, 11)
  assert.equal(idsIn(a.doc), idsIn(b.doc))
  assert.is(a.replica.digest, b.replica.digest)
})

test('a peer that pulls meanwhile gets its answer in the end, and none before that looks complete', () => {
  const table = new Table()
  const a = table.add('a', { doc: written(5) })
  const b = table.add('b')
  restart(a, 0)
  table.introduce(['a', 'b'])
  table.handle(b, { type: 'pull', document: DOC })
  table.settle(({ from }) => from === 'a')
  assert.is(b.gossip.statusOf(DOC)?.syncs, 0)
  table.round(a)
  table.settle(({ to }) => to === 'a')
  assert.is(b.gossip.statusOf(DOC)?.syncs, 0, 'an empty answer counted as everything')
  table.advance(aloneMs - 1) // what was lost is pulled again
  assert.is(a.replica.withheld, undefined)
  assert.is(b.map.size, 5)
  assert.ok(b.gossip.statusOf(DOC)!.syncs > 0)
})

test('two copies that both withhold detect each other when they publish', () => {
  const table = new Table()
  const [a, b] = ['a', 'b'].map((name) => {
    const doc = docOf(1)
    for (let i = 0; i < 4; i++) doc.getMap('map').set('k', `${i} of ${name}`)
    const member = table.add(name, { doc })
    restart(member, 0)
    return member
  })
  table.introduce(['a', 'b'])
  table.change(a!)
  table.change(b!)
  table.advance(2 * BATCH_MS)
  for (const { replica, map } of [a!, b!]) {
    assert.ok(replica.fork !== undefined)
    assert.is(map.size, 1, 'the deletes of another copy counted as its own')
  }
})

test.run()
